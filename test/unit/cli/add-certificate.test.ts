import assert from "node:assert/strict";
import { createHash, createPublicKey, webcrypto, X509Certificate } from "node:crypto";
import { test } from "node:test";
import { compilePolicyText } from "../../../src/adapters/policy/compile-text.ts";
import { addCertificate } from "../../../src/cli/certificate/add-certificate.ts";
import type { AddCertificateInput } from "../../../src/cli/certificate/certificate-report.ts";
import { addToPublisher } from "../../../src/cli/certificate/publisher-entry.ts";
import { createRegistration, type Registration } from "../../../src/cli/certificate/registration.ts";
import { buildTbsCertificate } from "../../../src/cli/certificate/self-signed-certificate.ts";
import type { KeyOwner, VaultKey } from "../../../src/cli/certificate/vault-key.ts";
import { CommandProblem } from "../../../src/cli/command-problem.ts";
import type { Edit } from "../../../src/cli/policy/edit-policy.ts";
import type { RestRequest } from "../../../src/cli/rest.ts";
import type { CertificateDocument } from "../../../src/domain/policy/document.ts";
import { clouds } from "../../../src/domain/shared/cloud.ts";
import { Fault } from "../../../src/domain/shared/fault.ts";
import { startMs } from "../../support/fakes/clock.ts";
import {
  foreign,
  type KeyWithCertificate,
  makeRsa,
  registered,
  signDigest,
} from "../../support/fixtures/certificates.ts";
import * as ids from "../../support/fixtures/ids.ts";
import { validPolicy, vaultHost } from "../../support/fixtures/policy.ts";
import { createFakePlace } from "./cli-world.ts";

/** A vault that holds real keys and signs digests with them, as Key Vault does. */
const newest = await makeRsa(2048);
const keyIdOf = (version: string) => `https://${vaultHost}/keys/client-assertion/${version.repeat(32)}`;
const vaultKey = ({ privateKey }: KeyWithCertificate, version: string): VaultKey => ({
  ...{
    keyId: keyIdOf(version),
    keyType: "RSA-HSM",
    publicKey: createPublicKey(privateKey.export({ type: "pkcs8", format: "pem" })),
  },
});

function createFakeVault() {
  const keys = new Map([[keyIdOf("1"), registered]]);
  const vault = {
    signs: [] as { keyId: string; algorithm: string; bytes: number }[],
    created: 0,
    signWith: undefined as KeyWithCertificate | undefined,
    answerAs: undefined as string | undefined,
    failure: undefined as unknown,
  };
  const owner: KeyOwner = {
    async read(name) {
      if (vault.failure) throw vault.failure;
      return name === "client-assertion" ? vaultKey(registered, "1") : undefined;
    },
    async create() {
      vault.created += 1;
      keys.set(keyIdOf("2"), newest);
      return vaultKey(newest, "2");
    },
    async sign({ keyId, algorithm, digest }) {
      vault.signs.push({ keyId, algorithm, bytes: digest.length });
      const { privateKey } = vault.signWith ?? keys.get(keyId) ?? registered;
      return { signature: signDigest(privateKey, digest), keyId: vault.answerAs ?? keyId, requestId: "request-1" };
    },
  };
  return { ...vault, vault, owner };
}

function createWorld() {
  const text = `${JSON.stringify(validPolicy(), undefined, 4)}\n`;
  const place = createFakePlace(text, "policy.json");
  const context = { cloud: clouds.public, homeTenantId: ids.homeTenantId, nowMs: startMs };
  const compiled = compilePolicyText(text, context);
  assert.ok(!("problems" in compiled));
  const { vault, owner } = createFakeVault();
  const steps: string[] = [];
  const saved: string[] = [];
  const registration: Registration = {
    async prepare() {
      steps.push("prepare");
      return {
        existing: 2,
        certificates: [],
        async add({ der }) {
          steps.push("add");
          saved.push(der);
        },
      };
    },
  };
  const etag = createHash("sha256").update(text).digest("hex");
  const edits = (value: CertificateDocument): Edit[] => [{ append: ["clients", 0, "certificates"], value }];
  const policy = { loaded: { text, etag, ...compiled }, edits, place, context };
  const input: AddCertificateInput = {
    ...{ owner: { name: "broker", clientId: ids.clientId }, keyName: "client-assertion", days: 90 },
    ...{ newVersion: false, register: false, dryRun: false },
  };
  const pems: string[] = [];
  const save = async (pem: string) => void pems.push(pem);
  const ports = { keys: owner, registration, save, nowMs: startMs };
  return { input, ports, vault, place, steps, saved, policy, pems, context, text };
}

