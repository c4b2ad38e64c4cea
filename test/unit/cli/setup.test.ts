/** `keyhold setup` against the emulated Microsoft Graph, a vault with real keys, and policies in memory. */
import assert from "node:assert/strict";
import { createPublicKey, X509Certificate } from "node:crypto";
import { after, before, test } from "node:test";
import { addPassword } from "../../../local/emulators/entra/application-registry.ts";
import { listCertificates } from "../../../local/emulators/entra/registered-certificate.ts";
import { compilePolicyText } from "../../../src/adapters/policy/compile-text.ts";
import { createRegistration } from "../../../src/cli/certificate/registration.ts";
import type { KeyOwner } from "../../../src/cli/certificate/vault-key.ts";
import { CommandProblem } from "../../../src/cli/command-problem.ts";
import { createRest, type Rest, type RestRequest } from "../../../src/cli/rest.ts";
import { createDirectory, graphAppId } from "../../../src/cli/setup/directory.ts";
import { setupReport } from "../../../src/cli/setup/report.ts";
import { type SetupInput, type SetupResult, setUp } from "../../../src/cli/setup/set-up.ts";
import { clouds } from "../../../src/domain/shared/cloud.ts";
import { type Guid, parseGuid } from "../../../src/domain/shared/guid.ts";
import { makeRsa, signDigest } from "../../support/fixtures/certificates.ts";
import { type GraphWorld, homeTenantId, startGraphWorld } from "../adapters/graph/graph-world.ts";
import { createCliWorld, createFakePlace } from "./cli-world.ts";

let graph: GraphWorld;
before(async () => {
  graph = await startGraphWorld();
});
after(() => graph.stop());

const host = `https://${clouds.public.graphHost}`;
const newId = () => parseGuid(crypto.randomUUID()) as Guid;
const keyPairs = { "orders-app": await makeRsa(2048), "idp-publisher": await makeRsa(2048) };
const keyIdOf = (name: string) => `https://keyhold-tests.vault.azure.net/keys/${name}/${"1".repeat(32)}`;

function createVault() {
  const vault = { signs: 0, failure: undefined as Error | undefined };
  const pairOf = (name: string) => keyPairs[name as keyof typeof keyPairs];
  const keys: KeyOwner = {
    async read(name) {
      if (vault.failure) throw vault.failure;
      const pair = pairOf(name);
      const publicKey = pair && createPublicKey(pair.privateKey.export({ type: "pkcs8", format: "pem" }));
      return publicKey && { keyId: keyIdOf(name), keyType: "RSA-HSM", publicKey };
    },
    create: () => assert.fail("keys are made by the templates"),
    async sign({ keyId, digest }) {
      vault.signs += 1;
      const { privateKey } = pairOf(keyId.split("/").at(-2) ?? "");
      return { signature: signDigest(privateKey, digest), keyId, requestId: "r-1" };
    },
  };
  return { vault, keys };
}

/** A home tenant in which nothing is there but managed identities, and somebody who may do everything in it. */
function createWorld(roles = ["Application.ReadWrite.All", "AppRoleAssignment.ReadWrite.All"]) {
  const person = (appRoles: string[]) => {
    const identity = { clientId: newId(), objectId: newId(), name: "person", appRoles: { [host]: appRoles } };
    graph.entra.registerManagedIdentity(identity);
    return identity;
  };
  const caller = { name: "billing-service", objectId: newId(), clientId: newId() };
  const monitoring = { name: "monitoring", objectId: newId(), clientId: newId() };
  for (const each of [caller, monitoring]) graph.entra.registerManagedIdentity(each);
  const { vault, keys } = createVault();
  const draft = createFakePlace<string | undefined>(undefined, "policy.json");
  const inForce = createFakePlace<string | undefined>(undefined, "https://s.blob.core.windows.net/policy/policy.json");
  const pauses: number[] = [];
  const shown: string[] = [];
  const nowMs = Date.now();
  const name = `keyhold-${newId().slice(0, 8)}`;
  const input: SetupInput = {
    ...{ name, callerRole: "Tokens.Issue", publisherKeyName: "idp-publisher", dryRun: false },
    client: { name: "orders-app", redirectUri: "https://contoso.example/connected" },
    permissions: [{ resourceAppId: graphAppId as Guid, role: "User.Read.All" }],
    callers: [{ name: caller.name, objectId: caller.objectId }],
    monitoringClientId: monitoring.clientId,
  };
  const operator = person(roles);
  const world = {
    ...{ person, caller, monitoring, vault, draft, inForce, input, pauses, shown, operator, nowMs },
    isDeployed: true,
    /** Stands between the command and Graph. */
    wrap: (rest: Rest) => rest,
    async run(change: Partial<SetupInput> = {}, by = operator): Promise<SetupResult & { states: string[] }> {
      const rest = world.wrap(createRest(graph.credential(by), `${host}/.default`));
      const pause = async (ms: number) => pauses.push(ms) > 0;
      const result = await setUp(
        { ...input, ...change },
        {
          ...{
            cloud: clouds.public,
            nowMs,
            progress: (text: string) => shown.push(text),
            directory: createDirectory(clouds.public, rest, { pause, operatorId: async () => by.objectId }),
          },
          registration: createRegistration(clouds.public, rest),
          keys: world.isDeployed ? keys : undefined,
          policy: { draft, inForce: world.isDeployed ? inForce : undefined },
        },
      );
      return { ...result, states: result.steps.map(({ state }) => state) };
    },
    /** What was asked of Graph by other methods than GET, since the last look. */
    writes() {
      const asked = graph.entra.graphAudit.filter(({ method }) => method !== "GET").map(({ method }) => method);
      graph.entra.graphAudit.length = 0;
      return asked.length;
    },
    find: ({ steps }: SetupResult, what: RegExp) =>
      steps.find((step) => what.test(step.what)) ?? assert.fail(`no step ${what}`),
  };
  graph.entra.graphAudit.length = 0;
  return world;
}

