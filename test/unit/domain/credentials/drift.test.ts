import assert from "node:assert/strict";
import { createHash, X509Certificate } from "node:crypto";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  type ExpectedCredentials,
  expectedCredentials,
  findDrift,
  type RegisteredCredentials,
  thumbprintOf,
} from "../../../../src/domain/credentials/drift.ts";
import { clouds } from "../../../../src/domain/shared/cloud.ts";
import type { Guid } from "../../../../src/domain/shared/guid.ts";
import { newer, newest, older } from "../../../support/fixtures/credentials.ts";
import { holds } from "../../../support/fixtures/property.ts";

const federated = {
  issuer: "https://login.microsoftonline.com/11111111-1111-4111-8111-111111111111/v2.0",
  subject: "22222222-2222-4222-8222-222222222222",
  audiences: ["api://AzureADTokenExchange"],
};
const expected: ExpectedCredentials = { certificates: [older, newer], federated };
/** Exactly what the policy says. Each test breaks one thing. */
const found: RegisteredCredentials = {
  keys: [
    { on: "application", keyId: "k1", der: older.der },
    { on: "application", keyId: "k2", der: newer.der },
  ],
  passwords: [],
  federated: [{ id: "f1", ...federated }],
  isInstanceLocked: true,
};

const differences = (changes: Partial<RegisteredCredentials>, policy = expected) =>
  findDrift(policy, { ...found, ...changes }).map(({ difference: _, ...facts }) => facts);

test("a registration that matches the policy is no difference", () => {
  assert.deepEqual(findDrift(expected, found), []);
});

test("the order of the registered entries is no difference", () => {
  assert.deepEqual(differences({ keys: found.keys.toReversed() }), []);
});

describe("a key", () => {
  test("that is not in the policy is reported with its thumbprint, at the highest severity", () => {
    const keys = [...found.keys, { on: "application" as const, keyId: "k3", der: newest.der }];
    const { thumbprint } = newest;
    assert.deepEqual(differences({ keys }), [
      { finding: "foreign_key", severity: 0, on: "application", keyId: "k3", thumbprint },
    ]);
  });

  test("whose certificate is not shown counts as foreign", () => {
    const keys = [...found.keys, { on: "application" as const, keyId: "k3" }];
    assert.deepEqual(differences({ keys }), [{ finding: "foreign_key", severity: 0, on: "application", keyId: "k3" }]);
  });

  test("of the service principal is foreign, even if it is one of ours", () => {
    const keys = [...found.keys, { on: "servicePrincipal" as const, keyId: "k3", der: older.der }];
    const { thumbprint } = older;
    assert.deepEqual(differences({ keys }), [
      { finding: "foreign_key", severity: 0, on: "servicePrincipal", keyId: "k3", thumbprint },
    ]);
  });

  test("does not become ours because an attacker put our thumbprint or our entry's id on it", () => {
    const [first] = found.keys;
    const forged = { ...first, customKeyIdentifier: older.thumbprint, displayName: older.keyName, der: newest.der };
    const keys = [...found.keys, forged as (typeof found.keys)[number]];
    assert.deepEqual(
      differences({ keys }).map(({ finding, thumbprint }) => [finding, thumbprint]),
      [["foreign_key", newest.thumbprint]],
    );
  });

  test("is not ours if it only begins with our certificate", () => {
    const longer = Buffer.concat([Buffer.from(older.der, "base64"), Buffer.from([0])]).toString("base64");
    const keys = [...found.keys, { on: "application" as const, keyId: "k3", der: longer }];
    assert.deepEqual(
      differences({ keys }).map(({ finding }) => finding),
      ["foreign_key"],
    );
  });
});

describe("a client secret", () => {
  for (const on of ["application", "servicePrincipal"] as const) {
    test(`of the ${on} is a difference: Keyhold has none`, () => {
      assert.deepEqual(differences({ passwords: [{ on, keyId: "p1" }] }), [
        { finding: "foreign_password", severity: 0, on, keyId: "p1" },
      ]);
    });
  }
});

describe("a federated credential", () => {
  const others = {
    issuer: { issuer: "https://attacker.example" },
    subject: { subject: "33333333-3333-4333-8333-333333333333" },
    "subject in another case": { subject: federated.subject.replaceAll("2", "A") },
    audience: { audiences: ["api://other"] },
    "further audience": { audiences: [...federated.audiences, "api://other"] },
    "missing audience": { audiences: [] },
  };
  for (const [what, change] of Object.entries(others)) {
    test(`with a ${what} is foreign`, () => {
      const other = { id: "f2", ...federated, ...change };
      const { issuer, subject } = other;
      assert.deepEqual(differences({ federated: [...found.federated, other] }), [
        { finding: "foreign_federation", severity: 0, on: "application", keyId: "f2", issuer, subject },
      ]);
    });
  }

  test("is foreign if the policy names none", () => {
    assert.deepEqual(
      differences({}, { certificates: expected.certificates }).map(({ finding }) => finding),
      ["foreign_federation"],
    );
  });

  test("that the policy names is missing if it is not registered", () => {
    assert.deepEqual(differences({ federated: [] }), [
      { finding: "missing_federation", severity: 1, on: "application" },
    ]);
  });
});