test("the certificate is of the vault's key, signed by it, self-issued, for signatures alone, and valid as long as asked", async () => {
  const { input, ports, pems, vault } = createWorld();
  const report = await addCertificate(input, ports);
  const certificate = new X509Certificate(pems[0] ?? "");
  const publicKey = createPublicKey(registered.pem);
  assert.equal(report.exit, 0);
  assert.ok(certificate.publicKey.equals(publicKey) && certificate.verify(publicKey));
  assert.equal(certificate.subject, "CN=broker");
  assert.equal(certificate.issuer, certificate.subject);
  assert.equal(certificate.ca, false);
  assert.equal(certificate.validFromDate.getTime(), startMs - 600_000);
  assert.equal(certificate.validToDate.getTime(), startMs + 90 * 86_400_000);
  assert.deepEqual(vault.signs, [{ keyId: keyIdOf("1"), algorithm: "RS256", bytes: 32 }]);
});

test("another implementation reads the certificate, with its critical key usage and key identifier", async () => {
  await import("reflect-metadata");
  const {
    X509Certificate: Peculiar,
    KeyUsagesExtension,
    KeyUsageFlags,
    BasicConstraintsExtension,
  } = await import("@peculiar/x509");
  const { input, ports, pems } = createWorld();
  await addCertificate(input, ports);
  const certificate = new Peculiar(pems[0] ?? "");
  const usage = certificate.getExtension(KeyUsagesExtension);
  const constraints = certificate.getExtension(BasicConstraintsExtension);
  assert.deepEqual([usage?.usages, usage?.critical], [KeyUsageFlags.digitalSignature, true]);
  assert.deepEqual([constraints?.ca, constraints?.critical], [false, true]);
  assert.equal(certificate.extensions.length, 3);
  assert.ok(await certificate.verify({ signatureOnly: true }, webcrypto as never));
  assert.match(certificate.serialNumber, /^[4-7][0-9a-f]{31}$/);
});

test("years from 2050 on are written with four digits", () => {
  const publicKey = createPublicKey(registered.pem);
  const times = { notBeforeMs: Date.UTC(2049, 11, 31, 23, 59, 59), notAfterMs: Date.UTC(2050, 0, 1) };
  const tbs = buildTbsCertificate({ commonName: "x", publicKey, ...times }).toString("latin1");
  assert.ok(tbs.includes("491231235959Z") && tbs.includes("20500101000000Z"));
});

test("a new version is made first, and the certificate is of it", async () => {
  const { input, ports, pems, vault } = createWorld();
  await addCertificate({ ...input, newVersion: true }, ports);
  assert.equal(vault.created, 1);
  assert.equal(vault.signs[0]?.keyId, keyIdOf("2"));
  assert.ok(new X509Certificate(pems[0] ?? "").publicKey.equals(vaultKey(newest, "2").publicKey));
});

test("what a vault has signed with another key is used for nothing", async () => {
  const { input, ports, pems, vault, steps, place, policy } = createWorld();
  vault.signWith = foreign;
  const all = { ...input, register: true, policy };
  await assert.rejects(addCertificate(all, ports), /not by this key: it was not used/);
  vault.signWith = undefined;
  vault.answerAs = keyIdOf("9");
  await assert.rejects(addCertificate(all, ports), /not by this key/);
  assert.deepEqual([pems, steps, place.writes], [[], ["prepare", "prepare"], 0]);
});