const rolesOf = async (of: { clientId: string }, resource: string) => {
  const token = await graph.token(of, resource);
  return JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()) as {
    ver: string;
    roles?: string[];
  };
};

test("a dry run says what would be done, from nothing, and changes nothing", async () => {
  const world = createWorld();
  const { states, steps } = await world.run({ dryRun: true });
  assert.equal(states[0], "planned");
  assert.deepEqual(new Set(states), new Set(["planned", "later"]));
  assert.ok(steps.length >= 8);
  const looked = steps.filter(({ state }) => state === "planned").map(({ what }) => what);
  assert.deepEqual(world.shown, looked, "each step is shown while it is under way");
  assert.deepEqual([world.writes(), world.vault.signs, world.draft.writes, world.inForce.writes], [0, 0, 0, 0]);
});

test("before azd up both registrations are made, and what needs the deployment is left for later", async () => {
  const world = createWorld();
  world.isDeployed = false;
  const { monitoringClientId: _, ...input } = world.input;
  const result = await world.run({ ...input, monitoringClientId: undefined });
  assert.deepEqual(new Set(result.states), new Set(["done", "found", "later"]), JSON.stringify(result.steps));
  const keyhold = graph.entra.application(result.audience ?? "");
  assert.deepEqual(keyhold.manifest.identifierUris, [`api://${result.audience}`]);
  assert.deepEqual(
    [keyhold.manifest.requestedAccessTokenVersion, keyhold.manifest.signInAudience],
    [2, "AzureADMyOrg"],
  );
  const client = graph.entra.application(result.clientId ?? "");
  assert.deepEqual([client.manifest.signInAudience, client.lock?.allProperties], ["AzureADMultipleOrgs", true]);
  assert.deepEqual(client.manifest.redirectUris, ["https://contoso.example/connected"]);
  const [{ resourceAppId, resourceAccess } = { resourceAccess: [] }] = client.manifest.requiredResourceAccess;
  assert.deepEqual([resourceAppId, resourceAccess[0]?.type, resourceAccess.length], [graphAppId, "Role", 1]);
  assert.deepEqual([client.passwords, client.certificates.size, keyhold.certificates.size], [[], 0, 0], "no secret");
  const report = setupReport(input, result, false);
  assert.equal(report.exit, 0);
  assert.match(
    report.text ?? "",
    new RegExp(`azd env set KEYHOLD_AUDIENCE ${result.audience}\n.*'\\["orders-app"\\]'`),
  );
});

test("a caller's token has the version and the role that Keyhold wants", async () => {
  const world = createWorld();
  const { audience } = await world.run();
  const claims = await rolesOf(world.caller, `api://${audience}`);
  assert.deepEqual([claims.ver, claims.roles], ["2.0", ["Tokens.Issue"]]);
  assert.deepEqual((await rolesOf(world.monitoring, host)).roles, ["Application.Read.All"]);
});

