import type { Command } from "commander";
import type { DeploymentOutputs } from "../../config.ts";
import { type Cloud, type CloudName, clouds } from "../../domain/shared/cloud.ts";
import { requireKeyName, requireVaultUrl, usage } from "../certificate/options.ts";
import { createRegistration } from "../certificate/registration.ts";
import { createKeyOwner } from "../certificate/vault-key.ts";
import type { CommandContext } from "../connection.ts";
import { requireGuid } from "../options.ts";
import { filePlace, policyPlaceOf } from "../policy/policy-place.ts";
import { createRest } from "../rest.ts";
import { operatorObjectId } from "../suspensions/operator-name.ts";
import type { NamedCaller } from "./app-roles.ts";
import type { Permission } from "./client-application.ts";
import { createDirectory } from "./directory.ts";
import { setupReport } from "./report.ts";
import { setUp } from "./set-up.ts";

/** Options that default to outputs of a deployment. */
interface GivenOptions extends DeploymentOutputs {
  name: string;
  client: string;
  clientId?: string;
  redirectUri?: string;
  permission?: string[];
  caller?: string[];
  policyFile: string;
  dryRun?: true;
}

const defaults = { callerRole: "Tokens.Issue", publisherKey: "idp-publisher", cloud: "public" } as const;
type SetupOptions = GivenOptions & Record<keyof typeof defaults, string>;

const collect = (text: string, before: string[] = []) => [...before, text];

/** Adds the command `setup`. */
export function addSetupCommand(program: Command, { run, clock, pause, progress, deployment }: CommandContext): void {
  program
    .command("setup")
    .description("Registrations, app roles, certificates and the first policy: what can be done by command, once.")
    .requiredOption("--client <name>", "application that acts in customer tenants; its key has this name too")
    .option("--redirect-uri <https url>", "page of yours where customers' administrators land after consent")
    .option("--permission <api>/<role>", "application permission of the client; may be repeated", collect)
    .option("--caller <name>=<objectId>", "internal service, by its managed identity; may be repeated", collect)
    .option("--name <name>", "of Keyhold's own registration; another one for each environment", "keyhold")
    .option("--audience <id>", "client id of Keyhold's registration that is there, or KEYHOLD_AUDIENCE")
    .option("--client-id <id>", "client id of the client's registration that is there")
    .option("--caller-role <name>", `app role of callers, or KEYHOLD_CALLER_ROLE (default: "${defaults.callerRole}")`)
    .option("--monitoring-identity <id>", "its client id, or KEYHOLD_MONITORING_IDENTITY_CLIENT_ID")
    .option("--vault <url>", "the vault, or AZURE_KEY_VAULT_URI")
    .option(
      "--publisher-key <name>",
      `key that signs idp.xml, or AZURE_PUBLISHER_KEY_NAME (default: "${defaults.publisherKey}")`,
    )
    .option("--policy-container <url>", "where the policy goes, or AZURE_POLICY_CONTAINER_URL")
    .option("--policy-file <file>", "where the first policy is written before it is uploaded", "policy.json")
    .option("--cloud <name>", `${Object.keys(clouds).join(", ")}, or KEYHOLD_CLOUD (default: "${defaults.cloud}")`)
    .option("--dry-run", "dry run: print what would be done")
    .addHelpText(
      "after",
      `
Examples:
  keyhold setup --client orders-app --redirect-uri https://www.contoso.example/connected \\
    --permission 00000003-0000-0000-c000-000000000000/User.Read.All
  keyhold setup --client orders-app --caller billing-service=60000000-0000-4000-8000-000000000011 --dry-run

Run it before azd up, for the registrations, and again after it with the outputs of the deployment in the environment
(azd env get-values). Each step looks first and makes only what is missing, so it can be repeated, also by another
person: what you may not do is reported with who may, and everything else is still done. It removes nothing.

Needs, of the operator: Application Developer for the registrations; Cloud Application Administrator for the role of
callers; Privileged Role Administrator for the role of the identity monitoring; Key Vault Crypto User on the keys and
Storage Blob Data Contributor on the container of the policy, both over a network path to them. docs/operate/deploy.md
has who, when and how long. Exit code 1: something waits for a right, for another person, or for a network path.
The vault signs the certificates for you, not for Keyhold: the alert foreign-signer follows.`,
    )
    .action((given: GivenOptions) =>
      run(async (_connect, _isJson, operator) => {
        const options: SetupOptions = { ...defaults, ...deployment(), ...given };
        const cloud = requireCloud(options.cloud);
        const input = inputOf(options);
        const vaultUrl = options.vault ? requireVaultUrl(options.vault, cloud) : undefined;
        const blobUrl = options.policyContainer ? requirePolicyUrl(options.policyContainer, cloud) : undefined;
        const credential = operator();
        const scope = `https://${cloud.graphHost}/.default`;
        const rest = createRest(credential, scope);
        const operatorId = () => operatorObjectId(credential, scope);
        const actors = { reader: () => credential, writer: () => credential };
        const result = await setUp(input, {
          cloud,
          directory: createDirectory(cloud, rest, { pause, operatorId }),
          registration: createRegistration(cloud, rest),
          keys: vaultUrl === undefined ? undefined : createKeyOwner(vaultUrl, credential),
          policy: {
            draft: filePlace(options.policyFile),
            inForce: blobUrl === undefined ? undefined : policyPlaceOf({ blobUrl }, actors),
          },
          progress,
          nowMs: clock(),
        });
        return setupReport(input, result, vaultUrl !== undefined);
      }),
    );
}