test("with --register and --policy it is registered first, then appended in the manner of the file, and the policy is valid", async () => {
  const { input, ports, place, steps, pems, policy, saved, context, text } = createWorld();
  const report = await addCertificate({ ...input, newVersion: true, register: true, policy }, ports);
  assert.deepEqual(steps, ["prepare", "add"]);
  const compiled = compilePolicyText(place.text, context);
  assert.ok(!("problems" in compiled), JSON.stringify(compiled));
  const certificates = compiled.policy.clients.get(ids.clientId)?.certificates ?? [];
  assert.deepEqual(
    certificates.map(({ keyId }) => keyId.slice(-1)),
    ["f", "2"],
  );
  assert.equal(certificates[1]?.der, saved[0]);
  const withoutIt = JSON.parse(place.text);
  withoutIt.clients[0].certificates.pop();
  assert.equal(`${JSON.stringify(withoutIt, undefined, 4)}\n`, text);
  assert.equal(
    place.text,
    `${JSON.stringify(JSON.parse(place.text), undefined, 4)}\n`,
    "as an editor would have laid it out",
  );
  assert.match(report.notes?.join(" ") ?? "", /request request-1 at .* foreign_identity \(severity 0\)/);
  assert.equal(pems.length, 1);
});

test("the publisher's is in its name, known to no application, and staged in the policy", async () => {
  const { input, ports, place, policy, steps, pems } = createWorld();
  const target = { ...policy, edits: (added: CertificateDocument) => addToPublisher(undefined, added) };
  const owner = { name: "Keyhold publisher" };
  await assert.rejects(addCertificate({ ...input, owner, policy: target }, ports), (error: CommandProblem) =>
    /must not be the key of a client/.test(error.details.join()),
  );
  assert.equal(place.writes, 0);
  const printed = await addCertificate({ ...input, owner }, ports);
  assert.equal(new X509Certificate(pems.at(-1) ?? "").subject, "CN=Keyhold publisher");
  assert.match(printed.text ?? "", /add to the certificates of publisher in the policy:[\s\S]*"state": "staged"/);
  assert.doesNotMatch(printed.text ?? "", /application/);
  assert.deepEqual(steps, []);
});

test("for a client that the policy does not have yet, what is to be added is printed, and makes the policy valid", async () => {
  const { input, ports, context, text } = createWorld();
  const owner = { name: "first", clientId: ids.unknownClientId };
  const { json } = await addCertificate({ ...input, owner, isNewOwner: true }, ports);
  const policy = JSON.parse(text);
  policy.clients.push((json as { addToPolicy: object }).addToPolicy);
  const compiled = compilePolicyText(JSON.stringify(policy), context);
  assert.ok(!("problems" in compiled), JSON.stringify(compiled));
  assert.equal(compiled.policy.clients.get(ids.unknownClientId)?.certificates.length, 1);
});

test("a dry run signs nothing, makes nothing and writes nothing, and says what it would do", async () => {
  const { input, ports, vault, steps, place, pems, policy } = createWorld();
  const all = { ...input, newVersion: true, register: true, policy, dryRun: true };
  const { text } = await addCertificate(all, ports);
  assert.deepEqual([vault.signs, vault.created, steps, place.writes, pems], [[], 0, ["prepare"], 0, []]);
  assert.match(
    text ?? "",
    /new version of the key client-assertion[\s\S]*2 existing ones stay[\s\S]*append it to the policy/,
  );
});

test("a policy that changed in between is not overwritten; the error holds the certificate and what is done already", async () => {
  const { input, ports, place, policy } = createWorld();
  place.meanwhile = () => {
    place.text = "{}";
  };
  const failed = addCertificate({ ...input, register: true, policy }, ports);
  await assert.rejects(failed, (error) => {
    assert.ok(error instanceof CommandProblem);
    const details = error.details.join("\n");
    return (
      /changed the policy meanwhile/.test(error.message) && /done: registered[\s\S]*BEGIN CERTIFICATE/.test(details)
    );
  });
  assert.equal(place.text, "{}");
});

test("a key that is not there is told before anything is made", async () => {
  const { input, ports, vault } = createWorld();
  await assert.rejects(addCertificate({ ...input, keyName: "other" }, ports), /There is no key other/);
  assert.deepEqual(vault.signs, []);
});