test("after it the policy is in force, with certificates of the vault's keys, of which the client's is registered", async () => {
  const world = createWorld();
  const result = await world.run();
  assert.deepEqual(new Set(result.states), new Set(["found", "done"]), JSON.stringify(result.steps));
  assert.equal(result.homeTenantId, homeTenantId);
  const context = { cloud: clouds.public, homeTenantId: homeTenantId as Guid, nowMs: world.nowMs };
  const compiled = compilePolicyText(world.inForce.text ?? "", context);
  assert.ok(!("problems" in compiled), JSON.stringify(compiled));
  const [client] = compiled.document.clients;
  assert.deepEqual([client?.clientId, client?.certificates?.[0]?.keyId], [result.clientId, keyIdOf("orders-app")]);
  const certificate = new X509Certificate(client?.certificates?.[0]?.certificate ?? "");
  assert.ok(certificate.verify(createPublicKey(keyPairs["orders-app"].pem)));
  const registered = listCertificates(graph.entra.application(result.clientId ?? "").certificates);
  assert.deepEqual(
    registered.map(({ der }) => der.toString("base64")),
    [certificate.raw.toString("base64")],
  );
  assert.equal(compiled.policy.publisher?.active.keyId, keyIdOf("idp-publisher"));
  assert.deepEqual([compiled.document.tenants, compiled.document.grants], [[], []], "nobody gets a token yet");
  assert.equal(compiled.policy.callers.get(world.caller.objectId)?.name, "billing-service");
  assert.match(setupReport(world.input, result, true).notes?.[0] ?? "", /foreign_identity/);
});

test("run again it finds everything, writes nothing and has nothing signed", async () => {
  const world = createWorld();
  await world.run();
  world.writes();
  const [signs, text] = [world.vault.signs, world.inForce.text];
  const { states } = await world.run();
  assert.deepEqual(new Set(states), new Set(["found"]));
  assert.deepEqual(
    [world.writes(), world.vault.signs, world.draft.writes > 0, world.inForce.text],
    [0, signs, true, text],
  );
  assert.equal(signs, 2);
});

test("interrupted before the upload it goes on with the draft, what its author added to it too", async () => {
  const world = createWorld();
  world.inForce.readFailure = Object.assign(new Error("no way there"), { code: "ECONNREFUSED" });
  const first = await world.run();
  assert.equal(world.find(first, /policy so far/).state, "waiting");
  assert.equal(world.vault.signs, 0, "a signature for nothing would still alarm");
  world.inForce.readFailure = undefined;
  world.inForce.writeFailure = Object.assign(new Error("403"), { statusCode: 403 });
  const second = await world.run();
  const { state, remedy } = world.find(second, /policy in force/);
  assert.equal(state, "waiting");
  assert.match(remedy ?? "", /Storage Blob Data Contributor/);
  assert.equal(setupReport(world.input, second, true).exit, 1);
  world.inForce.writeFailure = undefined;
  const tenant = { name: "contoso", tenantId: newId(), state: "active" };
  world.draft.text = JSON.stringify({ ...JSON.parse(world.draft.text ?? ""), tenants: [tenant] });
  const { states } = await world.run();
  assert.equal(states.filter((each) => each === "done").length, 1);
  assert.deepEqual(JSON.parse(world.inForce.text ?? "").tenants, [tenant]);
  assert.equal(world.vault.signs, 2);
});

test("a registered certificate of the vault's key is used again where the draft was lost", async () => {
  const world = createWorld();
  const { clientId = "" } = await world.run();
  world.draft.text = undefined;
  world.inForce.text = undefined;
  const result = await world.run();
  assert.equal(world.find(result, /certificate of the client/).state, "found");
  assert.equal(listCertificates(graph.entra.application(clientId).certificates).length, 1);
});

test("a draft that could not be completed is not put in force", async () => {
  const world = createWorld();
  world.draft.text = '{"clients": []';
  const result = await world.run();
  assert.deepEqual([world.find(result, /policy so far/).state, world.inForce.writes], ["waiting", 0]);
  world.draft.text = undefined;
  const callers = [...world.input.callers, { name: "billing-service", objectId: newId() }];
  const doubled = await world.run({ callers });
  assert.match(world.find(doubled, /first policy/).because ?? "", /another caller with this name/);
  assert.equal(world.inForce.writes, 0);
});

test("a policy in force is left alone: it says what of the client is missing there", async () => {
  const world = createWorld();
  world.inForce.text = JSON.stringify({ clients: [], tenants: [], callers: [], grants: [] });
  const result = await world.run();
  assert.match(world.find(result, /caller billing-service in the policy/).because ?? "", /caller add/);
  assert.match(world.find(result, /client orders-app in the policy/).because ?? "", /client add/);
  assert.deepEqual([world.inForce.writes, world.vault.signs], [0, 0]);
});

