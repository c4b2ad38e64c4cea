/** The Azure CLI, with tokens of the emulated Entra. Options: its reference. */
import { existsSync, readFileSync } from "node:fs";
import { dispatch, type Known, match, type Options, UsageError } from "./command-line.ts";
import { changeDone, readAzure, readDone } from "./state.ts";

export const az = (args: readonly string[]) => dispatch(commands, args);

/** Built-in roles that the page names. */
const roles = ["Key Vault Crypto User", "Key Vault Reader", "Storage Blob Data Contributor"];
const guid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const asText = ["--query", "--output"];

const checked = (what: string) =>
  changeDone((done) => {
    done.checked.push(what);
  });

/** One value, as `--query <path> --output tsv` prints it. */
function one(options: Options, path: string, value: string | undefined): string {
  match(options, "--query", new RegExp(`^${path}$`));
  match(options, "--output", /^tsv$/);
  if (value === undefined) throw new UsageError("there is no such resource");
  return value;
}

function scopeOf(options: Options): string {
  const scope = match(options, "--scope", /^\/subscriptions\//);
  const { vaultId, accountId, settings } = readAzure();
  const container = new URL(settings.KEYHOLD_POLICY_BLOB_URL ?? "").pathname.split("/")[1];
  const key = scope.startsWith(`${vaultId}/keys/`) && /^[\w-]+$/.test(scope.slice(`${vaultId}/keys/`.length));
  if (!key && scope !== `${accountId}/blobServices/default/containers/${container}`) {
    throw new UsageError(`there is nothing at ${scope}`);
  }
  return scope;
}

function roleOf(options: Options): string {
  const role = options["--role"] ?? "";
  if (!roles.includes(role)) throw new UsageError(`not a role: ${role}`);
  return role;
}

const commands: Record<string, Known> = {
  login: { run: () => checked("az login") },
  "provider register": {
    required: ["--namespace"],
    run: (options) => checked(`provider ${match(options, "--namespace", /^Microsoft\.\w+$/)}`),
  },
  "account get-access-token": {
    required: ["--resource", "--output"],
    // The vault's challenge names the tenant.
    optional: ["--tenant"],
    run: async (options) => accessToken(match(options, "--resource", /^https:\/\//)),
  },
  "ad signed-in-user show": { required: asText, run: (options) => one(options, "id", readAzure().operatorObjectId) },
  "identity show": {
    required: ["--name", "--resource-group", ...asText],
    run: (options) => one(options, "principalId", readAzure().identities[options["--name"] ?? ""]),
  },
  "role assignment create": {
    required: ["--role", "--scope", "--assignee-object-id", "--assignee-principal-type"],
    run(options) {
      match(options, "--assignee-principal-type", /^(User|Group|ServicePrincipal)$/);
      const principalId = match(options, "--assignee-object-id", guid);
      const assignment = { role: roleOf(options), scope: scopeOf(options), principalId };
      changeDone((done) => void done.roles.push(assignment));
      return "{}";
    },
  },
  "role assignment delete": {
    required: ["--role", "--scope", "--assignee"],
    run(options) {
      const gone = { role: roleOf(options), scope: scopeOf(options), principalId: match(options, "--assignee", guid) };
      const isGone = (each: typeof gone) => JSON.stringify(each) === JSON.stringify(gone);
      if (!readDone().roles.some(isGone)) throw new UsageError("there is no such assignment");
      changeDone((done) => {
        done.roles = done.roles.filter((each) => !isGone(each));
      });
      return undefined;
    },
  },
  "functionapp config appsettings list": {
    required: ["--name", "--resource-group", ...asText],
    run(options) {
      match(options, "--query", /^\[\?starts_with\(name, 'KEYHOLD_'\) && value != ''\]\.\[name, value\]$/);
      match(options, "--output", /^tsv$/);
      requireApp(options);
      const set = Object.entries(readAzure().settings).filter(([name, value]) => name.startsWith("KEYHOLD_") && value);
      return set.map((each) => each.join("\t")).join("\n");
    },
  },
  "functionapp deployment source config-zip": {
    required: ["--name", "--resource-group", "--src"],
    run(options) {
      requireApp(options);
      if (!existsSync(options["--src"] ?? "")) throw new UsageError("there is no such file");
      return checked("config-zip");
    },
  },
  "deployment sub create": {
    required: ["--name", "--location", "--template-file", "--parameters"],
    lists: ["--parameters"],
    run: createDeployment,
  },
  "deployment sub show": {
    required: ["--name", "--query"],
    run: (options) =>
      checked(`outputs of ${options["--name"]} by ${match(options, "--query", /^properties\.outputs$/)}`),
  },
};

function requireApp(options: Options): void {
  const { AZURE_APP_NAME, AZURE_RESOURCE_GROUP } = readAzure().outputs;
  if (options["--name"] !== AZURE_APP_NAME || options["--resource-group"] !== AZURE_RESOURCE_GROUP) {
    throw new UsageError("there is no such app");
  }
}

/** As Azure Resource Manager checks parameters: names, required ones, types, allowed values. */
function createDeployment(options: Options): undefined {
  const template = JSON.parse(readFileSync(options["--template-file"] ?? "", "utf8")) as {
    parameters: Record<string, { type: string; defaultValue?: unknown; minLength?: number }>;
  };
  const given = new Map(
    (options["--parameters"] ?? "")
      .split("\n")
      .map((each) => [each.split("=")[0] ?? "", each.slice(each.indexOf("=") + 1)]),
  );
  for (const [name, { defaultValue }] of Object.entries(template.parameters)) {
    if (defaultValue === undefined && !given.has(name)) throw new UsageError(`missing parameter ${name}`);
  }
  for (const [name, value] of given) {
    const parameter = template.parameters[name];
    if (!parameter) throw new UsageError(`unknown parameter ${name}`);
    const isList = parameter.type === "array" && Array.isArray(JSON.parse(value));
    if (!isList && parameter.type !== "string") throw new UsageError(`${name} must be of type ${parameter.type}`);
    if (value.length < (parameter.minLength ?? 0)) throw new UsageError(`${name} is too short`);
  }
  checked("deployment");
}

async function accessToken(resource: string): Promise<string> {
  const { endpoint, header, clientId } = readAzure().identity;
  const query = new URLSearchParams({ "api-version": "2019-08-01", resource, client_id: clientId });
  const response = await fetch(`${endpoint}?${query}`, { headers: { "X-IDENTITY-HEADER": header } });
  const { access_token: accessToken, expires_on: expires } = (await response.json()) as Record<string, string>;
  if (accessToken === undefined) throw new UsageError(`no token for ${resource}`);
  return JSON.stringify({ accessToken, expires_on: Number(expires), tokenType: "Bearer" });
}
