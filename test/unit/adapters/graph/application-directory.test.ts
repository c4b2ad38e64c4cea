/** The directory over TLS against the emulated Microsoft Graph, and against one that sends wrong answers. */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import type { TokenCredential } from "@azure/identity";
import { addFederatedCredential, addPassword } from "../../../../local/emulators/entra/application-registry.ts";
import { addCertificate, readCertificate } from "../../../../local/emulators/entra/registered-certificate.ts";
import { createApplicationDirectory } from "../../../../src/adapters/graph/application-directory.ts";
import { createApplicationOwner } from "../../../../src/adapters/graph/application-owner.ts";
import { ApplicationDirectoryError } from "../../../../src/domain/credentials/ports.ts";
import { clouds } from "../../../../src/domain/shared/cloud.ts";
import {
  attacker,
  clientId,
  derOf,
  federationOf,
  fullLock,
  type GraphWorld,
  homeTenantId,
  ours,
  reader,
  startGraphWorld,
  stranger,
} from "./graph-world.ts";
import { elsewhere } from "./scripted-graph.ts";

let world: GraphWorld;

before(async () => {
  world = await startGraphWorld();
});
after(() => world.stop());
beforeEach(() => world.reset());

const read = (identity = reader, timeoutMs?: number) =>
  createApplicationDirectory(clouds.public, world.credential(identity), timeoutMs).credentialsOf(clientId);

async function codeOf(reading: Promise<unknown>): Promise<string> {
  const error = await reading.then(
    () => assert.fail("was read"),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof ApplicationDirectoryError, String(error));
  assert.equal(error.message, error.code);
  assert.match(error.because ?? "", /^[\w ]*$/, "neither a URL nor a text of the other side");
  return error.code;
}

describe("the credentials of a client", () => {
  test("are its certificate, byte for byte, and nothing else if nothing else is registered", async () => {
    const [{ keyId = "" } = {}] = world.application().certificates.values();
    assert.deepEqual(await read(), {
      keys: [{ on: "application", keyId, der: derOf(ours) }],
      passwords: [],
      federated: [],
      isInstanceLocked: true,
    });
  });

  test("are those of the application and of its service principal", async () => {
    const { servicePrincipal } = world.application();
    const key = addCertificate(servicePrincipal.certificates, readCertificate(attacker.pem));
    const passwords = [addPassword(world.application()), addPassword(servicePrincipal)];
    const found = await read();
    assert.deepEqual(found.keys[1], { on: "servicePrincipal", keyId: key.keyId, der: derOf(attacker) });
    assert.deepEqual(
      found.passwords,
      passwords.map(({ keyId }, i) => ({ on: i === 0 ? "application" : "servicePrincipal", keyId })),
    );
  });

  test("are identified by the certificate, whatever identifier was stored with it", async () => {
    const [mine] = world.application().certificates.values();
    const { customKeyIdentifier = "", displayName = "" } = mine ?? {};
    const forged = readCertificate(attacker.pem, { customKeyIdentifier, displayName });
    addCertificate(world.application().certificates, forged);
    assert.deepEqual(
      (await read()).keys.map(({ der }) => der),
      [derOf(ours), derOf(attacker)],
    );
  });

  test("are all federated credentials, over all pages", async () => {
    const added = [1, 2, 3].map((n) => addFederatedCredential(world.application(), federationOf(`subject-${n}`)));
    assert.deepEqual(
      (await read()).federated,
      added.map(({ name: _, ...each }) => each),
    );
  });

  const locks = [
    { ...fullLock, isEnabled: false },
    { ...fullLock, allProperties: false },
    { ...fullLock, allProperties: null },
    null,
  ];
  for (const lock of locks) {
    test(`are not locked with ${JSON.stringify(lock)}`, async () => {
      world.application().lock = lock;
      assert.equal((await read()).isInstanceLocked, false);
    });
  }
});

describe("the owner of an application", () => {
  const ownerOf = (identity = reader) =>
    createApplicationOwner(clouds.public, world.credential(identity), Date.now)(clientId);

  test("is the home tenant if that registered it", async () => {
    assert.equal(await ownerOf(), homeTenantId);
  });

  test("is the other tenant that registered it, such as Microsoft's, even if the home tenant has a service principal for it", async () => {
    const microsoft = "f8cdef31-a31e-4b4a-93e4-5f571e91255a";
    world.application().ownerTenantId = microsoft;
    assert.equal(await ownerOf(), microsoft);
  });

  test("is unknown without a service principal in the home tenant", async () => {
    world.entra.revokeConsent(homeTenantId, clientId);
    assert.equal(await ownerOf(), undefined);
  });

  test("is an error, and never empty, if Graph refuses or does not answer the question", async () => {
    assert.equal(await codeOf(ownerOf(stranger)), "graph_forbidden");
    world.entra.behaviour.faults = [{ operation: "graph", status: 200, body: { appId: clientId } }];
    assert.equal(await codeOf(ownerOf()), "graph_answer_unexpected");
  });
});

