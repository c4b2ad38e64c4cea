/**
 * docs/operate/deploy.md as a new user follows it: every command of the page, extracted from it, in order. Azure
 * Resource Manager is simulated (stand-in.ts); registrations, vault, storage, policy and tokens are the local stack's.
 * The last command returns a token.
 */
import assert from "node:assert/strict";
import { chmod, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { DataAction } from "../../../local/emulators/key-vault/role-assignments.ts";
import * as world from "../../../local/stack/world.ts";
import { skipWithout } from "../../support/requirements.ts";
import { settledLedgerRows, testStack } from "../../support/test-stack.ts";
import { commandsOf, openShell } from "./page-shell.ts";
import { type Azure, readDone } from "./state.ts";

const blocks = commandsOf("docs/operate/deploy.md");
const skip = skipWithout(["bash", "jq", "curl"], "apt-get install bash jq curl");
const repository = fileURLToPath(new URL("../../../", import.meta.url));

async function prepare() {
  const stack = await testStack({ startFunctions: false });
  const person = { name: "anna", clientId: crypto.randomUUID(), objectId: crypto.randomUUID() };
  const graphRoles = ["Application.ReadWrite.All", "AppRoleAssignment.ReadWrite.All"];
  stack.entra.registerManagedIdentity({ ...person, appRoles: { "https://graph.microsoft.com": graphRoles } });
  // Nothing of today's world but the identities: no role, and no key but those of the templates.
  for (const each of [...Object.values(world.callers), world.identities.monitoring]) {
    stack.entra.registerManagedIdentity(each);
  }
  const publisher = await stack.keyVault.createKey("idp-publisher");
  await stack.storage.blobs.createContainer("policy");
  const blobUrl = `https://${world.storageAccount}.blob.core.windows.net/policy/policy.json`;
  const host = `localhost:${stack.ports.https}`;
  const settings = { ...stack.settings(stack.ports.https), KEYHOLD_POLICY_FILE: "", KEYHOLD_POLICY_BLOB_URL: blobUrl };
  const group = "/subscriptions/40000000-0000-4000-8000-00000000000a/resourceGroups/rg-keyhold-production/providers";
  const vaultName = world.vaultHost.split(".")[0] ?? "";
  const vaultId = `${group}/Microsoft.KeyVault/vaults/${vaultName}`;
  const accountId = `${group}/Microsoft.Storage/storageAccounts/${world.storageAccount}`;
  const azure: Azure = {
    operatorObjectId: person.objectId,
    identity: { endpoint: stack.entra.identityEndpoint, header: stack.entra.identityHeader, clientId: person.clientId },
    ...{ vaultId, accountId },
    identities: { [world.callers.billing.name]: world.callers.billing.objectId },
    settings,
    outputs: {
      ...{ AZURE_RESOURCE_GROUP: "rg-keyhold-production", AZURE_TENANT_ID: world.homeTenantId },
      ...{ AZURE_APP_HOST_NAME: host, AZURE_APP_NAME: "func-keyhold", AZURE_KEY_VAULT_NAME: vaultName },
      ...{ AZURE_KEY_VAULT_URI: `https://${world.vaultHost}/`, AZURE_DATA_STORAGE_NAME: world.storageAccount },
      AZURE_KEY_IDS: JSON.stringify([stack.key.keyId, publisher.keyId]),
      AZURE_POLICY_CONTAINER_URL: blobUrl.replace("/policy.json", ""),
      ...{ AZURE_KEY_VAULT_ID: vaultId, AZURE_DATA_STORAGE_ID: accountId, AZURE_SIGNER_ROLE_ID: "role" },
      KEYHOLD_SIGNING_IDENTITY_OBJECT_ID: world.identities.signing.objectId,
      KEYHOLD_SIGNING_IDENTITY_CLIENT_ID: world.identities.signing.clientId,
      KEYHOLD_STORAGE_IDENTITY_CLIENT_ID: world.identities.storage.clientId,
      KEYHOLD_MONITORING_IDENTITY_CLIENT_ID: world.identities.monitoring.clientId,
    },
  };
  const folders = {
    work: join(stack.folder, "clone"),
    bin: join(stack.folder, "bin"),
    state: join(stack.folder, "state"),
  };
  await Promise.all(Object.values(folders).map((folder) => mkdir(folder)));
  for (const name of ["infra", "dist", "host.json", "package.json"]) {
    await symlink(join(repository, name), join(folders.work, name));
  }
  const saveAzure = () => writeFile(join(folders.state, "azure.json"), JSON.stringify(azure));
  await saveAzure();
  await writeFile(join(folders.state, "done.json"), JSON.stringify({ provisions: [], roles: [], checked: [] }));
  const program = async (name: string, command: string) => {
    await writeFile(join(folders.bin, name), `#!/bin/sh\n${command} "$@"\n`);
    await chmod(join(folders.bin, name), 0o755);
  };
  const node = JSON.stringify(process.execPath);
  const standIn = JSON.stringify(fileURLToPath(new URL("stand-in.ts", import.meta.url)));
  for (const name of ["az", "azd", "zip"]) await program(name, `exec ${node} ${standIn} ${name}`);
  const redirect = JSON.stringify(join(repository, "local/stack/network/redirect.ts"));
  const isKeyhold = '[ "$1 $2 $3 $4" = "run -s keyhold --" ]';
  const keyhold = `shift 4; exec ${node} --import ${redirect} dist/cli.js "$@"`;
  await program("npm", `if ${isKeyhold}; then ${keyhold}; fi; exec ${node} ${standIn} npm`);
  const shell = openShell(folders.work, {
    ...{ PATH: `${folders.bin}:${process.env.PATH}`, HOME: stack.folder, STAND_IN_FOLDER: folders.state },
    ...{ NODE_EXTRA_CA_CERTS: stack.authority.certificateFile, CURL_CA_BUNDLE: stack.authority.certificateFile },
    LOCAL_ROUTES: JSON.stringify(stack.routes),
  });
  after(() => shell.stop());
  const draft = async () =>
    JSON.parse(await readFile(join(folders.work, "policy.json"), "utf8")) as { clients: { clientId: string }[] };
  return { stack, azure, saveAzure, folders, shell, person, draft, host };
}

/** Azure does what the commands said: the stand-ins have written it down. */
type World = Awaited<ReturnType<typeof prepare>>;

/** Of the built-in roles, as far as the emulated vault knows them. */
const keyActions: Record<string, DataAction[]> = {
  "Key Vault Crypto User": ["read", "sign", "wrap", "unwrap"],
  "Key Vault Reader": ["read"],
};

/** What happens outside of the operator's shell after a block, by a command that it has. */
const afterwards: Record<string, (it: World) => Promise<void>> = {
  async "azd up"({ stack, azure, saveAzure, folders }) {
    const [values = {}] = readDone(folders.state).provisions;
    azure.settings.KEYHOLD_AUDIENCE = values.KEYHOLD_AUDIENCE ?? "";
    await saveAzure();
    stack.functions = await stack.addInstance(stack.ports, azure.settings);
  },
  // Roles take effect, and are withdrawn again.
  async "az role assignment"({ stack, folders, person, azure }) {
    const kept = stack.keyVault.assignments.filter(({ objectId }) => objectId !== person.objectId);
    const mine = readDone(folders.state).roles.flatMap(({ role, scope, principalId: objectId }) => {
      const keyName = scope.startsWith(azure.vaultId) ? scope.split("/").at(-1) : undefined;
      const actions = keyActions[role];
      return keyName === undefined || actions === undefined ? [] : [{ objectId, keyName, actions }];
    });
    stack.keyVault.assignments.splice(0, Infinity, ...kept, ...mine);
  },
  // The customer's administrator opens the link, and instances read the policy.
  async "keyhold -- grant add"({ stack, draft }) {
    const [client] = (await draft()).clients;
    const granted = { "https://graph.microsoft.com": ["User.Read.All"] };
    stack.entra.grantConsent(world.tenants.contoso.tenantId, client?.clientId ?? "", granted);
    await stack.passTime(60_000);
  },
};

/** What a reader fills in. */
async function fillIn(block: string, { folders, draft, host }: World): Promise<string> {
  const values: Record<string, () => Promise<string> | string> = {
    "<tenant id of the customer>": () => world.tenants.contoso.tenantId,
    "<client id of Keyhold's registration>": () => readDone(folders.state).environment?.KEYHOLD_AUDIENCE ?? "",
    "<client id of the client>": async () => (await draft()).clients[0]?.clientId ?? "",
    "<client id of the caller's identity>": () => world.callers.billing.clientId,
    "<host name of the app>": () => host,
  };
  let filled = block;
  for (const [placeholder, value] of Object.entries(values)) {
    if (filled.includes(placeholder)) filled = filled.replaceAll(placeholder, await value());
  }
  assert.doesNotMatch(filled, /<[a-z][^>\n]*>/, "a placeholder that nothing is known for");
  return filled;
}

test("every command of the deploy page runs in order, and the last one, a caller's, returns a token of the customer", {
  skip,
}, async (t) => {
  const it = await prepare();
  const { stack, shell, folders, person } = it;
  await stack.keyVault.createKey("shared-cache", { keyOps: ["wrapKey", "unwrapKey"] });
  const printed: string[] = [];
  for (const block of blocks) {
    // The caller's machine has the platform's variables, the operator's has not.
    const isCallers = block.includes("IDENTITY_ENDPOINT");
    const { identityEndpoint, identityHeader } = stack.entra;
    const platform = `IDENTITY_ENDPOINT=${identityEndpoint}\nIDENTITY_HEADER=${identityHeader}\n`;
    const filled = await fillIn(block, it);
    // A changed policy takes effect within a minute.
    if (isCallers) await stack.passTime(60_000);
    printed.push(await shell.run(isCallers ? `${platform}${filled}\nunset IDENTITY_ENDPOINT IDENTITY_HEADER` : filled));
    for (const [command, act] of Object.entries(afterwards)) if (block.includes(command)) await act(it);
    t.diagnostic(`ran: ${block.split("\n", 1)[0]}`);
  }
  const answerOf = (command: string) => printed[blocks.findIndex((block) => block.includes(command))] ?? "";
  const answer = JSON.parse(answerOf("IDENTITY_ENDPOINT")) as { access_token: string; token_type: string };
  const claims = JSON.parse(Buffer.from(answer.access_token.split(".")[1] ?? "", "base64url").toString());
  const [client] = (await it.draft()).clients;
  assert.deepEqual(
    [answer.token_type, claims.tid, claims.appid, claims.aud, claims.roles],
    ["Bearer", world.tenants.contoso.tenantId, client?.clientId, "https://graph.microsoft.com", ["User.Read.All"]],
  );
  assert.match(answerOf("setup --caller"), /created {3}policy in force/);
  assert.doesNotMatch(printed.join(""), /WAITS/);
  assert.match(answerOf("keyhold -- explain"), /^Allowed/m);
  const [row] = await settledLedgerRows(stack);
  assert.deepEqual([row?.outcome, row?.tenantId], ["issued", world.tenants.contoso.tenantId]);
  const done = readDone(folders.state);
  assert.deepEqual(done.roles, [], "what was for the hour is taken back");
  assert.equal(
    stack.keyVault.assignments.some(({ objectId }) => objectId === person.objectId),
    false,
  );
  const last = done.provisions.at(-1);
  assert.equal(last?.AZURE_OPERATOR_ADDRESS_RANGES, "[]", "vault and storage are closed again");
  assert.match(last?.KEYHOLD_SHARED_CACHE_WRAPPED_KEY ?? "", /^[\w-]{342}$/);
  const opened = done.provisions.map(({ AZURE_OPERATOR_ADDRESS_RANGES: each }) => each !== "[]");
  assert.deepEqual(opened, [true, false, true, false]);
});
