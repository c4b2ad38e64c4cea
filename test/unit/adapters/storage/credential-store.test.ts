import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseCredentialState } from "../../../../src/adapters/storage/credential-store.ts";
import type { CertificateRecord } from "../../../../src/domain/credentials/credential-state.ts";
import { startMs } from "../../../support/fakes/clock.ts";

const valid: CertificateRecord = {
  x5tS256: "a".repeat(43),
  state: "active",
  sinceMs: startMs,
  canary: { atMs: startMs, ok: false, reason: "credential_rejected", codes: [700027] },
  refusedAtMs: startMs,
  disabledAtMs: startMs,
  isRetiredTold: true,
};
const other: CertificateRecord = { x5tS256: "b".repeat(43), state: "staged", sinceMs: 0 };
const parse = (value: unknown) => parseCredentialState(JSON.stringify(value));

test("a record is read as written, with all optional members and with none", () => {
  const retiring: CertificateRecord = { ...other, state: "retiring" };
  assert.deepEqual(parse([valid, other, retiring]), [valid, other, retiring]);
});

test("an old record with the reported threshold of days is read without it", () => {
  assert.deepEqual(parse([{ ...valid, warnedDays: 30 }]), [valid]);
});

describe("a record is refused, and the others of its row are read, if it has", () => {
  const faults: [name: string, change: object][] = [
    ...["sinceMs", "refusedAtMs", "disabledAtMs"].flatMap((name): [string, object][] => [
      [`${name} as text`, { [name]: String(startMs) }],
      [`${name} that no date can hold`, { [name]: 8.64e15 + 1 }],
      [`${name} before 1970`, { [name]: -1 }],
      [`${name} with a part of a millisecond`, { [name]: startMs + 0.5 }],
      [`${name} as null`, { [name]: null }],
    ]),
    ["a canary's time as text", { canary: { ...valid.canary, atMs: "now" } }],
    ["a canary's reason with control characters", { canary: { ...valid.canary, reason: "\u001b[2J" } }],
    ["a canary's reason that only begins with a word", { canary: { ...valid.canary, reason: "rejected\u001b[2J" } }],
    ["more numbers of a canary than Entra sends", { canary: { ...valid.canary, codes: Array(51).fill(700027) } }],
    ["a canary's numbers that are none", { canary: { ...valid.canary, codes: ["700027"] } }],
    ["a canary that is a text", { canary: "failed" }],
    ["a state that does not exist", { state: "gone" }],
    ["a thumbprint that is none", { x5tS256: "a" }],
    ["a thumbprint with something before it", { x5tS256: `\u001b${valid.x5tS256}` }],
    ["a thumbprint with something after it", { x5tS256: `${valid.x5tS256}\u001b` }],
    ["a flag as text", { isRetiredTold: "yes" }],
  ];
  for (const [name, change] of faults) {
    test(name, () => assert.deepEqual(parse([{ ...valid, ...change }, other]), [other]));
  }
});

test("anything other than a list of records is read as no state", () => {
  for (const json of ["", "{", "null", "{}", '"active"', "[null, 1, []]", undefined, 7]) {
    assert.deepEqual(parseCredentialState(json), []);
  }
});