test("who may not grant roles does the rest, and is told who may and what that person runs", async () => {
  const world = createWorld(["Application.ReadWrite.All"]);
  const result = await world.run();
  const waiting = result.steps.filter(({ state }) => state === "waiting");
  assert.deepEqual(
    waiting.map(({ what, remedy }) => [what, /^somebody with (.*?) must run/.exec(remedy ?? "")?.[1]]),
    [
      ["app role Tokens.Issue of the caller billing-service", "Cloud Application Administrator"],
      ["Application.Read.All of Microsoft Graph for the identity monitoring", "Privileged Role Administrator"],
    ],
  );
  assert.match(waiting[1]?.remedy ?? "", new RegExp(`az rest --method POST .*${world.monitoring.objectId}`));
  assert.ok(world.inForce.text, "the policy does not need them");
  assert.equal(setupReport(world.input, result, true).exit, 1);
  const other = world.person(["Application.Read.All", "AppRoleAssignment.ReadWrite.All"]);
  const { audience, clientId } = result;
  const again = await world.run({ audience, client: { ...world.input.client, clientId } }, other);
  assert.deepEqual(
    again.states.filter((state) => state !== "found"),
    ["done", "done"],
    JSON.stringify(again.steps),
  );
});

test("of a registration that is there only what it lacks is changed, and the rest stays", async () => {
  const world = createWorld();
  const [audience, clientId] = [newId(), newId()];
  for (const [id, name] of [
    [audience, "by-hand"],
    [clientId, "by-hand"],
  ] as const) {
    graph.entra.registerApplication({ clientId: id, name });
  }
  const reader = { id: newId(), value: "Read", displayName: "Read", description: "Reads.", isEnabled: true };
  const own = { ...reader, allowedMemberTypes: ["Application"] };
  Object.assign(graph.entra.application(audience).manifest, { appRoles: [own], identifierUris: ["api://contoso"] });
  const required = [{ resourceAppId: newId(), resourceAccess: [{ id: newId(), type: "Scope" }] }];
  const redirectUris = ["https://contoso.example/own"];
  Object.assign(graph.entra.application(clientId).manifest, { requiredResourceAccess: required, redirectUris });
  await world.run({ audience, client: { ...world.input.client, clientId } });
  const { manifest, name } = graph.entra.application(audience);
  assert.equal(name, "by-hand");
  assert.deepEqual(manifest.identifierUris, ["api://contoso", `api://${audience}`]);
  assert.deepEqual(
    manifest.appRoles.map(({ value }) => value),
    ["Read", "Tokens.Issue"],
  );
  const client = graph.entra.application(clientId).manifest;
  assert.deepEqual(client.redirectUris, redirectUris);
  assert.deepEqual(client.requiredResourceAccess[0], required[0]);
  assert.equal(client.requiredResourceAccess[1]?.resourceAppId, graphAppId);
});

test("a registration of the same name that somebody else owns, or that has a secret, is not taken for ours", async () => {
  const world = createWorld();
  const attacker = world.person(["Application.ReadWrite.All"]);
  const { audience = "", clientId = "" } = await world.run({ callers: [] }, attacker);
  world.writes();
  const refused = await world.run();
  const waiting = refused.steps.filter(({ state }) => state === "waiting");
  assert.deepEqual(
    waiting.map(({ because }) => / is owned by (.*)$/.exec(because ?? "")?.[1]),
    Array(2).fill(`person (${attacker.objectId})`),
  );
  assert.match(waiting[0]?.remedy ?? "", new RegExp(`--audience ${audience}\\. Otherwise choose another --name`));
  assert.match(waiting[1]?.remedy ?? "", new RegExp(`--client-id ${clientId}`));
  assert.deepEqual([world.vault.signs, world.inForce.writes, refused.audience], [2, 1, undefined]);
  const own = createWorld();
  const mine = await own.run();
  addPassword(graph.entra.application(mine.clientId ?? ""));
  const again = await own.run();
  assert.match(own.find(again, /registration of the client/).because ?? "", /has a client secret/);
});

test("a client id that nobody has is reported, and no other registration is made in its place", async () => {
  const world = createWorld();
  const result = await world.run({ audience: newId(), client: { ...world.input.client, clientId: newId() } });
  assert.deepEqual(
    result.steps.filter(({ state }) => state === "waiting").map(({ what }) => what.slice(0, 24)),
    ["registration of Keyhold,", "registration of the clie"],
  );
  assert.equal(world.writes(), 1, "the role of the identity monitoring alone");
});

