/** Validation of a policy: every problem, by path, all at once, never with the value. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { keyNamesOf, vaultKeysOf } from "../../../../src/domain/policy/access-policy.ts";
import { compilePolicy } from "../../../../src/domain/policy/compile.ts";
import type {
  FederationDocument,
  PolicyDocument,
  PublisherCertificateDocument,
} from "../../../../src/domain/policy/document.ts";
import type { PolicyProblem } from "../../../../src/domain/policy/problem.ts";
import { clouds } from "../../../../src/domain/shared/cloud.ts";
import { startMs } from "../../../support/fakes/clock.ts";
import { foreign, makeEllipticCurve, makeRsa, registered } from "../../../support/fixtures/certificates.ts";
import * as ids from "../../../support/fixtures/ids.ts";
import {
  certificateDocument,
  grant,
  keyId,
  keyVersion,
  named,
  validPolicy,
  vaultHost,
} from "../../../support/fixtures/policy.ts";

const weak = await makeRsa(1024);
const ellipticCurve = await makeEllipticCurve();
const context = { cloud: clouds.public, homeTenantId: ids.homeTenantId, nowMs: startMs };

function problemsOf(change: (policy: PolicyDocument) => void): PolicyProblem[] {
  const policy = validPolicy();
  change(policy);
  const result = compilePolicy(policy, context);
  return Array.isArray(result) ? result : [];
}

const withGrant = (overrides: Parameters<typeof grant>[0]) => (policy: PolicyDocument) => {
  policy.grants = [grant(overrides)];
};
const withCertificate = (overrides: Parameters<typeof certificateDocument>[0]) => (policy: PolicyDocument) => {
  named(policy.clients, "broker").certificates = [certificateDocument(overrides)];
  policy.grants = [];
};
const withMetadata =
  (...entries: { tenant?: string; appId?: string }[]) =>
  (policy: PolicyDocument) => {
    policy.metadata = entries.map((entry) => ({ tenant: ids.contosoId, onDiscontinuity: "hold", ...entry }));
  };
const withPublisher = (overrides: Partial<NonNullable<PolicyDocument["publisher"]>>) => (policy: PolicyDocument) => {
  const own = keyId.replace("client-assertion", "publisher");
  policy.publisher = { keyId: own, certificate: registered.pem, ...overrides };
};
const publisherKeyId = keyId.replace("client-assertion", "publisher");
const inList = (
  state: PublisherCertificateDocument["state"],
  overrides: Partial<PublisherCertificateDocument> = {},
): PublisherCertificateDocument => ({ keyId: publisherKeyId, certificate: foreign.pem, state, ...overrides });
const withPublisherList =
  (...certificates: PublisherCertificateDocument[]) =>
  (policy: PolicyDocument) => {
    policy.publisher = { certificates };
  };
const newerOfPublisher = {
  keyId: publisherKeyId.replace(/.$/, "0"),
  certificate: (await makeRsa(2048)).pem,
};
const federation = { identityClientId: ids.billingAzp, identityObjectId: ids.billingObjectId };
const withFederation = (overrides: Partial<FederationDocument>) => (policy: PolicyDocument) => {
  const client = named(policy.clients, "broker");
  client.certificates = undefined;
  client.managedIdentityFederation = { ...federation, ...overrides };
};
const certificatePath = "clients[0].certificates[0]";

test("a valid policy compiles to rules by id", () => {
  const policy = compilePolicy(validPolicy(), context);
  assert.ok(!Array.isArray(policy));
  assert.deepEqual([policy.clients.size, policy.tenants.size, policy.callers.size, policy.grants.size], [2, 4, 3, 6]);
  const [certificate] = policy.clients.get(ids.clientId)?.certificates ?? [];
  assert.deepEqual(
    [certificate?.keyId, certificate?.keyName, certificate?.keyVersion],
    [keyId, "client-assertion", keyVersion],
  );
});

test("tokensNotBefore is a time in any zone, and a future time from a fast clock counts as now", () => {
  for (const [written, expectedMs] of [
    ["2026-06-01T11:00:00Z", startMs - 3_600_000],
    ["2026-06-01T13:00:00.5+02:00", startMs - 3_599_500],
    ["2026-06-01T12:00:00Z", startMs],
    ["2026-06-01T12:05:00Z", startMs],
  ] as const) {
    const document = validPolicy();
    named(document.tenants, "contoso").tokensNotBefore = written;
    const policy = compilePolicy(document, context);
    assert.ok(!Array.isArray(policy));
    assert.equal(policy.tenants.get(ids.contosoId)?.tokensNotBeforeMs, expectedMs, written);
    assert.equal(policy.tenants.get(ids.fabrikamId)?.tokensNotBeforeMs, undefined);
  }
});

test("of the publisher's certificates the active one signs, and all are found by their keys", () => {
  const document = validPolicy();
  withPublisherList(inList("retiring"), inList("active", newerOfPublisher))(document);
  const policy = compilePolicy(document, context);
  assert.ok(!Array.isArray(policy));
  assert.equal(policy.publisher?.active.keyId, newerOfPublisher.keyId);
  assert.deepEqual(
    policy.publisher?.certificates.map(({ state }) => state),
    ["retiring", "active"],
  );
  assert.deepEqual(keyNamesOf(policy), ["client-assertion", "publisher"]);
});

test("a publisher with one key and certificate, as in older policies, has one active certificate", () => {
  const document = validPolicy();
  withPublisher({ certificate: foreign.pem })(document);
  const policy = compilePolicy(document, context);
  assert.ok(!Array.isArray(policy));
  assert.deepEqual(policy.publisher?.certificates, [policy.publisher?.active]);
  assert.deepEqual([policy.publisher?.active.keyId, policy.publisher?.active.state], [publisherKeyId, "active"]);
});

test("metadata rules are stored by the name of their source", () => {
  const document = validPolicy();
  document.metadata = [
    { tenant: ids.contosoId.toUpperCase(), onDiscontinuity: "hold" },
    { tenant: ids.contosoId, appId: ids.clientId.toUpperCase(), onDiscontinuity: "accept-and-alarm" },
    { tenant: "common", onDiscontinuity: "hold" },
  ];
  const policy = compilePolicy(document, context);
  assert.ok(!Array.isArray(policy));
  assert.deepEqual(
    [...policy.metadata],
    [
      [ids.contosoId, { tenant: ids.contosoId, appId: undefined, onDiscontinuity: "hold" }],
      [
        `${ids.contosoId}.${ids.clientId}`,
        { tenant: ids.contosoId, appId: ids.clientId, onDiscontinuity: "accept-and-alarm" },
      ],
      ["common", { tenant: "common", appId: undefined, onDiscontinuity: "hold" }],
    ],
  );
});

test("without a publisher the keys are those of the clients", () => {
  const policy = compilePolicy(validPolicy(), context);
  assert.ok(!Array.isArray(policy) && policy.publisher === undefined);
  assert.deepEqual(keyNamesOf(policy), ["client-assertion"]);
});

test("of each vault that signs for callers there is one key, which is enough to connect to it", () => {
  const document = validPolicy();
  const [client] = document.clients;
  assert.ok(client);
  const [name, version] = ["keys/client-assertion", "1123456789abcdef0123456789abcdef"];
  client.certificates = [
    certificateDocument(),
    certificateDocument({ keyId: `https://${vaultHost}/${name}/${version}`, certificate: foreign.pem }),
  ];
  const second = "https://keyhold-second.vault.azure.net";
  const retired = named(document.clients, "retired");
  retired.certificates = [certificateDocument({ keyId: `${second}/${name}/${version}` })];
  const policy = compilePolicy(document, context);
  assert.ok(!Array.isArray(policy), JSON.stringify(policy));
  assert.deepEqual(
    vaultKeysOf(policy).map((keyId) => new URL(keyId).origin),
    [`https://${vaultHost}`, second],
  );
});

test("an empty policy is valid and grants nothing", () => {
  const policy = compilePolicy(
    { clients: [], tenants: [], callers: [], grants: [], metadata: [], homeApis: [] },
    context,
  );
  assert.ok(!Array.isArray(policy) && policy.grants.size === 0);
});

const cases: [name: string, change: (policy: PolicyDocument) => void, path: string, rule: RegExp][] = [
  [
    "a client id that is no GUID",
    (p) => Object.assign(named(p.clients, "retired"), { clientId: "x" }),
    "clients[1].clientId",
    /GUID/,
  ],
  [
    "a tenant id that is no GUID",
    (p) => Object.assign(named(p.tenants, "fabrikam"), { tenantId: "fabrikam.com" }),
    "tenants[1].tenantId",
    /GUID/,
  ],
  [
    "an object id that is no GUID",
    (p) => Object.assign(named(p.callers, "leaver"), { objectId: "" }),
    "callers[2].objectId",
    /GUID/,
  ],
  ["an azp that is no GUID", (p) => Object.assign(named(p.callers, "leaver"), { azp: "x" }), "callers[2].azp", /GUID/],
  [
    "a caller of another tenant",
    (p) => Object.assign(named(p.callers, "leaver"), { tenantId: ids.contosoId }),
    "callers[2].tenantId",
    /home tenant/,
  ],
  [
    "two clients of one name",
    (p) => Object.assign(named(p.clients, "retired"), { name: "broker" }),
    "clients[1].name",
    /unique/,
  ],
  [
    "two clients of one id",
    (p) => Object.assign(named(p.clients, "retired"), { clientId: ids.clientId }),
    "clients[1].clientId",
    /unique/,
  ],
  [
    "two tenants of one name",
    (p) => Object.assign(named(p.tenants, "fabrikam"), { name: "contoso" }),
    "tenants[1].name",
    /unique/,
  ],
  [
    "two tenants of one id in other case",
    (p) => Object.assign(named(p.tenants, "fabrikam"), { tenantId: ids.contosoId.toUpperCase() }),
    "tenants[1].tenantId",
    /unique/,
  ],
  [
    "a tenant that is named all-active",
    (p) => Object.assign(named(p.tenants, "fabrikam"), { name: "all-active" }),
    "tenants[1].name",
    /must not be "all-active"/,
  ],
  [
    "tokensNotBefore that is no time",
    (p) => Object.assign(named(p.tenants, "fabrikam"), { tokensNotBefore: "yesterday" }),
    "tenants[1].tokensNotBefore",
    /RFC 3339/,
  ],
  [
    "tokensNotBefore in the future",
    (p) => Object.assign(named(p.tenants, "fabrikam"), { tokensNotBefore: "2026-06-01T12:05:00.001Z" }),
    "tenants[1].tokensNotBefore",
    /must not be in the future/,
  ],
  [
    "two callers of one name",
    (p) => Object.assign(named(p.callers, "leaver"), { name: "billing" }),
    "callers[2].name",
    /unique/,
  ],
  [
    "two callers of one id",
    (p) => Object.assign(named(p.callers, "leaver"), { objectId: ids.billingObjectId }),
    "callers[2].objectId",
    /unique/,
  ],
  ["a grant for an unknown caller", withGrant({ caller: "nobody" }), "grants[0].caller", /callers/],
  ["a grant for an unknown client", withGrant({ client: "nothing" }), "grants[0].client", /clients/],
  ["a grant for an unknown tenant", withGrant({ tenants: ["contoso", "nowhere"] }), "grants[0].tenants[1]", /tenants/],
  ["a grant by tenant id instead of name", withGrant({ tenants: [ids.contosoId] }), "grants[0].tenants[0]", /name/],
  ["a wildcard among tenants", withGrant({ tenants: ["*"] }), "grants[0].tenants[0]", /name/],
  ["all-active among names", withGrant({ tenants: ["all-active"] }), "grants[0].tenants[0]", /name/],
  ["a grant for tokens without scope", withGrant({ scopes: [] }), "grants[0].scopes", /at least one/],
  ["a grant for assertions alone with scopes", withGrant({ issues: ["assertion"] }), "grants[0].scopes", /empty/],
  [
    "a scope that is not .default",
    withGrant({ scopes: [ids.graphScope, "User.Read"] }),
    "grants[0].scopes[1]",
    /\.default/,
  ],
  ["a wildcard scope", withGrant({ scopes: ["*"] }), "grants[0].scopes[0]", /\.default/],
  ["Graph in the home tenant", withGrant({ tenants: ["contoso", "home"] }), "grants[0]", /Microsoft Graph/],
  [
    "assertions for the home tenant",
    withGrant({ tenants: ["home"], scopes: [], issues: ["assertion"] }),
    "grants[0]",
    /Microsoft Graph/,
  ],
  [
    "a key without version",
    withCertificate({ keyId: keyId.replace(`/${keyVersion}`, "") }),
    certificatePath,
    /versioned/,
  ],
  [
    "a key of another host",
    withCertificate({ keyId: keyId.replace(vaultHost, "evil.example") }),
    certificatePath,
    /of this cloud/,
  ],
  [
    "a key of a host that only ends like a vault",
    withCertificate({ keyId: keyId.replace(vaultHost, "a.b.vault.azure.net") }),
    certificatePath,
    /of this cloud/,
  ],
  [
    "a key of another cloud",
    withCertificate({ keyId: keyId.replace("vault.azure.net", "vault.azure.cn") }),
    certificatePath,
    /of this cloud/,
  ],
  ["a key over http", withCertificate({ keyId: keyId.replace("https", "http") }), certificatePath, /of this cloud/],
  [
    "a key with a port",
    withCertificate({ keyId: keyId.replace(vaultHost, `${vaultHost}:8443`) }),
    certificatePath,
    /of this cloud/,
  ],
  [
    "a key with a user name",
    withCertificate({ keyId: keyId.replace("https://", "https://user:password@") }),
    certificatePath,
    /of this cloud/,
  ],
  ["a key with a query", withCertificate({ keyId: `${keyId}?api-version=7.4` }), certificatePath, /of this cloud/],
  ["a key with a fragment", withCertificate({ keyId: `${keyId}#x` }), certificatePath, /of this cloud/],
  ["a key with a path more", withCertificate({ keyId: `${keyId}/sign` }), certificatePath, /versioned/],
  [
    "a key by way of dots",
    withCertificate({ keyId: keyId.replace("/keys/", "/x/../keys/") }),
    certificatePath,
    /versioned/,
  ],
  [
    "a secret instead of a key",
    withCertificate({ keyId: keyId.replace("/keys/", "/secrets/") }),
    certificatePath,
    /versioned/,
  ],
  ["a certificate that is none", withCertificate({ certificate: "x" }), certificatePath, /X\.509/],
  [
    "a certificate with the private key",
    withCertificate({ certificate: `${registered.pem}\n-----BEGIN PRIVATE KEY-----` }),
    certificatePath,
    /private key/,
  ],
  ["a certificate with a weak key", withCertificate({ certificate: weak.pem }), certificatePath, /2048/],
  ["a certificate of an elliptic curve", withCertificate({ certificate: ellipticCurve.pem }), certificatePath, /RSA/],
  [
    "metadata of a domain name",
    withMetadata({ tenant: "contoso.com" }),
    "metadata[0].tenant",
    /^must be a GUID or one of common, organizations, consumers$/,
  ],
  ["metadata of an application that is no GUID", withMetadata({ appId: "x" }), "metadata[0].appId", /GUID/],
  [
    "metadata that is listed twice, in other case",
    withMetadata({}, { tenant: ids.contosoId.toUpperCase() }),
    "metadata[1]",
    /unique/,
  ],
  [
    "a publisher without version",
    withPublisher({ keyId: "https://v.vault.azure.net/keys/x" }),
    "publisher",
    /versioned/,
  ],
  ["a publisher whose certificate is none", withPublisher({ certificate: "x" }), "publisher", /X\.509/],
  ["a publisher without a certificate", withPublisher({ certificate: undefined }), "publisher", /either/],
  ["a publisher with one and a list", withPublisher({ certificates: [inList("active")] }), "publisher", /either/],
  [
    "a list of a publisher beside a key alone",
    withPublisher({ certificates: [inList("active")], certificate: undefined }),
    "publisher",
    /either/,
  ],
  [
    "a list of a publisher beside a certificate alone",
    withPublisher({ certificates: [inList("active")], keyId: undefined }),
    "publisher",
    /either/,
  ],
  ["a list without an active one", withPublisherList(inList("staged")), "publisher.certificates", /exactly one/],
  [
    "a list with two active ones",
    withPublisherList(inList("active"), inList("active", newerOfPublisher)),
    "publisher.certificates",
    /exactly one/,
  ],
  [
    "a list with a certificate twice",
    withPublisherList(inList("active"), inList("staged")),
    "publisher.certificates[1]",
    /twice/,
  ],
  [
    "a list with a client's key",
    withPublisherList(inList("active"), inList("staged", { ...newerOfPublisher, keyId })),
    "publisher.certificates[1].keyId",
    /not be the key of a client/,
  ],
  [
    "a list with a certificate that is none",
    withPublisherList(inList("active"), inList("staged", { certificate: "x" })),
    "publisher.certificates[1]",
    /X\.509/,
  ],
  ["a publisher with a client's key", withPublisher({ keyId }), "publisher.keyId", /not be the key of a client/],
  [
    "a publisher with a client's key, its name in other case: the vault does not tell them apart",
    withPublisher({
      keyId: keyId.replace("client-assertion", "Client-Assertion"),
      certificate: foreign.pem,
    }),
    "publisher.keyId",
    /not be the key of a client/,
  ],
  [
    "a publisher with another version of a client's key",
    withPublisher({
      keyId: keyId.replace(keyVersion, keyVersion.split("").reverse().join("")),
      certificate: foreign.pem,
    }),
    "publisher.keyId",
    /not be the key of a client/,
  ],
  [
    "a publisher with a client's certificate: the key is the same, whatever the URL says",
    withPublisher({ keyId: keyId.replace("client-assertion", "publisher") }),
    "publisher.keyId",
    /not be the key of a client/,
  ],
  [
    "a client without any credential",
    (policy) => {
      named(policy.clients, "broker").certificates = undefined;
    },
    "clients[0]",
    /either certificates or managedIdentityFederation/,
  ],
  [
    "a client with a key and a federation: nobody would know which is used",
    (policy) => {
      named(policy.clients, "broker").managedIdentityFederation = federation;
    },
    "clients[0]",
    /either certificates or managedIdentityFederation/,
  ],
  [
    "a federation with an identity that is no GUID",
    withFederation({ identityClientId: "x" }),
    "clients[0].managedIdentityFederation.identityClientId",
    /GUID/,
  ],
  [
    "a federation with a subject that is no GUID",
    withFederation({ identityObjectId: "x" }),
    "clients[0].managedIdentityFederation.identityObjectId",
    /GUID/,
  ],
  [
    "an assertion of a federated client: it would be the identity's own token",
    withFederation({}),
    "grants[4].issues",
    /must not hand out assertions/,
  ],
  [
    "a certificate that is listed twice",
    (policy) => {
      named(policy.clients, "broker").certificates = [certificateDocument(), certificateDocument()];
    },
    "clients[0].certificates[1]",
    /twice/,
  ],
];

describe("a policy is refused for", () => {
  for (const [name, change, path, rule] of cases) {
    test(name, () => {
      const problems = problemsOf(change);
      const problem = problems.find((each) => each.path === path);
      assert.ok(problem, `${path} is among ${JSON.stringify(problems)}`);
      assert.match(problem.rule, rule);
    });
  }
});

test("all problems are reported at once, those inside an entry with a wrong id too", () => {
  const problems = problemsOf((policy) => {
    Object.assign(named(policy.clients, "broker"), { clientId: "x" });
    named(policy.clients, "broker").certificates = [certificateDocument({ keyId: "x", certificate: "x" })];
    Object.assign(named(policy.callers, "leaver"), { objectId: "x", tenantId: "x", azp: "x" });
    policy.grants = [grant({ tenants: ["nowhere"], scopes: ["x"] })];
  });
  const paths = problems.map(({ path }) => path);
  for (const path of [
    "clients[0].clientId",
    certificatePath,
    "callers[2].objectId",
    "callers[2].tenantId",
    "callers[2].azp",
    "grants[0].client",
    "grants[0].tenants[0]",
    "grants[0].scopes[0]",
  ]) {
    assert.ok(paths.includes(path), `${path} is among ${paths.join(", ")}`);
  }
});

test("a certificate of an invalid client is reported beside a publisher too", () => {
  const problems = problemsOf((policy) => {
    withCertificate({ certificate: "x" })(policy);
    withPublisherList(inList("active"))(policy);
  });
  assert.deepEqual([...new Set(problems.map(({ path }) => path))], [certificatePath]);
});

test("a publisher's key must not be the key of any client", () => {
  const problems = problemsOf((policy) => {
    const broker = named(policy.clients, "broker");
    broker.certificates = [
      ...(broker.certificates ?? []),
      { ...newerOfPublisher, keyId: keyId.replace("client", "x") },
    ];
    withPublisher({ keyId })(policy);
  });
  assert.ok(problems.some(({ path, rule }) => path === "publisher.keyId" && /not be the key of a client/.test(rule)));
});

test("no problem repeats a value, for any value", () => {
  const canary = "CANARY";
  const marked = (text: string) => `${text}${canary}`;
  const problems = problemsOf((policy) => {
    for (const client of policy.clients) {
      client.clientId = marked(client.clientId);
      for (const each of client.certificates ?? [])
        Object.assign(each, { keyId: marked(each.keyId), certificate: canary });
    }
    for (const tenant of policy.tenants) tenant.tenantId = marked(tenant.tenantId);
    for (const caller of policy.callers) {
      Object.assign(caller, { tenantId: canary, azp: canary, objectId: marked(caller.objectId) });
    }
    for (const each of policy.grants) {
      Object.assign(each, { caller: canary, client: canary, tenants: [canary], scopes: [canary] });
    }
  });
  const again = problemsOf((policy) => {
    for (const client of policy.clients) {
      Object.assign(client, { name: canary });
      for (const each of client.certificates ?? [])
        Object.assign(each, { keyId: marked(each.keyId), certificate: canary });
    }
    for (const caller of policy.callers) Object.assign(caller, { name: canary, azp: canary });
    for (const tenant of policy.tenants) tenant.name = canary;
  });
  assert.ok(problems.length > 15 && again.length > 10);
  assert.doesNotMatch(JSON.stringify([problems, again]), new RegExp(canary));
});
