import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { RestError } from "@azure/data-tables";
import { errorClass, tableErrorCode } from "../../../../src/adapters/azure/error.ts";
import { keyId } from "../../../support/fixtures/policy.ts";

const error = (more: object, cause?: unknown) => Object.assign(new Error(keyId, { cause }), more);

describe("errorClass", () => {
  const cases: [name: string, value: unknown, expected: string][] = [
    [
      "tells class, code and status",
      error({ name: "RestError", code: "TableNotFound", statusCode: 404 }),
      "RestError TableNotFound 404",
    ],
    ["tells a code of 64 letters", error({ code: `aZ_09${"x".repeat(59)}` }), `Error aZ_09${"x".repeat(59)}`],
    ["tells a code that is a number", error({ code: 7 }), "Error 7"],
    ["leaves out codes with a line break", error({ code: "x\n" }), "Error"],
    ["leaves out causes that are no errors", error({}, { code: "ECONNRESET" }), "Error"],
    ["leaves out the code of a cause that is a text", error({}, error({ code: keyId })), "Error"],
    ["tells the code of the cause", error({}, error({ code: "ECONNRESET" })), "Error ECONNRESET"],
    ["tells of a plain error its class", new TypeError(keyId), "TypeError"],
    ["leaves out codes that are texts", error({ code: keyId }), "Error"],
    ["leaves out codes that are long", error({ code: "x".repeat(65) }), "Error"],
    ["leaves out codes that are tokens", error({ code: "eyJhbGciOiJub25lIn0.e30." }), "Error"],
    ["leaves out names that are texts", error({ name: "Error: see https://x" }), ""],
    ["leaves out codes that are objects", error({ code: { keyId } }), "Error"],
    ["says unknown of what is no error", keyId, "unknown"],
    ["says unknown of nothing", undefined, "unknown"],
    ["says unknown of what only looks like one", { name: "Error", code: "x" }, "unknown"],
  ];
  for (const [name, value, expected] of cases) test(name, () => assert.equal(errorClass(value), expected));
});

describe("the code of an error of a table", () => {
  const restError = (details?: object) => Object.assign(new RestError("x", { statusCode: 409 }), { details });
  const cases: [what: string, value: unknown, code: string | undefined][] = [
    ["is the service's own", restError({ odataError: { code: "EntityAlreadyExists" } }), "EntityAlreadyExists"],
    ["is unknown where the service names none", restError({ odataError: {} }), undefined],
    ["is unknown where it is no text", restError({ odataError: { code: 7 } }), undefined],
    ["is unknown where there are no details of the service", restError({}), undefined],
    ["is unknown where there are no details", restError(), undefined],
    ["is unknown of another error", error({ details: { odataError: { code: "EntityAlreadyExists" } } }), undefined],
  ];
  for (const [what, value, code] of cases) test(what, () => assert.equal(tableErrorCode(value), code));
});
