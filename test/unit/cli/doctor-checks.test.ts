import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { CredentialUnavailableError } from "@azure/identity";
import { generateSigningKey } from "../../../local/emulators/entra/signing-key.ts";
import { type Check, type CheckResult, green, grey, red, runChecks } from "../../../src/cli/doctor/check.ts";
import { doctorChecks, doctorReport, documentChecks } from "../../../src/cli/doctor/command.ts";
import { kindOfAddress } from "../../../src/cli/doctor/network.ts";
import type { DoctorPorts, Probe } from "../../../src/cli/doctor/ports.ts";
import { loadPolicy } from "../../../src/cli/policy/load-policy.ts";
import { type AuditStore, VaultLogUnavailable } from "../../../src/domain/audit/ports.ts";
import { ApplicationDirectoryError } from "../../../src/domain/credentials/ports.ts";
import type { IdpRecord, LastKnownGood } from "../../../src/domain/metadata/last-known-good.ts";
import type { PolicyDocument } from "../../../src/domain/policy/document.ts";
import { clouds } from "../../../src/domain/shared/cloud.ts";
import { refuse } from "../../../src/domain/shared/result.ts";
import { startMs } from "../../support/fakes/clock.ts";
import { createFakeCredentialStore } from "../../support/fakes/credential-store.ts";
import { createFakeMetadataStore } from "../../support/fakes/metadata-store.ts";
import { foreign, type KeyWithCertificate, registered } from "../../support/fixtures/certificates.ts";
import { idpDocument, storedBody } from "../../support/fixtures/idp-document.ts";
import * as ids from "../../support/fixtures/ids.ts";
import { outcomes, tokenIntent } from "../../support/fixtures/ledger.ts";
import { compiled, grant, validPolicy } from "../../support/fixtures/policy.ts";
import { documentRecord, publishedKey } from "../../support/fixtures/stored-metadata.ts";
import { createFakeLedgerSearch, createFakePlace, entry } from "./cli-world.ts";

const minuteMs = 60_000;
const answer = (status: number, body?: unknown, headers: Record<string, string> = {}) => {
  return { status, headers: new Headers(headers), body };
};
const inner = (code: string) => ({ error: { code: "Forbidden", message: "https://vault", innererror: { code } } });

/** As the vault answers to an identity that may sign with the policy's keys, and nothing else. */
const asSigner: Probe = async ({ url, method }) =>
  method === "POST" && url.includes("/client-assertion/") && url.includes("/sign?")
    ? answer(400, inner("BadParameter"))
    : answer(403, inner("ForbiddenByRbac"));
const asStranger: Probe = async () => answer(403, inner("ForbiddenByRbac"));

const vaultId = "/subscriptions/1/resourceGroups/keyhold/providers/Microsoft.KeyVault/vaults/keyhold";
const azure: Record<string, unknown> = {
  vaults: {
    tags: { "keyhold-key-size": "2048" },
    properties: { enablePurgeProtection: true, enableRbacAuthorization: true, publicNetworkAccess: "Disabled" },
  },
  diagnosticSettings: {
    value: [{ properties: { workspaceId: "/w", logs: [{ categoryGroup: "audit", enabled: true }] } }],
  },
  scheduledQueryRules: { value: [{ name: "theft", properties: { enabled: true } }] },
  metricAlerts: { value: [{ name: "signs", properties: { enabled: true } }] },
};
const resources: Probe = async ({ url }) => {
  const [, kind = ""] = /\/(diagnosticSettings|scheduledQueryRules|metricAlerts)\?/.exec(url) ?? [];
  return answer(200, azure[kind || "vaults"]);
};

/** A number of so many bits, as a JWK has it. */
function modulusOf(bits: number): string {
  const bytes = Buffer.alloc(Math.ceil(bits / 8), 0xff);
  bytes[0] = 0xff >> (bytes.length * 8 - bits);
  return bytes.toString("base64url");
}