function inputOf(options: SetupOptions) {
  const id = (where: string, text: string | undefined) => (text ? requireGuid(where, text) : undefined);
  const { redirectUri } = options;
  if (redirectUri !== undefined && URL.parse(redirectUri)?.protocol !== "https:") {
    throw usage("--redirect-uri", "give an https URL");
  }
  return {
    name: requireKeyName(options.name),
    audience: id("--audience", options.audience),
    callerRole: options.callerRole,
    client: { name: requireKeyName(options.client), clientId: id("--client-id", options.clientId), redirectUri },
    permissions: (options.permission ?? []).map(parsePermission),
    callers: (options.caller ?? []).map(parseCaller),
    monitoringClientId: id("--monitoring-identity", options.monitoringIdentity),
    publisherKeyName: requireKeyName(options.publisherKey),
    dryRun: options.dryRun === true,
  };
}

function requireCloud(name: string): Cloud {
  if (Object.hasOwn(clouds, name)) return clouds[name as CloudName];
  throw usage("--cloud", `give one of ${Object.keys(clouds).join(", ")}`);
}

function parsePermission(text: string): Permission {
  const [, api, role] = /^([^/]+)\/([\w.-]+)$/.exec(text) ?? [];
  if (api === undefined || role === undefined)
    throw usage("--permission", "give <application id of the API>/<app role>");
  return { resourceAppId: requireGuid("--permission", api), role };
}

function parseCaller(text: string): NamedCaller {
  const [, name, objectId] = /^(.+)=([^=]+)$/.exec(text) ?? [];
  if (name === undefined || objectId === undefined) throw usage("--caller", "give <name>=<object id>");
  return { name, objectId: requireGuid("--caller", objectId) };
}

/** Throws unless the URL is in the cloud's storage, because the operator's token is sent there. */
function requirePolicyUrl(container: string, { storageHostSuffix }: Cloud): string {
  const url = URL.parse(container);
  const isContainer =
    url?.hostname.endsWith(`.blob${storageHostSuffix}`) === true &&
    container === `https://${url.hostname}${url.pathname}` &&
    /^\/[a-z0-9-]{3,63}$/.test(url.pathname);
  if (!isContainer) throw usage("--policy-container", `give https://<account>.blob${storageHostSuffix}/<container>`);
  return `${container}/policy.json`;
}