describe("a certificate of the policy", () => {
  test("that is not registered is reported as missing, by its thumbprint", () => {
    assert.deepEqual(differences({ keys: found.keys.slice(0, 1) }), [
      { finding: "missing_certificate", severity: 1, on: "application", thumbprint: newer.thumbprint },
    ]);
  });

  test("is also missing if only the service principal has it", () => {
    const keys = [...found.keys.slice(0, 1), { on: "servicePrincipal" as const, keyId: "k2", der: newer.der }];
    assert.deepEqual(
      differences({ keys }).map(({ finding, on }) => `${finding} ${on}`),
      ["foreign_key servicePrincipal", "missing_certificate application"],
    );
  });
});

test("every audience of several is compared", () => {
  const both = { ...federated, audiences: [...federated.audiences, "api://second"] };
  const policy = { ...expected, federated: both };
  const other = { id: "f1", ...federated, audiences: [...federated.audiences, "api://other"] };
  assert.deepEqual(
    differences({ federated: [other] }, policy).map(({ finding }) => finding),
    ["foreign_federation", "missing_federation"],
  );
  assert.deepEqual(differences({ federated: [{ id: "f1", ...both }] }, policy), []);
});

test("every difference is described in words", () => {
  const der = newest.der;
  const all = findDrift(expected, {
    keys: [
      { on: "application", keyId: "k", der },
      { on: "application", keyId: "k" },
    ],
    passwords: [{ on: "application", keyId: "p" }],
    federated: [{ id: "f", issuer: "i", subject: "s", audiences: [] }],
    isInstanceLocked: false,
  });
  assert.deepEqual(
    all.map(({ difference }) => difference),
    [
      "a certificate is registered that the policy does not list",
      "a key is registered whose certificate Graph does not show",
      "a client secret is registered: Keyhold uses none",
      "a federated credential is registered that the policy does not list",
      "the policy lists a certificate that is not registered at the application",
      "the policy lists a certificate that is not registered at the application",
      "the policy lists a federated credential that is not registered at the application",
      "the app instance property lock does not cover all properties: customers could add credentials",
    ],
  );
});

describe("what the policy expects of a client", () => {
  const homeTenantId = "11111111-1111-4111-8111-111111111111" as Guid;
  const identity = { identityClientId: homeTenantId, identityObjectId: federated.subject as Guid };

  test("is its certificates and nothing else", () => {
    assert.deepEqual(expectedCredentials({ certificates: [older] }, clouds.public, homeTenantId), {
      certificates: [older],
    });
  });

  test("is for a federated client the home tenant's issuer, the identity and the cloud's audience", () => {
    const client = { certificates: [], federation: identity };
    assert.deepEqual(expectedCredentials(client, clouds.public, homeTenantId), { certificates: [], federated });
  });
});

test("a disabled instance lock is a difference", () => {
  assert.deepEqual(differences({ isInstanceLocked: false }), [
    { finding: "instance_lock_off", severity: 1, on: "application" },
  ]);
});

test("a thumbprint equals the one that the certificate reader returns", () => {
  const certificate = new X509Certificate(Buffer.from(older.der, "base64"));
  assert.equal(thumbprintOf(older.der), certificate.fingerprint.replaceAll(":", ""));
  assert.equal(older.thumbprint, thumbprintOf(older.der));
});

test("every foreign entry among ours is found, and none of ours is reported", async (t) => {
  const on = fc.constantFrom("application" as const, "servicePrincipal" as const);
  const id = fc.uuid();
  const der = fc.uint8Array({ minLength: 1, maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString("base64"));
  const keys = fc.array(fc.record({ on, keyId: id, der }, { requiredKeys: ["on", "keyId"] }), { maxLength: 6 });
  const passwords = fc.array(fc.record({ on, keyId: id }), { maxLength: 4 });
  const audiences = fc.array(fc.string(), { maxLength: 2 });
  const text = fc.oneof(fc.string(), fc.constant(federated.issuer), fc.constant(federated.subject));
  const federations = fc.array(fc.record({ id, issuer: text, subject: text, audiences }), { maxLength: 4 });
  const foreign = fc.record({ keys, passwords, federated: federations, order: fc.integer() });
  await holds(
    t,
    fc.property(foreign, (theirs) => {
      const shuffled = <T>(list: readonly T[]) =>
        list.toSorted((a, b) => rank(a, theirs.order).localeCompare(rank(b, theirs.order)));
      const all: RegisteredCredentials = {
        keys: shuffled([...found.keys, ...theirs.keys]),
        passwords: theirs.passwords,
        federated: shuffled([...found.federated, ...theirs.federated]),
        isInstanceLocked: true,
      };
      const told = findDrift(expected, all).map(({ keyId }) => keyId);
      const there = [...theirs.keys, ...theirs.passwords].map(({ keyId }) => keyId);
      assert.deepEqual(told.toSorted(), [...there, ...theirs.federated.map((each) => each.id)].toSorted());
    }),
  );
});

function rank(value: unknown, salt: number): string {
  return createHash("sha256")
    .update(`${salt} ${JSON.stringify(value)}`)
    .digest("hex");
}