function healthyPorts(): DoctorPorts {
  const ledger = createFakeLedgerSearch();
  ledger.rows = [entry(tokenIntent(startMs - 5 * minuteMs), outcomes[0])];
  const [certificate] = compiled().clients.get(ids.clientId)?.certificates ?? [];
  const credentialStore = createFakeCredentialStore();
  const canary = { atMs: startMs - minuteMs, ok: true };
  const x5tS256 = certificate?.x5tS256 ?? "";
  credentialStore.states.set(ids.clientId, [{ x5tS256, state: "active", sinceMs: 1, canary }]);
  const state = { watermarkMs: startMs - 130 * minuteMs, arrivalsToMs: startMs - 3 * minuteMs, revisit: [] };
  return {
    config: {
      ...{ cloud: clouds.public, homeTenantId: ids.homeTenantId, vaultResourceId: vaultId },
      ...{ policy: { blobUrl: "https://a.blob.core.windows.net/p/policy.json" } },
      ...{ ledgerTableUrl: "https://a.table.core.windows.net/l", auditTableUrl: "https://a.table.core.windows.net/a" },
      metadataContainerUrl: "https://a.blob.core.windows.net/metadata",
    } as DoctorPorts["config"],
    clock: () => startMs,
    policy: compiled(),
    network: { reach: async () => ({ address: "10.0.0.4", dateMs: startMs }) },
    entra: () => ({ get: async () => refuse({ reason: "not_reachable" as const, code: "ECONNREFUSED" }) }),
    requestTokenOf: { signing: async () => {}, storage: async () => {}, monitoring: async () => {} },
    vaultAs: { signing: asSigner, storage: asStranger },
    withTries: true,
    vaultAsOperator: async () =>
      answer(200, { key: { key_ops: ["sign"], n: modulusOf(2048) }, attributes: { exportable: false } }),
    policyAsStorage: async () => answer(403, undefined, { server: "Windows-Azure-Blob/1.0" }),
    resources,
    ledger,
    auditStore: { loadState: async () => ({ state, etag: "1" }) } as unknown as AuditStore,
    metadataStore: createFakeMetadataStore(),
    credentialStore,
    vaultLog: {
      arrivals: async () => [{ fromMs: startMs - 9 * minuteMs, rows: 1 }],
    },
    ownerOf: async () => ids.homeTenantId,
    directory: {
      credentialsOf: async () => ({
        keys: [{ on: "application" as const, keyId: "1", der: certificate?.der ?? "" }],
        ...{ passwords: [], federated: [], isInstanceLocked: true },
      }),
    },
  };
}

const options = { parallel: 4, deadlineMs: 2_000 };

async function line(id: string, differing: Partial<DoctorPorts> = {}): Promise<CheckResult> {
  const checks = doctorChecks({ ...healthyPorts(), ...differing }).filter((check) => check.id === id);
  const [result] = await runChecks(checks, options);
  assert.ok(result, `there is a line ${id}`);
  return result;
}

test("a deployment in which all is as it must be has no red line, but for what these fakes do not have: metadata", async () => {
  const results = await runChecks(doctorChecks(healthyPorts()), options);
  const ids_ = results.filter(({ state }) => state !== "green").map(({ id }) => id.split("/").slice(0, 2).join("/"));
  assert.deepEqual(ids_, ["network/entra", `metadata/${ids.homeTenantId}`]);
});

const vaultAnswers: [what: string, answer: ReturnType<typeof answer>, state: string, expected: RegExp][] = [
  ["403 for want of the right", answer(403, inner("ForbiddenByRbac")), "green", /refused with 403/],
  ["403 by an access policy", answer(403, inner("AccessDenied")), "green", /refused with 403/],
  ["403 without a reason", answer(403), "green", /refused with 403/],
  ["403 by the key and not for want of a right", answer(403, inner("KeyNotExportable")), "red", /KeyNotExportable/],
  ["404", answer(404, inner("KeyNotFound")), "red", /the signing identity would have been allowed to/],
  ["400", answer(400), "red", /would have been allowed to/],
  ["200", answer(200), "red", /answered 200/],
  ["403 by the firewall", answer(403, inner("ForbiddenByFirewall")), "grey", /says nothing about rights/],
  ["429", answer(429), "grey", /429/],
  ["500", answer(500), "grey", /500/],
];
for (const [what, given, state, expected] of vaultAnswers) {
  test(`a try that must be refused is ${state} where the vault answers ${what}`, async () => {
    const result = await line("vault/signing/release", { vaultAs: { signing: async () => given } });
    assert.equal(result.state, state);
    assert.match(result.reason, expected);
    assert.doesNotMatch(JSON.stringify(result), /https:/);
  });
}

test("permission to sign is proven by 400 alone: signed, forbidden, disabled or missing is red", async () => {
  for (const given of [
    answer(200),
    answer(403, inner("ForbiddenByRbac")),
    answer(403, inner("KeyDisabled")),
    answer(404),
  ]) {
    assert.equal((await line("vault/signing/sign", { vaultAs: { signing: async () => given } })).state, "red");
  }
  assert.equal((await line("vault/signing/sign", { vaultAs: { signing: async () => answer(429) } })).state, "grey");
});