describe("nothing is read", () => {
  test("without the required role", async () => {
    assert.equal(await codeOf(read(stranger)), "graph_forbidden");
  });

  test("of an application that is not registered", async () => {
    const { credentialsOf } = createApplicationDirectory(clouds.public, world.credential(reader));
    assert.equal(await codeOf(credentialsOf(crypto.randomUUID() as typeof clientId)), "application_not_found");
  });

  test("of an application without a service principal, because half of it would be missing", async () => {
    world.entra.revokeConsent(homeTenantId, clientId);
    assert.equal(await codeOf(read()), "service_principal_not_found");
  });

  test("if no token is available", async () => {
    const failing: TokenCredential = { getToken: () => Promise.reject(new Error("https://secret.example")) };
    const directory = createApplicationDirectory(clouds.public, failing);
    assert.equal(await codeOf(directory.credentialsOf(clientId)), "graph_token_unavailable");
  });

  test("from a service that is down or does not answer in time", async () => {
    world.entra.behaviour.faults = [{ operation: "graph", drop: true }];
    assert.equal(await codeOf(read()), "graph_unavailable");
    world.entra.behaviour.faults = [{ operation: "graph", delayMs: 300 }];
    assert.equal(await codeOf(read(reader, 50)), "graph_timed_out");
  });
});

describe("a busy service", () => {
  const busy = (status: number, times: number, retryAfter = "0") => [
    { operation: "graph", status, times, headers: { "retry-after": retryAfter }, body: { error: { code: "busy" } } },
  ];

  for (const status of [429, 500, 503]) {
    test(`that answers ${status} is asked once more, and not a third time`, async () => {
      world.entra.behaviour.faults = busy(status, 1);
      assert.equal((await read()).keys.length, 1);
      world.entra.graphAudit.length = 0;
      world.entra.behaviour.faults = busy(status, 9);
      assert.equal(await codeOf(read()), status === 429 ? "graph_throttled" : "graph_unavailable");
      assert.equal(world.entra.graphAudit.length, 2);
    });
  }

  for (const [what, retryAfter] of [
    ["in seconds", () => "16"],
    ["as a date", () => new Date(Date.now() + 600_000).toUTCString()],
  ] as const) {
    test(`that announces a longer wait (${what}) is not asked earlier, in this run or a later one`, async () => {
      let nowMs = Date.now();
      const directory = createApplicationDirectory(clouds.public, world.credential(reader), undefined, () => nowMs);
      const read = () => directory.credentialsOf(clientId);
      world.entra.behaviour.faults = busy(429, 1, retryAfter());
      for (let run = 0; run < 3; run++) assert.equal(await codeOf(read()), "graph_throttled");
      assert.equal(world.entra.graphAudit.length, 1);
      nowMs += 600_000;
      assert.equal((await read()).keys.length, 1);
    });
  }
});