test("the vault's trouble is told by its code; the key's URL in the SDK's text stays behind", async () => {
  const { input, ports, vault } = createWorld();
  for (const failure of [
    new Fault("signer_forbidden", { codes: [403] }),
    Object.assign(new Error(keyIdOf("1")), { statusCode: 403 }),
  ]) {
    vault.failure = failure;
    await assert.rejects(addCertificate(input, ports), (error) => {
      assert.ok(error instanceof CommandProblem);
      assert.doesNotMatch(JSON.stringify([error.message, error.where, error.remedy, error.details]), /https:/);
      return error.kind === "unavailable" && /403/.test(error.message);
    });
  }
});

/** Microsoft Graph as far as it concerns us: PATCH replaces the whole collection. */
function createFakeGraph(keyCredentials: Record<string, unknown>[]) {
  const graph = { keyCredentials, requests: [] as RestRequest[], forgets: 0, status: 204 };
  const send = async (request: RestRequest) => {
    graph.requests.push(request);
    const headers = new Headers();
    if (request.method === "GET") {
      return {
        status: 200,
        headers,
        body: { id: "70000000-0000-4000-8000-000000000001", keyCredentials: graph.keyCredentials },
      };
    }
    if (graph.status === 204) {
      const { keyCredentials: sent } = request.body as { keyCredentials: Record<string, unknown>[] };
      graph.keyCredentials = sent
        .map((each) => ({ keyId: "80000000-0000-4000-8000-000000000009", ...each }))
        .slice(graph.forgets);
    }
    return { status: graph.status, headers, body: undefined };
  };
  return { graph, registration: createRegistration(clouds.public, { send, probe: send }) };
}

const there = [1, 2].map((n) => ({
  ...{ keyId: `80000000-0000-4000-8000-00000000000${n}`, key: Buffer.from(`key ${n}`).toString("base64") },
  ...{ type: "AsymmetricX509Cert", usage: "Verify", customKeyIdentifier: "AAAA", displayName: `CN=${n}` },
}));
const added = { der: Buffer.from("new").toString("base64"), displayName: "CN=broker" };

test("a certificate is registered beside all that are there, which are sent back as they came", async () => {
  const { graph, registration } = createFakeGraph(there);
  const prepared = await registration.prepare(ids.clientId);
  assert.equal(prepared.existing, 2);
  await prepared.add(added);
  const [, patch] = graph.requests;
  assert.ok(patch);
  const { keyCredentials: sent } = patch.body as { keyCredentials: object[] };
  assert.deepEqual(sent.slice(0, 2), there);
  assert.deepEqual(sent[2], { type: "AsymmetricX509Cert", usage: "Verify", key: added.der, displayName: "CN=broker" });
  assert.ok(graph.requests.every(({ url }) => url.startsWith("https://graph.microsoft.com/v1.0/applications")));
});

test("where Graph does not show a key that is there, nothing is sent: it could be lost", async () => {
  const { graph, registration } = createFakeGraph([
    ...there,
    { keyId: "80000000-0000-4000-8000-000000000003", key: null },
  ]);
  await assert.rejects(registration.prepare(ids.clientId), /does not show the key of 1 certificate/);
  assert.deepEqual(
    graph.requests.map(({ method }) => method),
    ["GET"],
  );
});

test("one that is registered already is not sent again", async () => {
  const { graph, registration } = createFakeGraph([{ ...there[0], key: added.der }]);
  await (await registration.prepare(ids.clientId)).add(added);
  assert.deepEqual(
    graph.requests.map(({ method }) => method),
    ["GET"],
  );
});

test("a certificate that got lost is noticed by reading again", async () => {
  const { graph, registration } = createFakeGraph(there);
  graph.forgets = 1;
  const prepared = await registration.prepare(ids.clientId);
  await assert.rejects(prepared.add(added), /1 certificate did not arrive/);
});

test("Graph's refusal is told by its status, with the right that is missing", async () => {
  const { graph, registration } = createFakeGraph(there);
  graph.status = 403;
  const prepared = await registration.prepare(ids.clientId);
  await assert.rejects(prepared.add(added), (error) => {
    return error instanceof CommandProblem && /\(403\)/.test(error.message) && /ReadWrite/.test(error.remedy);
  });
});