test("what Graph does not know yet, although this run made it, is asked for again", async () => {
  const world = createWorld();
  let early = 2;
  world.wrap = (rest) => ({
    ...rest,
    async send(request: RestRequest, signal) {
      const isEarly = request.method === "POST" && request.url.endsWith("/servicePrincipals") && early-- > 0;
      if (isEarly) return { status: 400, headers: new Headers(), body: { error: { code: "Request_BadRequest" } } };
      return rest.send(request, signal);
    },
  });
  const { states } = await world.run();
  assert.deepEqual(new Set(states), new Set(["found", "done"]));
  assert.deepEqual(world.pauses, [5_000, 5_000]);
});

test("a customer's consent would end with an error without a redirect URI, so one is asked for", async () => {
  const world = createWorld();
  const result = await world.run({ client: { name: "orders-app" } });
  assert.match(world.find(result, /registration of the client/).remedy ?? "", /AADSTS500113/);
});

test("a permission that the API does not have is no permission of the client", async () => {
  const world = createWorld();
  const result = await world.run({ permissions: [{ resourceAppId: graphAppId as Guid, role: "Users.Read.All" }] });
  assert.match(world.find(result, /multi-tenant, locked/).because ?? "", /has no app role Users\.Read\.All/);
  assert.deepEqual(graph.entra.application(result.clientId ?? "").manifest.requiredResourceAccess, []);
});

test("a vault that cannot be reached stops neither the registrations nor the roles", async () => {
  const world = createWorld();
  world.vault.failure = Object.assign(new Error("secret text"), { name: "RestError", statusCode: 403 });
  const result = await world.run();
  const { state, because, remedy } = world.find(result, /certificate of the client/);
  assert.equal(state, "waiting");
  assert.doesNotMatch(`${because}${remedy}`, /secret text/);
  assert.match(remedy ?? "", /keys\/sign/);
  assert.equal((await rolesOf(world.caller, result.audience ?? "")).roles?.length, 1);
});

test("nobody who is signed in nowhere gets further than the first step", async () => {
  const world = createWorld();
  const failure = Object.assign(new Error("az login"), { name: "ChainedTokenCredentialAuthenticationError" });
  world.wrap = (rest) => ({ ...rest, send: () => Promise.reject(failure) });
  await assert.rejects(
    world.run(),
    (error) => error instanceof CommandProblem && /Nobody is signed in/.test(error.message),
  );
});

test("what cannot be meant is refused before anybody is asked", async () => {
  const cli = createCliWorld();
  graph.entra.graphAudit.length = 0;
  const storage = "https://s.blob.core.windows.net/policy";
  const wrong = {
    "--permission": ["User.Read.All", "graph/User.Read.All", `${graphAppId}/`],
    "--caller": ["billing-service", "billing-service=no-guid", `=${homeTenantId}`],
    "--redirect-uri": ["http://contoso.example", "contoso"],
    "--vault": ["https://v.example", "https://v.vault.azure.net/keys"],
    "--policy-container": ["https://s.example/policy", `${storage}?sv=secret`, `${storage}/policy.json`],
    "--audience": ["keyhold"],
  };
  for (const [option, values] of Object.entries(wrong)) {
    for (const value of values) {
      const { exit, err } = await cli.run("setup", "--client", "orders-app", option, value);
      assert.deepEqual([exit, err.includes(`where: ${option}`)], [2, true], `${option} ${value}: ${err}`);
      assert.doesNotMatch(err, /secret/);
    }
  }
  assert.equal(graph.entra.graphAudit.length, 0);
});

test("outputs of the deployment stand in for options, are checked like them, and an option wins", async () => {
  const cli = createCliWorld();
  const refusalOf = async (...args: string[]) => {
    const { exit, err } = await cli.run("setup", "--client", "orders-app", ...args);
    assert.equal(exit, 2, err);
    return /^where: (.*)$/m.exec(err)?.[1];
  };
  cli.deployment = { cloud: "usgovernment", vault: "https://v.vault.azure.net" };
  assert.equal(await refusalOf(), "--vault", "that vault is of another cloud");
  cli.deployment = { cloud: "elsewhere" };
  assert.equal(await refusalOf(), "--cloud");
  assert.equal(await refusalOf("--cloud", "public", "--caller", "x"), "--caller", "the cloud is the option's");
  cli.deployment = { audience: "keyhold" };
  assert.equal(await refusalOf(), "--audience");
});