describe("an answer", () => {
  const objectId = "99999999-9999-4999-8999-999999999999";
  const paths = {
    application: `/v1.0/applications(appId='${clientId}')`,
    servicePrincipal: `/v1.0/servicePrincipals(appId='${clientId}')`,
    federated: `/v1.0/applications/${objectId}/federatedIdentityCredentials`,
  };
  const keys = [{ keyId: objectId, key: derOf(ours) }];
  const federated = { id: objectId, ...federationOf("subject") };
  const passwords = [{ keyId: objectId }];
  const holder = { appId: clientId, keyCredentials: keys, passwordCredentials: passwords };
  const bodies = () => ({
    application: { id: objectId, ...holder, servicePrincipalLockConfiguration: fullLock } as object,
    servicePrincipal: holder as object,
    federated: { value: [federated] } as object,
  });
  type Part = keyof typeof paths;

  function answer(changed: { [part in Part]?: unknown } = {}) {
    const all = { ...bodies(), ...changed };
    for (const part of Object.keys(paths) as Part[]) {
      world.scripted.answers[paths[part]] = { status: 200, body: all[part] };
    }
  }

  const readScripted = () =>
    createApplicationDirectory(clouds.usgovernment, world.credential(reader)).credentialsOf(clientId);

  test("of the expected shape is read", async () => {
    answer();
    const found = await readScripted();
    assert.deepEqual([found.keys.length, found.passwords.length, found.federated.length], [2, 2, 1]);
  });

  test("that does not show a key is read as a key without a certificate", async () => {
    answer({ application: { ...bodies().application, keyCredentials: [{ keyId: objectId, key: null }] } });
    assert.deepEqual((await readScripted()).keys[0], { on: "application", keyId: objectId });
  });

  test("with a federated credential without a subject is read: it is a difference, not an error", async () => {
    const { subject: _, ...flexible } = federated;
    answer({
      federated: { value: [{ ...flexible, claimsMatchingExpression: { value: "claims['sub'] matches '*'" } }] },
    });
    assert.equal((await readScripted()).federated[0]?.subject, "");
  });

  const { application } = bodies();
  const broken: [string, Part, unknown][] = [
    ["an application of another client", "application", { ...application, appId: objectId }],
    ["a service principal of another client", "servicePrincipal", { ...holder, appId: objectId }],
    ["an application without keys", "application", { ...application, keyCredentials: undefined }],
    ["an application whose keys are no list", "application", { ...application, keyCredentials: {} }],
    [
      "an application with a key that is no base64",
      "application",
      { ...application, keyCredentials: [{ ...keys[0], key: "?" }] },
    ],
    [
      "an application with a key that is a number",
      "application",
      { ...application, keyCredentials: [{ ...keys[0], key: 1 }] },
    ],
    ["an application without secrets", "application", { ...application, passwordCredentials: undefined }],
    ["an application without a lock", "application", { ...application, servicePrincipalLockConfiguration: undefined }],
    [
      "a lock that is on in words",
      "application",
      { ...application, servicePrincipalLockConfiguration: { isEnabled: "true" } },
    ],
    ["an object id that is a path", "application", { ...application, id: "../../v1.0/users" }],
    ["a service principal without keys", "servicePrincipal", { ...holder, keyCredentials: null }],
    ["a service principal without secrets", "servicePrincipal", { ...holder, passwordCredentials: null }],
    ["federated credentials that are no list", "federated", { value: null }],
    ["a federated credential without audiences", "federated", { value: [{ ...federated, audiences: undefined }] }],
    ["an empty link to the next page", "federated", { value: [], "@odata.nextLink": "" }],
    ["a link that is none", "federated", { value: [], "@odata.nextLink": 1 }],
    ["an error with status 200", "application", { error: { code: "Request_BadRequest" } }],
    ["no JSON", "application", "<html>"],
    ["more than fits", "federated", { value: [], padding: "x".repeat(1_100_000) }],
    ["a list for the object", "application", [application]],
  ];
  for (const [what, part, body] of broken) {
    test(`with ${what} is an error, never "no difference"`, async () => {
      answer({ [part]: body });
      assert.equal(await codeOf(readScripted()), "graph_answer_unexpected");
    });
  }

  const links = [
    `https://${elsewhere}/v1.0/applications`,
    `https://graph.microsoft.us@${elsewhere}/v1.0/applications`,
    `https://graph.microsoft.us:444/v1.0/applications`,
    `http://graph.microsoft.us/v1.0/applications`,
    "https://graph.microsoft.us/beta/applications",
    "https://graph.microsoft.us/v1.0/../beta/applications",
    `//${elsewhere}/v1.0/applications`,
    "https://",
  ];
  for (const link of links) {
    test(`with the next page at ${link} gets no token`, async () => {
      answer({ federated: { value: [federated], "@odata.nextLink": link } });
      assert.equal(await codeOf(readScripted()), "graph_answer_unexpected");
      assert.ok(world.scripted.asked.every((asked) => asked.includes(clientId) || asked.includes(objectId)));
      assert.ok(world.scripted.asked.every((asked) => asked.startsWith("graph.microsoft.us/v1.0/")));
    });
  }

  test("that redirects is not followed", async () => {
    answer();
    const location = `https://${elsewhere}${paths.application}`;
    world.scripted.answers[paths.application] = { status: 307, headers: { location } };
    assert.equal(await codeOf(readScripted()), "graph_answer_unexpected");
    assert.equal(world.scripted.asked.length, 1);
  });

  test("with an endless number of pages is an error", async () => {
    answer({
      federated: { value: [federated], "@odata.nextLink": `https://graph.microsoft.us${paths.federated}?$skiptoken=1` },
    });
    assert.equal(await codeOf(readScripted()), "graph_answer_unexpected");
    assert.ok(world.scripted.asked.length < 30, `${world.scripted.asked.length}`);
  });

  test("that forbids, or refuses for no known reason, is an error", async () => {
    answer();
    for (const [status, code] of [
      [401, "graph_forbidden"],
      [403, "graph_forbidden"],
      [400, "graph_answer_unexpected"],
      [204, "graph_answer_unexpected"],
    ] as const) {
      world.scripted.answers[paths.federated] = { status };
      assert.equal(await codeOf(readScripted()), code);
    }
  });
});
