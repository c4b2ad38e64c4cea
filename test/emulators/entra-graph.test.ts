/** Microsoft Graph in the emulated Entra, over TLS under its production name. */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import {
  ApplicationRegistry,
  addFederatedCredential,
  addPassword,
} from "../../local/emulators/entra/application-registry.ts";
import { showApplication } from "../../local/emulators/graph/objects.ts";
import {
  assertionBy,
  attacker,
  clientId,
  derOf,
  type GraphWorld,
  homeTenantId,
  makeKey,
  ours,
  reader,
  signJwt,
  startGraphWorld,
  stranger,
  writer,
} from "../unit/adapters/graph/graph-world.ts";

let world: GraphWorld;
const byAppId = `applications(appId='${clientId}')`;

before(async () => {
  world = await startGraphWorld();
});
after(() => world.stop());
beforeEach(() => world.reset());

async function read(path: string) {
  const { status, body } = await world.graph(path, await world.token(reader));
  assert.equal(status, 200, JSON.stringify(body));
  return body;
}

async function refusalOf(answer: Promise<{ status: number; body: { error?: { code?: string } } }>) {
  const { status, body } = await answer;
  return [status, body.error?.code];
}

const ownToken = async () => (await world.redeem(assertionBy(ours))).body.access_token as string;

describe("a caller", () => {
  test("needs a token of the home tenant for Graph, unchanged", async () => {
    const good = await world.token(reader);
    const refused = [
      "",
      "not-a-token",
      `${good.slice(0, -8)}AAAAAAAA`,
      await world.token(reader, "https://vault.azure.net"),
      await world.entra.issueToken({ aud: "https://graph.microsoft.com" }, { tenantId: crypto.randomUUID() }),
      await world.entra.issueToken({ aud: "https://graph.microsoft.com" }, { expiresInSeconds: -60 }),
    ];
    for (const token of refused) {
      assert.deepEqual(await refusalOf(world.graph(byAppId, token)), [401, "InvalidAuthenticationToken"]);
    }
  });

  test("needs a role to read, and another one to write", async () => {
    const denied = [403, "Authorization_RequestDenied"];
    const patch = { method: "PATCH", body: JSON.stringify({ keyCredentials: [] }) };
    assert.deepEqual(await refusalOf(world.graph(byAppId, await world.token(stranger))), denied);
    assert.deepEqual(await refusalOf(world.graph(byAppId, await ownToken())), denied);
    assert.deepEqual(await refusalOf(world.graph(byAppId, await world.token(reader), patch)), denied);
    assert.equal(world.application().certificates.size, 2, "nothing was changed");
  });

  test("is recorded with the request, without the token", async () => {
    await read(byAppId);
    const [{ method, path, status, objectId } = {}] = world.entra.graphAudit;
    assert.deepEqual([method, path, status, objectId], ["GET", `/v1.0/${byAppId}`, 200, reader.objectId]);
    assert.doesNotMatch(JSON.stringify(world.entra.graphAudit), /eyJ/);
  });
});

