import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  classifyEntraError,
  type EntraErrorClass,
  numbersByClass,
} from "../../../../src/domain/issuing/entra-errors.ts";
import { holds } from "../../../support/fixtures/property.ts";

/** Numbers as documented under "Microsoft Entra authentication and authorization error codes". */
const classes = {
  credential_rejected: [
    700027, 7000274, 50012, 50013, 700030, 7000214, 7000277, 1000502, 70021, 700211, 700212, 700213, 7002137, 7002138,
    700226, 70025,
  ],
  clock_skewed: [700024],
  not_consented: [7000229, 700016, 700011, 65001, 90094, 90099],
  not_assigned: [501051, 50105],
  consent_incomplete: [650051, 65005, 650052, 650056],
  blocked: [53003, 530032, 530035, 50131, 50002, 500021, 500022, 500212, 500213, 5000224, 5000225, 70001, 7000112],
  tenant_not_found: [90002, 50059, 50128, 90038, 900382, 900432, 9001023],
  resource_not_available: [500011, 500014, 50001, 70011, 28002, 700022, 650054, 650057, 901002],
  throttled: [90055],
  unavailable: [90024, 90006, 90012, 90033, 50033, 50000],
  loop_detected: [50196],
  unexpected: [50048, 50027, 700021, 700023, 700025, 7000218, 7000215, 7000222],
} as const satisfies Record<EntraErrorClass, readonly number[]>;

describe("classifyEntraError", () => {
  for (const [name, numbers] of Object.entries(classes)) {
    test(`knows ${numbers.join(", ")} as ${name}, whatever else the answer contains`, () => {
      for (const number of numbers) {
        assert.equal(classifyEntraError({ status: 400, error: "invalid_request", errorCodes: [number] }), name);
        assert.equal(classifyEntraError({ status: 503, error: "invalid_client", errorCodes: [number] }), name);
        assert.equal(classifyEntraError({ status: 400, error: "", errorCodes: [999999999, number] }), name);
      }
    });
  }

  test("knows these numbers and no others", () => {
    assert.deepEqual(numbersByClass, classes);
  });

  test("uses the first of two numbers that it knows", () => {
    assert.equal(classifyEntraError({ status: 400, error: "", errorCodes: [700016, 90055] }), "not_consented");
  });

  const byStatus: [status: number, error: string, expected: EntraErrorClass][] = [
    [429, "", "throttled"],
    [429, "invalid_client", "throttled"],
    [500, "", "unavailable"],
    [503, "temporarily_unavailable", "unavailable"],
    [599, "invalid_client", "unavailable"],
    [401, "invalid_client", "unexpected"],
    [400, "invalid_client", "unexpected"],
    [400, "temporarily_unavailable", "unavailable"],
    [400, "invalid_grant", "unexpected"],
    [302, "", "unexpected"],
    [200, "", "unexpected"],
  ];
  for (const [status, error, expected] of byStatus) {
    test(`treats an unknown number with ${status} ${error} as ${expected}`, () => {
      assert.equal(classifyEntraError({ status, error, errorCodes: [123456] }), expected);
      assert.equal(classifyEntraError({ status, error, errorCodes: [] }), expected);
    });
  }

  test("never throws, and always returns one of its classes", async (t) => {
    const answer = fc.record({
      status: fc.integer(),
      error: fc.oneof(fc.string(), fc.constantFrom("__proto__", "constructor", "invalid_client")),
      errorCodes: fc.array(fc.oneof(fc.integer(), fc.double(), fc.constantFrom(...Object.values(classes).flat()))),
    });
    const property = fc.property(answer, (each) => {
      assert.ok(Object.hasOwn(classes, classifyEntraError(each)));
    });
    await holds(t, property, 1000);
  });
});
