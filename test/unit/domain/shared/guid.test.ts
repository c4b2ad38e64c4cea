import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { parseGuid } from "../../../../src/domain/shared/guid.ts";
import { contosoId } from "../../../support/fixtures/ids.ts";
import { holds } from "../../../support/fixtures/property.ts";

describe("parseGuid", () => {
  test("accepts a GUID in either case and returns it in lower case", () => {
    assert.equal(parseGuid(contosoId), contosoId);
    assert.equal(parseGuid(contosoId.toUpperCase()), contosoId);
  });

  const wrong: unknown[] = [
    "",
    "common",
    "organizations",
    "contoso.onmicrosoft.com",
    `{${contosoId}}`,
    ` ${contosoId}`,
    `${contosoId}\n`,
    `${contosoId}/..`,
    contosoId.replaceAll("-", ""),
    contosoId.replace("-", "_"),
    contosoId.replace("2", "g"),
    contosoId.replace("2", "２"),
    `${contosoId.slice(1)}İ`,
    `%32${contosoId.slice(1, -2)}`,
    undefined,
    null,
    1,
    [contosoId],
    { toString: () => contosoId },
  ];
  for (const value of wrong) {
    test(`refuses ${typeof value === "string" ? JSON.stringify(value) : typeof value}`, () => {
      assert.equal(parseGuid(value), undefined);
    });
  }

  test("returns only what is safe in a path: lower-case hexadecimal digits and hyphens", async (t) => {
    const near = fc.stringMatching(/^[0-9a-fA-Fg\-{}%./]{34,38}$/);
    const property = fc.property(fc.oneof(fc.anything(), near, fc.uuid()), (value) => {
      const guid = parseGuid(value);
      if (guid !== undefined) assert.match(guid, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    });
    await holds(t, property, 2000);
  });
});
