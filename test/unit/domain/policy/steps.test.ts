/** Compiling a policy can pause after each entry, so that a large one does not block the event loop. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { policySteps } from "../../../../src/domain/policy/compile.ts";
import type { PolicyDocument } from "../../../../src/domain/policy/document.ts";
import { clouds } from "../../../../src/domain/shared/cloud.ts";
import { startMs } from "../../../support/fakes/clock.ts";
import { foreign } from "../../../support/fixtures/certificates.ts";
import * as ids from "../../../support/fixtures/ids.ts";
import { certificateDocument, grant, keyVersion, validPolicy, vaultHost } from "../../../support/fixtures/policy.ts";

const more = 10;
const numbers = Array.from({ length: more }, (_, i) => i);
const id = (i: number) => `42000000-0000-4000-8000-${String(i).padStart(12, "0")}`;

function stepsOf(change: (document: PolicyDocument) => void): number {
  const document = validPolicy();
  change(document);
  const steps = policySteps(document, { cloud: clouds.public, homeTenantId: ids.homeTenantId, nowMs: startMs });
  let count = 0;
  while (!steps.next().done) count++;
  return count;
}

const withGrantOf = (tenants: string[]) => (document: PolicyDocument) => {
  document.grants = [grant({ tenants })];
};
const withPublisher = (document: PolicyDocument) => {
  const keyId = `https://${vaultHost}/keys/publisher/${keyVersion}`;
  document.publisher = { keyId, certificate: foreign.pem };
};
const withCertificates = (document: PolicyDocument) => {
  const [client] = document.clients;
  if (client) client.certificates = numbers.map(() => certificateDocument());
};

const cases: [what: string, few: (document: PolicyDocument) => void, many: (document: PolicyDocument) => void][] = [
  [
    "tenants",
    () => {},
    ({ tenants }) =>
      tenants.push(...numbers.map((i) => ({ name: `t-${i}`, tenantId: id(i), state: "active" as const }))),
  ],
  [
    "metadata sources",
    () => {},
    ({ metadata }) => metadata.push(...numbers.map((i) => ({ tenant: id(i), onDiscontinuity: "hold" as const }))),
  ],
  ["tenants of one grant", withGrantOf([]), withGrantOf(numbers.map(() => "contoso"))],
];
for (const [what, few, many] of cases) {
  test(`there is one more step for each of ten more ${what}`, () => {
    assert.equal(stepsOf(many) - stepsOf(few), more);
  });
}

test("there is one more step for each certificate that the publisher is compared with", () => {
  const both = (document: PolicyDocument) => {
    withPublisher(document);
    withCertificates(document);
  };
  const compared = stepsOf(both) - stepsOf(withCertificates);
  assert.equal(compared - (stepsOf(withPublisher) - stepsOf(() => {})), more - 1);
});
