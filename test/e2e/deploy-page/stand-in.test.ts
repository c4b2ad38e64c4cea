/** The stand-ins refuse what Azure's programs would refuse. Otherwise any command of the page would pass. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { type Azure, type Done, readDone } from "./state.ts";

const folder = await mkdtemp(join(tmpdir(), "keyhold-stand-in-"));
after(() => rm(folder, { recursive: true, force: true }));

const vaultId = "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/kv";
const accountId = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/st";
const me = "60000000-0000-4000-8000-000000000001";
const azure: Azure = {
  operatorObjectId: me,
  identity: { endpoint: "http://127.0.0.1:1/", header: "h", clientId: me },
  ...{ vaultId, accountId, identities: { "billing-service": me } },
  settings: { KEYHOLD_POLICY_BLOB_URL: "https://st.blob.core.windows.net/policy/policy.json" },
  outputs: { AZURE_APP_NAME: "app", AZURE_RESOURCE_GROUP: "g" },
};
await writeFile(join(folder, "azure.json"), JSON.stringify(azure));

const fresh: Done = { environment: { AZURE_ENV_NAME: "x" }, provisions: [], roles: [], checked: [] };
const program = fileURLToPath(new URL("stand-in.ts", import.meta.url));
const repository = fileURLToPath(new URL("../../../", import.meta.url));

async function run(...args: string[]) {
  await writeFile(join(folder, "done.json"), JSON.stringify(fresh));
  const env = { ...process.env, STAND_IN_FOLDER: folder };
  const { status, stderr } = spawnSync(process.execPath, [program, ...args], {
    cwd: repository,
    env,
    encoding: "utf8",
  });
  return { status, stderr };
}

const role = ["az", "role", "assignment", "create", "--assignee-principal-type", "User"];
const keyScope = ["--scope", `${vaultId}/keys/orders-app`];
const tsv = ["--output", "tsv"];
const deployment = ["az", "deployment", "sub", "create", "--name", "d", "--location", "westeurope"];
const template = ["--template-file", "infra/main.json", "--parameters", "environmentName=p", "location=westeurope"];

const refused: Record<string, string[]> = {
  "an unknown command": ["az", "keyvault", "shw"],
  "an unknown option": ["az", "login", "--wrong", "x"],
  "a missing option": ["az", "identity", "show", "--name", "billing-service", "--query", "principalId", ...tsv],
  "an identity that nobody has": [
    ...["az", "identity", "show", "--name", "other", "--resource-group", "g", "--query", "principalId", ...tsv],
  ],
  "another query": ["az", "ad", "signed-in-user", "show", "--query", "objectId", ...tsv],
  "a role that is not one": [...role, "--role", "Key Vault User", ...keyScope, "--assignee-object-id", me],
  "a scope that is nothing": [
    ...role,
    "--role",
    "Key Vault Crypto User",
    "--scope",
    vaultId,
    "--assignee-object-id",
    me,
  ],
  "an assignee that is no id": [
    ...role,
    "--role",
    "Key Vault Crypto User",
    ...keyScope,
    "--assignee-object-id",
    "anna",
  ],
  "a variable that the deployment does not have": ["azd", "env", "set", "AZURE_NAME", "x"],
  "a list that is not JSON": ["azd", "env", "set", "AZURE_CLIENT_KEY_NAMES", "orders-app"],
  "a deployment without what is required": ["azd", "up"],
  "a template without a parameter": [...deployment, ...template],
  "a parameter of another type": [
    ...[...deployment, ...template, `audience=${me}`, "clientKeyNames=orders-app", 'alertEmails=["a@b"]'],
  ],
  "a script that package.json does not have": ["npm", "run", "compile"],
  "an archive of what is not there": ["zip", "--quiet", "--recurse-paths", join(folder, "a.zip"), "no-such-folder"],
};

for (const [what, args] of Object.entries(refused)) {
  test(`${what} is refused`, async () => {
    const { status, stderr } = await run(...args);
    assert.notEqual(status, 0, args.join(" "));
    assert.match(stderr, /\S/);
    const { checked, provisions, roles } = readDone(folder);
    assert.deepEqual({ checked, provisions, roles }, { checked: [], provisions: [], roles: [] });
  });
}

test("the same commands in their correct form are accepted", async () => {
  const right = [
    ["az", "login"],
    ["az", "identity", "show", "--name", "billing-service", "--resource-group", "g", "--query", "principalId", ...tsv],
    [...role, "--role", "Key Vault Crypto User", ...keyScope, "--assignee-object-id", me],
    ["azd", "env", "set", "AZURE_CLIENT_KEY_NAMES", '["orders-app"]'],
    [...deployment, ...template, `audience=${me}`, 'clientKeyNames=["orders-app"]', 'alertEmails=["a@b"]'],
    ["npm", "run", "build"],
  ];
  for (const args of right) assert.deepEqual(await run(...args), { status: 0, stderr: "" }, args.join(" "));
});