test("what needs an identity that is not here is grey, with the way to run it", async () => {
  const result = await line("vault/signing/backup", { vaultAs: {} });
  assert.equal(result.state, "grey");
  assert.match(result.reason, /run it where that is/);
  const operator = async () => Promise.reject(new CredentialUnavailableError("az of /home/somebody"));
  assert.match((await line("keys/exportable", { vaultAsOperator: operator })).reason, /az login/);
});

const reds: [id: string, what: string, differing: Partial<DoctorPorts>, expected: RegExp][] = [
  [
    "identity/signing",
    "no token",
    { requestTokenOf: { signing: async () => Promise.reject(new Error("x")) } },
    /gave none/,
  ],
  [
    "network/vault/keyhold-tests.vault.azure.net",
    "no connection",
    { network: { reach: async () => Promise.reject(Object.assign(new Error("x"), { code: "ENOTFOUND" })) } },
    /ENOTFOUND/,
  ],
  [
    "clock/entra",
    "a clock that is off by more than a minute",
    { network: { reach: async () => ({ address: "1.2.3.4", dateMs: startMs + 61_000 }) } },
    /61 s behind Entra/,
  ],
  [
    "storage/policy-write",
    "412",
    { policyAsStorage: async () => answer(412, undefined, { server: "Windows-Azure-Blob/1.0" }) },
    /412/,
  ],
  [
    "keys/exportable",
    "an exportable key",
    { vaultAsOperator: async () => answer(200, { attributes: { exportable: true } }) },
    /is exportable/,
  ],
  [
    "keys/operations",
    "a key that decrypts",
    { vaultAsOperator: async () => answer(200, { key: { key_ops: ["sign", "decrypt"] } }) },
    /also for decrypt/,
  ],
  [
    "keys/size",
    "a key of another size than was deployed",
    { resources: async () => answer(200, { tags: { "keyhold-key-size": "3072" } }) },
    /is of 2048 bits, not 3072/,
  ],
  [
    "keys/size",
    "a key that is a bit too short",
    { vaultAsOperator: async () => answer(200, { key: { n: modulusOf(2047) } }) },
    /is of 2047 bits, not 2048/,
  ],
  [
    "keys/size",
    "a key that is no RSA key",
    { vaultAsOperator: async () => answer(200, { key: { kty: "EC-HSM" } }) },
    /is no RSA key/,
  ],
  ["audit/run", "an audit that stopped", { clock: () => startMs + 40 * minuteMs }, /ran 43 min ago/],
  ["audit/vault-log", "a log without rows beside a ledger with signatures", logWithoutRows(), /though the ledger has/],
  [
    "audit/vault-log",
    "a log that may not be read",
    { vaultLog: { arrivals: async () => Promise.reject(new VaultLogUnavailable("forbidden")) } },
    /forbidden/,
  ],
  [
    "azure/vault",
    "no purge protection",
    { resources: async () => answer(200, { properties: {} }) },
    /no purge protection; access policies.*open to every network/,
  ],
  [
    "azure/diagnostics",
    "no diagnostic setting",
    { resources: async () => answer(200, { value: [] }) },
    /no diagnostic setting/,
  ],
  [
    "azure/alerts",
    "a disabled alert, named as it is called and no more",
    { resources: async () => answer(200, { value: [{ name: "theft\u001b[2J", properties: { enabled: false } }] }) },
    /^disabled: theft\?\[2J$/,
  ],
];
for (const [id, what, differing, expected] of reds) {
  test(`${id} is red for ${what}, with why it matters and what helps`, async () => {
    const result = await line(id, differing);
    assert.ok(result.state === "red", `${result.state}: ${result.reason}`);
    assert.match(result.reason, expected);
    assert.ok(result.why.length > 10 && result.remedy.length > 10);
  });
}

test("without what was deployed, the size of keys is grey", async () => {
  for (const body of [undefined, {}, { tags: {} }, { tags: { "keyhold-key-size": "many" } }]) {
    const result = await line("keys/size", { resources: async () => answer(body ? 200 : 403, body) });
    assert.equal(result.state, "grey", JSON.stringify(body));
  }
});

function logWithoutRows(): Partial<DoctorPorts> {
  const ledger = createFakeLedgerSearch();
  ledger.rows = [entry(tokenIntent(startMs - 60 * minuteMs), outcomes[0])];
  return { ledger, vaultLog: { arrivals: async () => [] } };
}

test("a deployment that is new is grey where nothing can be there yet, and red once its ledger is older", async () => {
  const auditStore = { loadState: async () => undefined } as unknown as AuditStore;
  const old = createFakeLedgerSearch();
  old.rows = [entry(tokenIntent(startMs - 180 * minuteMs), outcomes[0])];
  for (const id of ["audit/run", `metadata/${ids.homeTenantId}`]) {
    assert.equal((await line(id, { auditStore })).state, "grey", id);
    assert.equal((await line(id, { auditStore, ledger: old })).state, "red", id);
  }
});

test("idp.xml is green while it is valid and made from what is verified, and has no line where nobody signs it", async () => {
  const { publisher: _, ...policy } = compiled();
  const [certificate] = policy.clients.get(ids.clientId)?.certificates ?? [];
  assert.ok(certificate);
  const active = { ...certificate, state: "active" as const };
  const publisher = { active, certificates: [active] };
  const federation = { ...documentRecord("<EntityDescriptor/>", startMs), signedBy: "k", keys: [], former: [] };
  const key = publishedKey(await generateSigningKey());
  const idpBy = async ({ privateKey }: KeyWithCertificate): Promise<IdpRecord> => {
    const validUntilMs = startMs + minuteMs;
    const content = { validUntilMs, certificates: [key.certificate], signingKey: privateKey, named: active.der };
    const text = await idpDocument({ entityId: `https://sts.windows.net/${ids.homeTenantId}/`, ...content });
    return { ...storedBody(text), madeFromSha256: federation.sha256, publisherX5tS256: "", validUntilMs };
  };
  const genuine = await idpBy(registered);
  const checkOf = async (idp: IdpRecord | undefined) => {
    const metadataStore = createFakeMetadataStore();
    const record: LastKnownGood = {
      ...{ version: 2, federation: { ...federation, keys: [key], signedBy: key.kid }, keys: [] },
      ...(idp && { idp }),
    };
    metadataStore.blobs.set(ids.homeTenantId, { text: JSON.stringify(record), etag: "1" });
    const ledger = createFakeLedgerSearch();
    ledger.rows = [entry(tokenIntent(startMs - 180 * minuteMs), outcomes[0])];
    const { state, reason } = await line(`idp/${ids.homeTenantId}`, {
      ...{ metadataStore, ledger, policy: { ...policy, publisher } },
    });
    return `${state}: ${reason}`;
  };
  assert.match(await checkOf(genuine), /^green: valid until/);
  assert.match(await checkOf(undefined), /^red: it was never published/);
  assert.match(await checkOf({ ...genuine, validUntilMs: startMs }), /^red: it was valid until/);
  assert.match(await checkOf({ ...genuine, madeFromSha256: "older" }), /^red: it was made from older metadata/);
  assert.match(await checkOf(await idpBy(foreign)), /^red: what is stored is not one of the publisher's/);
  const lines = doctorChecks({ ...healthyPorts(), policy });
  assert.ok(lines.every(({ id }) => !id.startsWith("idp/")));
});

test("storage that is not Azure's and Graph that refuses make their lines grey, with the reason", async () => {
  const foreign = await line("storage/policy-write", {
    policyAsStorage: async () => answer(412, undefined, { server: "Azurite\u001b" }),
  });
  assert.match(foreign.reason, /^the server is not Azure Storage \(Azurite\??\)/);
  const directory = {
    credentialsOf: async () => Promise.reject(new ApplicationDirectoryError("graph_forbidden", "403")),
  };
  const drift = await line("drift/broker", { directory });
  assert.deepEqual([drift.state, drift.reason], ["grey", "Microsoft Graph: graph_forbidden (403)"]);
});

test("the policy's withheld scopes, and suspensions that are not valid or cannot be read, are red with the remedy", async () => {
  const context = { cloud: clouds.public, homeTenantId: ids.homeTenantId, nowMs: startMs };
  const suspensions = createFakePlace<string | undefined>(undefined, "policy.suspensions.json");
  const check = async (document: PolicyDocument) => {
    const loaded = await loadPolicy(createFakePlace(JSON.stringify(document), "policy.json"), context);
    return runChecks(documentChecks(loaded, suspensions), { parallel: 1, deadlineMs: 1_000 });
  };
  const states = async (document = validPolicy()) => (await check(document)).map(({ state }) => state);
  assert.deepEqual(await states(), ["green", "green"]);
  const grants = [grant({ tenants: ["home"], scopes: [ids.vaultScope] })];
  const [policy] = await check({ ...validPolicy(), grants });
  assert.equal(policy?.state, "red");
  assert.match(policy?.reason ?? "", /grants\[0\]\.scopes\[0\]: is not granted in the home tenant/);
  suspensions.text = "{";
  assert.deepEqual(await states(), ["green", "red"]);
  suspensions.readFailure = Object.assign(new Error("no"), { code: "EACCES" });
  assert.deepEqual(await states(), ["green", "red"]);
});

test("an API of homeApis that another tenant owns, Microsoft for example, is red; one that is not known is grey", async () => {
  const id = `home-api/${ids.homeApiId}`;
  assert.equal((await line(id)).state, "green");
  const microsoft = ids.guid("f8cdef31-a31e-4b4a-93e4-5f571e91255a");
  const foreign = await line(id, { ownerOf: async () => microsoft });
  assert.deepEqual([foreign.state, foreign.reason], ["red", `its owner is the tenant ${microsoft}`]);
  assert.equal((await line(id, { ownerOf: async () => undefined })).state, "red");
  const refused = async () => Promise.reject(new ApplicationDirectoryError("graph_forbidden", "403"));
  assert.match((await line(id, { ownerOf: refused })).reason, /graph_forbidden/);
});

test("lines keep their order however long each takes, and never more run at once than allowed", async () => {
  let running = 0;
  let most = 0;
  const checks = Array.from(
    { length: 12 },
    (_, i): Check => ({
      id: `${i}`,
      title: "",
      async run() {
        most = Math.max(most, ++running);
        await sleep((12 - i) % 5);
        running -= 1;
        return green(`${i}`);
      },
    }),
  );
  const results = await runChecks(checks, { parallel: 3, deadlineMs: 5_000 });
  assert.deepEqual(
    results.map(({ reason }) => reason),
    checks.map(({ id }) => id),
  );
  assert.equal(most, 3);
});

test("a check that hangs and one that throws are grey and keep no other; what was thrown is told by its kind", async () => {
  const hang: Check = { id: "hang", title: "", run: () => new Promise(() => {}) };
  const fail: Check = { id: "fail", title: "", run: () => Promise.reject(new RangeError("https://secret")) };
  const fine: Check = { id: "fine", title: "", run: async () => green("fine") };
  const results = await runChecks([hang, fail, fine], { parallel: 1, deadlineMs: 20 });
  assert.deepEqual(
    results.map(({ state, reason }) => [state, reason]),
    [
      ["grey", "no answer within 0.02 s"],
      ["grey", "could not be checked (RangeError)"],
      ["green", "fine"],
    ],
  );
});

test("one red line is exit code 1, none is 0, and nothing but grey is 3", () => {
  const of = (...verdicts: ReturnType<typeof green>[]) =>
    doctorReport(
      verdicts.map((verdict) => ({ id: "x", title: "x", ...verdict })),
      [],
    ).exit;
  assert.equal(of(green("a"), grey("b"), red("c", "d", "e")), 1);
  assert.equal(of(green("a"), grey("b")), 0);
  assert.equal(of(grey("a"), grey("b")), 3);
});

test("addresses are told apart: private, public, this machine", () => {
  for (const address of [
    "10.1.2.3",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "100.64.0.1",
    "fd00::1",
    "::ffff:10.0.0.1",
  ]) {
    assert.equal(kindOfAddress(address), "private", address);
  }
  for (const address of ["172.32.0.1", "100.128.0.1", "11.0.0.1", "2603:1030::1"])
    assert.equal(kindOfAddress(address), "public", address);
  for (const address of ["127.0.0.1", "::1", "::ffff:127.0.0.1"]) assert.equal(kindOfAddress(address), "this machine");
});

test("each check that is done is reported, whatever came of it", async () => {
  const failing = { id: "b", title: "b", run: () => Promise.reject(new TypeError("no")) };
  const checks: Check[] = [{ id: "a", title: "a", run: async () => green("it is") }, failing];
  const seen: number[] = [];
  await runChecks(checks, { parallel: 2, deadlineMs: 5_000, onProgress: (done) => seen.push(done) });
  assert.deepEqual(seen, [1, 2]);
});
