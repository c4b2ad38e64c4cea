/** Which part a fault is about, and for which requests that part is down. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { namesOf, partOf, saysThatAllAreUp } from "../../../../src/domain/issuing/parts.ts";
import { Fault, type FaultCode } from "../../../../src/domain/shared/fault.ts";
import { billingAzp, contosoId } from "../../../support/fixtures/ids.ts";
import { keyId } from "../../../support/fixtures/policy.ts";

const origin = new URL(keyId).origin;
const names = namesOf({ keyId, tenantId: contosoId });

test("an attempt needs the ledger, then the vault and its key or an identity, then Entra and the tenant", () => {
  assert.deepEqual(names, ["ledger", `vault ${origin}`, `key ${keyId}`, "entra", `entra ${contosoId}`]);
  assert.deepEqual(namesOf({ identityClientId: billingAzp, tenantId: contosoId }), [
    ...["ledger", `identity ${billingAzp}`, "entra", `entra ${contosoId}`],
  ]);
  assert.deepEqual(namesOf({ keyId }), ["ledger", `vault ${origin}`, `key ${keyId}`]);
  assert.deepEqual(namesOf({ tenantId: contosoId }), ["ledger", "entra", `entra ${contosoId}`]);
});

describe("the fault", () => {
  const parts: [code: FaultCode, part: string | undefined][] = [
    ["ledger_unavailable", "ledger"],
    ["signer_throttled", `vault ${origin}`],
    ["signer_unavailable", `vault ${origin}`],
    ["signer_unauthorized", `vault ${origin}`],
    ["signer_forbidden", `key ${keyId}`],
    ["signer_key_disabled", `key ${keyId}`],
    ["signer_key_not_found", `key ${keyId}`],
    ["signer_rejected", `key ${keyId}`],
    ["token_endpoint_throttled", `entra ${contosoId}`],
    ["token_endpoint_unavailable", "entra"],
    ["signature_not_ours", undefined],
    ["certificate_not_valid", undefined],
    ["credential_rejected", undefined],
    ["clock_skewed", undefined],
    ["token_endpoint_rejected", undefined],
    ["token_not_as_asked", undefined],
    ["identity_unavailable", undefined],
  ];
  for (const [code, part] of parts) {
    test(`${code} is about ${part?.split(" ")[0] ?? "none of the parts"}`, () => {
      assert.equal(partOf(new Fault(code), names), part);
    });
  }

  test("identity_unavailable is about the identity if one is needed", () => {
    assert.equal(
      partOf(new Fault("identity_unavailable"), namesOf({ identityClientId: billingAzp })),
      `identity ${billingAzp}`,
    );
  });

  test("token_endpoint_unavailable with an answer, even without numbers, is about the tenant", () => {
    assert.equal(partOf(new Fault("token_endpoint_unavailable", { codes: [] }), names), `entra ${contosoId}`);
  });
});

test("an answer from Entra about a credential, a clock or a request shows that every part is up; nothing else does", () => {
  const codes: FaultCode[] = [
    ...(["credential_rejected", "clock_skewed", "token_endpoint_rejected", "token_not_as_asked"] as const),
    ...(["signature_not_ours", "certificate_not_valid", "token_endpoint_unavailable", "signer_rejected"] as const),
  ];
  const up = codes.filter((code) => saysThatAllAreUp(new Fault(code)));
  assert.deepEqual(up, codes.slice(0, 4));
});