describe("an application", () => {
  test("shows the selected properties only, under either id", async () => {
    const { objectId } = world.application();
    for (const path of [byAppId, `applications/${objectId}`]) {
      const { "@odata.context": _, ...body } = await read(`${path}?$select=id,appId`);
      assert.deepEqual(body, { id: objectId, appId: clientId });
    }
  });

  test("shows a certificate's bytes on $select for a single object, and never in a list", async () => {
    const { keyCredentials: selected } = await read(`${byAppId}?$select=keyCredentials`);
    assert.equal(selected[0].key, derOf(ours));
    const { keyCredentials: whole } = await read(byAppId);
    assert.equal(whole[0].key, null);
    const filter = encodeURIComponent(`appId eq '${clientId}'`);
    const { value } = await read(`applications?$filter=${filter}&$select=keyCredentials`);
    assert.equal(value[0].keyCredentials[0].key, null);
    assert.deepEqual((await read(`applications?$filter=${filter.replace("3333", "9999")}`)).value, []);
  });

  test("shows that there is a secret, without its text, and the lock", async () => {
    const { keyId } = addPassword(world.application());
    const body = await read(`${byAppId}?$select=passwordCredentials,servicePrincipalLockConfiguration`);
    assert.deepEqual([body.passwordCredentials[0].keyId, body.passwordCredentials[0].secretText], [keyId, null]);
    assert.equal(body.servicePrincipalLockConfiguration.allProperties, true);
  });

  test("that is not registered is not found", async () => {
    const path = `applications(appId='${crypto.randomUUID()}')`;
    const refused = await refusalOf(world.graph(path, await world.token(reader)));
    assert.deepEqual(refused, [404, "Request_ResourceNotFound"]);
  });

  test("has a service principal in the home tenant only after that tenant has consented", async () => {
    const path = `servicePrincipals(appId='${clientId}')`;
    assert.equal((await read(`${path}?$select=appId`)).appId, clientId);
    world.entra.revokeConsent(homeTenantId, clientId);
    assert.deepEqual((await refusalOf(world.graph(path, await world.token(reader))))[0], 404);
  });

  test("lists its federated credentials over several pages", async () => {
    for (const subject of ["one", "two", "three"]) {
      addFederatedCredential(world.application(), { issuer: "https://i.example", subject, audiences: ["a"] });
    }
    const subjects: string[] = [];
    let path: string | undefined = `${byAppId}/federatedIdentityCredentials`;
    while (path !== undefined) {
      const page: { value: { subject: string }[]; "@odata.nextLink"?: string } = await read(path);
      subjects.push(...page.value.map(({ subject }) => subject));
      path = page["@odata.nextLink"];
    }
    assert.deepEqual(subjects, ["one", "two", "three"]);
  });

  test("has all its keys replaced by PATCH: a key that is not sent is removed", async () => {
    const before = (await read(`${byAppId}?$select=keyCredentials`)).keyCredentials;
    const added = { type: "AsymmetricX509Cert", usage: "Verify", key: derOf(attacker) };
    const patch = async (keyCredentials: unknown[]) => {
      const options = { method: "PATCH", body: JSON.stringify({ keyCredentials }) };
      return (await world.graph(byAppId, await world.token(writer), options)).status;
    };
    const keysNow = async () =>
      (await read(`${byAppId}?$select=keyCredentials`)).keyCredentials.map(({ key }: { key: string }) => key);
    assert.equal(await patch([...before, added]), 204);
    assert.deepEqual(await keysNow(), [derOf(ours), derOf(attacker)]);
    assert.equal(await patch([added]), 204);
    assert.deepEqual(await keysNow(), [derOf(attacker)]);
    assert.equal(await patch([{ ...added, key: "AAAA" }]), 400);
  });
});

describe("addKey", () => {
  const now = () => Math.floor(Date.now() / 1000);
  const claims = () => ({
    aud: "00000002-0000-0000-c000-000000000000",
    iss: world.application().objectId,
    nbf: now(),
    exp: now() + 600,
  });

  async function addKey(proof: string, token?: string) {
    const keyCredential = { type: "AsymmetricX509Cert", usage: "Verify", key: derOf(attacker) };
    const body = JSON.stringify({ keyCredential, passwordCredential: null, proof });
    return world.graph(`${byAppId}/addKey`, token ?? (await ownToken()), { method: "POST", body });
  }

  for (const alg of ["PS256", "RS256"]) {
    test(`lets an identity that can sign with ${alg} as the application add its own key, and authenticate with it`, async () => {
      const { status, body } = await addKey(signJwt(ours, claims(), { alg }));
      assert.equal(status, 200, JSON.stringify(body));
      assert.equal(body.key, derOf(attacker));
      assert.equal((await world.redeem(assertionBy(attacker))).status, 200);
    });
  }

  const broken: [string, () => string | Promise<string>][] = [
    ["for another audience", () => signJwt(ours, { ...claims(), aud: "00000003-0000-0000-c000-000000000000" })],
    ["issued by the client id", () => signJwt(ours, { ...claims(), iss: clientId })],
    ["without a start", () => signJwt(ours, { ...claims(), nbf: undefined })],
    ["that has expired", () => signJwt(ours, { ...claims(), nbf: now() - 601, exp: now() - 1 })],
    ["that is not valid yet", () => signJwt(ours, { ...claims(), nbf: now() + 400, exp: now() + 900 })],
    ["valid for more than ten minutes", () => signJwt(ours, { ...claims(), exp: now() + 660 })],
    ["by a key that is not registered", () => signJwt(attacker, claims())],
    ["by another key under our name", async () => forgedName(claims())],
    ["without a signature algorithm", () => signJwt(ours, claims(), { alg: "none" })],
    ["that is a client assertion", () => assertionBy(ours)],
    ["that is no JWT", () => "proof"],
  ];
  for (const [what, proof] of broken) {
    test(`refuses a proof ${what}`, async () => {
      assert.deepEqual(await refusalOf(addKey(await proof())), [401, "Authentication_MissingOrMalformed"]);
      assert.equal(world.application().certificates.size, 2);
    });
  }

  test("refuses another caller without the right to write, with a good proof or a bad one", async () => {
    const refused = await refusalOf(addKey(signJwt(ours, claims()), await world.token(reader)));
    assert.deepEqual(refused, [403, "Authorization_RequestDenied"]);
  });

  async function forgedName(content: Record<string, unknown>) {
    return signJwt({ ...(await makeKey()), pem: ours.pem }, content);
  }
});

