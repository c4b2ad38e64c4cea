import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { errorClass } from "../../../../src/adapters/azure/error.ts";
import { keyId } from "../../../support/fixtures/policy.ts";

const error = (more: object, cause?: unknown) => Object.assign(new Error(keyId, { cause }), more);

describe("errorClass", () => {
  const cases: [name: string, value: unknown, expected: string][] = [
    [
      "tells class, code and status",
      error({ name: "RestError", code: "TableNotFound", statusCode: 404 }),
      "RestError TableNotFound 404",
    ],
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