describe("the control routes", () => {
  const send = (route: string, body: unknown, query = "") =>
    world.entra.control
      .find(({ method, path }) => `${method} ${path}` === route)
      ?.handle({ body, query: new URLSearchParams(query) });

  test("add and remove other credentials, as Graph then shows them", async () => {
    const { keyId } = (await send("POST /passwords", { clientId, on: "servicePrincipal" })) as { keyId: string };
    const issued = { clientId, issuer: "https://i.example", subject: "s" };
    const { id } = (await send("POST /federated-credentials", issued)) as { id: string };
    await send("PUT /instance-lock", { clientId, lock: { isEnabled: false } });
    const principal = `servicePrincipals(appId='${clientId}')`;
    assert.equal((await read(principal)).passwordCredentials[0].keyId, keyId);
    assert.equal((await read(`${byAppId}/federatedIdentityCredentials`)).value[0].id, id);
    assert.equal((await read(byAppId)).servicePrincipalLockConfiguration.isEnabled, false);
    await send("DELETE /passwords", undefined, `clientId=${clientId}&on=servicePrincipal&keyId=${keyId}`);
    await send("DELETE /federated-credentials", undefined, `clientId=${clientId}&id=${id}`);
    assert.deepEqual((await read(principal)).passwordCredentials, []);
    assert.deepEqual((await read(`${byAppId}/federatedIdentityCredentials`)).value, []);
  });
});

describe("a new application", () => {
  const unique = () => `app-${crypto.randomUUID()}`;
  const upsert = async (
    name: string,
    body: object,
    headers: Record<string, string> = { prefer: "create-if-missing" },
  ) =>
    world.graph(`applications(uniqueName='${name}')`, await world.token(writer), {
      ...{ method: "PATCH", body: JSON.stringify(body), headers },
    });
  const post = async (path: string, body: object, by: { clientId: string } = assigner) =>
    world.graph(path, await world.token(by), { method: "POST", body: JSON.stringify(body) });
  const role = {
    ...{ id: crypto.randomUUID(), value: "Tokens.Issue", displayName: "Tokens.Issue", description: "May ask." },
    ...{ isEnabled: true, allowedMemberTypes: ["Application"] },
  };
  const manifest = { displayName: "api", api: { requestedAccessTokenVersion: 2 }, appRoles: [role] };
  const assigner = { ...writer, clientId: crypto.randomUUID(), objectId: crypto.randomUUID() };

  before(() => {
    const roles = ["Application.ReadWrite.All", "AppRoleAssignment.ReadWrite.All"];
    world.entra.registerManagedIdentity({ ...assigner, appRoles: { "https://graph.microsoft.com": roles } });
  });

  test("is created under a unique name once, if preferred, and changed from then on", async () => {
    const name = unique();
    assert.equal((await upsert(name, manifest, {})).status, 404);
    const made = await upsert(name, manifest);
    assert.deepEqual(
      [made.status, made.body.uniqueName, made.body.servicePrincipalLockConfiguration],
      [201, name, null],
    );
    const again = await upsert(name, { displayName: "other" });
    assert.deepEqual([again.status, again.body], [204, undefined]);
    const found = await read(`applications(uniqueName='${name}')?$select=appId,displayName,appRoles,api`);
    assert.deepEqual([found.appId, found.displayName, found.appRoles], [made.body.appId, "other", [role]]);
    assert.equal(found.api.requestedAccessTokenVersion, 2);
  });

  test("keeps an enabled role, and accepts no property that Graph does not know", async () => {
    const name = unique();
    await upsert(name, manifest);
    assert.deepEqual(await refusalOf(upsert(name, { appRoles: [] })), [400, "Request_BadRequest"]);
    assert.deepEqual(await refusalOf(upsert(name, { requestedAccessTokenVersion: 2 })), [400, "Request_BadRequest"]);
  });

  test("has a service principal once that is created, and a managed identity then has its role in its tokens", async () => {
    const { appId } = (await upsert(unique(), manifest)).body;
    const identity = { ...stranger, clientId: crypto.randomUUID(), objectId: crypto.randomUUID() };
    world.entra.registerManagedIdentity(identity);
    assert.equal((await refusalOf(post("servicePrincipals", { appId: crypto.randomUUID() })))[0], 400);
    assert.equal((await world.token(identity, appId)) ?? "none", "none", "Entra does not know the API yet");
    const { id: resourceId, appRoles } = (await post("servicePrincipals", { appId })).body;
    assert.deepEqual([(await post("servicePrincipals", { appId })).status, appRoles], [409, [role]]);
    const path = `servicePrincipals/${resourceId}/appRoleAssignedTo`;
    const grant = { principalId: identity.objectId, resourceId, appRoleId: role.id };
    assert.equal((await post(path, grant, writer)).status, 403, "to change applications is not enough");
    assert.equal((await post(path, { ...grant, appRoleId: crypto.randomUUID() })).status, 400);
    assert.equal((await post(path, grant)).status, 201);
    assert.deepEqual((await refusalOf(post(path, grant)))[0], 400, "it is there already");
    assert.deepEqual(
      (await read(path)).value.map((each: { principalId: string; appRoleId: string }) => [
        each.principalId,
        each.appRoleId,
      ]),
      [[identity.objectId, role.id]],
    );
    const claims = JSON.parse(
      Buffer.from((await world.token(identity, appId)).split(".")[1] ?? "", "base64url").toString(),
    );
    assert.deepEqual([claims.ver, claims.aud, claims.roles], ["2.0", appId, ["Tokens.Issue"]]);
    const byUri = await world.token(identity, `api://${appId}`);
    assert.equal(byUri ?? "none", "none", "no identifier URI names it");
  });
});

test("an application from an earlier version of the emulator is shown with its credentials only", () => {
  const { manifest: _, createdAt: __, ...kept } = world.application();
  const registry = new ApplicationRegistry();
  registry.restore([kept]);
  const shown = showApplication(registry.require(clientId), { select: ["appRoles", "web"], isSingle: true });
  assert.deepEqual(shown, { appRoles: [], web: { redirectUris: [] } });
});

describe("a service principal's key", () => {
  test("authenticates the client in the home tenant only", async () => {
    const { control } = world.entra;
    const route = control.find(({ method, path }) => `${method} ${path}` === "POST /service-principal-certificates");
    await route?.handle({ body: { clientId, certificatePem: attacker.pem }, query: new URLSearchParams() });
    assert.equal((await world.redeem(assertionBy(attacker))).status, 200);
    const elsewhere = crypto.randomUUID();
    world.entra.grantConsent(elsewhere, clientId);
    const body = new URLSearchParams({
      ...{ grant_type: "client_credentials", client_id: clientId, scope: "https://graph.microsoft.com/.default" },
      client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
      client_assertion: assertionBy(attacker),
    });
    const url = `https://login.microsoftonline.com/${elsewhere}/oauth2/v2.0/token`;
    const { error_codes } = (await (await fetch(url, { method: "POST", body })).json()) as { error_codes: number[] };
    assert.deepEqual(error_codes, [700027]);
  });
});

describe("a managed identity's token as client assertion", () => {
  const exchange = "api://AzureADTokenExchange";
  const issuer = `https://login.microsoftonline.com/${homeTenantId}/v2.0`;
  const federated = (changes: object = {}) =>
    addFederatedCredential(world.application(), {
      ...{ issuer, subject: stranger.objectId, audiences: [exchange] },
      ...changes,
    });
  const redeem = async (resource = exchange) => world.redeem(await world.token(stranger, resource), clientScope);
  const clientScope = `${clientId}/.default`;
  const codeOf = async (answer: Promise<{ body: { error_codes?: number[] } }>) => (await answer).body.error_codes?.[0];

  test("authenticates the application that lists the identity", async () => {
    federated();
    const { status, body } = await redeem();
    assert.equal(status, 200, JSON.stringify(body));
    const claims = JSON.parse(Buffer.from(body.access_token.split(".")[1], "base64url").toString());
    assert.deepEqual([claims.appid, claims.aud], [clientId, clientId]);
  });

  test("is refused if no credential is listed, or none for its issuer, subject or audience", async () => {
    assert.equal(await codeOf(redeem()), 70025);
    const cases: [object, number][] = [
      [{ issuer: issuer.replace("/v2.0", "/") }, 700211],
      [{ subject: reader.objectId }, 700213],
      [{ subject: stranger.objectId.toUpperCase() }, 7002138],
      [{ audiences: ["api://other"] }, 700212],
    ];
    for (const [changes, code] of cases) {
      world.reset();
      federated(changes);
      assert.equal(await codeOf(redeem()), code);
    }
  });

  test("is refused if it is for another resource, was changed, or is not a managed identity's", async () => {
    federated();
    assert.equal(await codeOf(redeem("https://vault.azure.net")), 700211);
    const [header, body] = (await world.token(stranger, exchange)).split(".");
    assert.equal(await codeOf(world.redeem(`${header}.${body}.${"A".repeat(342)}`, clientScope)), 50013);
    federated({ subject: clientId });
    const forged = await world.entra.issueToken({ aud: exchange, sub: clientId });
    assert.equal(await codeOf(world.redeem(forged, clientScope)), 700226);
    const expired = await world.entra.issueToken({ aud: exchange, sub: stranger.objectId }, { expiresInSeconds: -1 });
    assert.equal(await codeOf(world.redeem(expired, clientScope)), 700024);
  });
});
