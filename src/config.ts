import { createReader, type Reader as ReaderOf } from "./config/reader.ts";
import { type Cloud, type CloudName, clouds } from "./domain/shared/cloud.ts";
import type { Guid } from "./domain/shared/guid.ts";
import { parseKeyId } from "./domain/signing/certificate.ts";

/**
 * The settings: the only place that reads the environment. Everything that is wrong is reported at once, each with the
 * variable, the rule and the remedy, and never the value. docs/reference/settings.md has the same list.
 */
export interface Config {
  cloud: Cloud;
  /** Our own tenant: the only one that callers come from. */
  homeTenantId: Guid;
  /** Client id of Keyhold's own app registration: the audience of callers' tokens. */
  audience: Guid;
  /** App role that a caller's identity must hold. */
  callerRole: string;
  /** Origin under which callers reach us. */
  publicUrl: string;
  policy: { file: string } | { blobUrl: string };
  /** The ledger's table. */
  ledgerTableUrl: string;
  /** How long the ledger is kept. */
  ledgerRetentionDays: number;
  /** What the timers know: state, findings and rates of the audit, and the states of certificates. */
  auditTableUrl: string;
  /** The Log Analytics workspace ("Workspace ID") that the vault's audit log goes to. */
  logWorkspaceId: Guid;
  /** ARM id of the vault, where other vaults log to the same workspace. */
  vaultResourceId: string | undefined;
  /** Client id of the managed identity that reads the vault's log. */
  monitoringIdentityClientId: Guid;
  /** Object id of the identity that signs, as the vault's log names it. */
  signingIdentityObjectId: Guid;
  /** The container of last-known-good metadata. */
  metadataContainerUrl: string;
  /** A PEM file of the roots that may vouch for Entra's hosts, instead of those that Keyhold brings with it. */
  metadataRootsFile: string | undefined;
  /** Client id of the managed identity that may sign, and do nothing else. */
  signingIdentityClientId: Guid;
  /** Client id of the managed identity for storage. */
  storageIdentityClientId: Guid;
  mints: { perMinute: number; perMinutePerCaller: number };
  /** Requests for tokens and assertions that one instance works on at once. */
  maxRequestsInFlight: number;
  tokenCache: { maxTokens: number; maxBytes: number };
  /** `cachedAnswersShare`: of the events of cached answers so many are sent, 0 (excluded) to 1. */
  telemetry: { cachedAnswersShare: number; liveMetrics: boolean; standardMetrics: boolean };
  /** Application Insights, as the platform sets it; undefined: the log is all there is. */
  applicationInsightsConnectionString: string | undefined;
  /** Tokens that instances share; undefined: each instance mints for itself. */
  sharedCache: SharedCacheConfig | undefined;
  /** Where the platform gives tokens of managed identities; undefined elsewhere. */
  identityEndpoint: { url: string; header: string } | undefined;
  /** Names this process in the ledger. */
  instance: string;
}

export interface SharedCacheConfig {
  tableUrl: string;
  /** Versioned URL of the vault's key that unwraps. */
  keyId: string;
  /** 32 bytes, wrapped by that key with RSA-OAEP-256. */
  wrappedKey: Uint8Array;
  /** Client id of the managed identity that may unwrap and use the table, and do nothing else. */
  identityClientId: Guid;
}

export class ConfigurationError extends Error {
  override readonly name = "ConfigurationError";
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`the configuration is not valid: ${problems.join("; ")}`);
    this.problems = problems;
  }
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Every setting of ours; WEBSITE_* and APPLICATIONINSIGHTS_* come from the platform. */
export const settingNames = [
  "KEYHOLD_CLOUD",
  "KEYHOLD_HOME_TENANT_ID",
  "KEYHOLD_AUDIENCE",
  "KEYHOLD_CALLER_ROLE",
  "KEYHOLD_PUBLIC_URL",
  "KEYHOLD_POLICY_FILE",
  "KEYHOLD_POLICY_BLOB_URL",
  "KEYHOLD_LEDGER_TABLE_URL",
  "KEYHOLD_LEDGER_RETENTION_DAYS",
  "KEYHOLD_AUDIT_TABLE_URL",
  "KEYHOLD_LOG_WORKSPACE_ID",
  "KEYHOLD_VAULT_RESOURCE_ID",
  "KEYHOLD_METADATA_CONTAINER_URL",
  "KEYHOLD_METADATA_ROOTS_FILE",
  "KEYHOLD_SIGNING_IDENTITY_CLIENT_ID",
  "KEYHOLD_SIGNING_IDENTITY_OBJECT_ID",
  "KEYHOLD_MONITORING_IDENTITY_CLIENT_ID",
  "KEYHOLD_STORAGE_IDENTITY_CLIENT_ID",
  "KEYHOLD_MINTS_PER_MINUTE",
  "KEYHOLD_MINTS_PER_MINUTE_PER_CALLER",
  "KEYHOLD_MAX_REQUESTS_IN_FLIGHT",
  "KEYHOLD_CACHE_MAX_TOKENS",
  "KEYHOLD_CACHE_MAX_BYTES",
  "KEYHOLD_SHARED_CACHE_TABLE_URL",
  "KEYHOLD_SHARED_CACHE_KEY_ID",
  "KEYHOLD_SHARED_CACHE_WRAPPED_KEY",
  "KEYHOLD_SHARED_CACHE_IDENTITY_CLIENT_ID",
  "KEYHOLD_TELEMETRY_CACHED_ANSWERS_PERCENT",
  "KEYHOLD_TELEMETRY_LIVE_METRICS",
  "KEYHOLD_TELEMETRY_STANDARD_METRICS",
] as const;

type SettingName = (typeof settingNames)[number];
type Reader = ReaderOf<SettingName>;

/** Reads and checks the settings; throws one `ConfigurationError` with all problems. */
export function readConfig(env: Environment = process.env): Config {
  const problems: string[] = [];
  const settings = createReader<SettingName>(env, problems);
  if (env.NODE_TLS_REJECT_UNAUTHORIZED === "0") {
    problems.push("NODE_TLS_REJECT_UNAUTHORIZED must not be 0: it accepts any server as Entra. Remove it");
  }
  for (const name of ["AZURE_LOG_LEVEL", "NODE_DEBUG"]) {
    if (env[name]) problems.push(`${name} must not be set: it prints requests, with key URLs and tokens. Remove it`);
  }
  for (const name of Object.keys(env)) {
    if (name.startsWith("KEYHOLD_") && !settingNames.includes(name as SettingName)) {
      problems.push(`${name} is not a setting: correct its name or remove it`);
    }
  }
  const cloud = readCloud(settings.text("KEYHOLD_CLOUD", "public"), problems);
  const config: Config = {
    cloud,
    homeTenantId: settings.guid("KEYHOLD_HOME_TENANT_ID", "the tenant that callers and Keyhold itself live in"),
    audience: settings.guid("KEYHOLD_AUDIENCE", "the client id of Keyhold's own app registration"),
    callerRole: settings.text("KEYHOLD_CALLER_ROLE", "Tokens.Issue"),
    publicUrl: readPublicUrl(env, settings),
    policy: readPolicyPlace(settings, cloud, problems),
    ledgerTableUrl: settings.storageUrl("KEYHOLD_LEDGER_TABLE_URL", cloud, "table", /^\/[A-Za-z][A-Za-z0-9]{2,62}$/),
    ledgerRetentionDays: settings.count("KEYHOLD_LEDGER_RETENTION_DAYS", 400, 30, 3_650),
    auditTableUrl: settings.storageUrl("KEYHOLD_AUDIT_TABLE_URL", cloud, "table", /^\/[A-Za-z][A-Za-z0-9]{2,62}$/),
    logWorkspaceId: settings.guid("KEYHOLD_LOG_WORKSPACE_ID", "the workspace that the vault's audit log goes to"),
    vaultResourceId: readVaultResourceId(env.KEYHOLD_VAULT_RESOURCE_ID?.trim(), problems),
    monitoringIdentityClientId: settings.guid("KEYHOLD_MONITORING_IDENTITY_CLIENT_ID", "the identity that reads logs"),
    signingIdentityObjectId: settings.guid("KEYHOLD_SIGNING_IDENTITY_OBJECT_ID", "the object id of the one that signs"),
    metadataContainerUrl: settings.storageUrl("KEYHOLD_METADATA_CONTAINER_URL", cloud, "blob", /^\/[a-z0-9-]{3,63}$/),
    metadataRootsFile: env.KEYHOLD_METADATA_ROOTS_FILE?.trim() || undefined,
    signingIdentityClientId: settings.guid("KEYHOLD_SIGNING_IDENTITY_CLIENT_ID", "the identity that may sign"),
    storageIdentityClientId: settings.guid("KEYHOLD_STORAGE_IDENTITY_CLIENT_ID", "the identity for storage"),
    mints: {
      perMinute: settings.count("KEYHOLD_MINTS_PER_MINUTE", 1_200, 1, 60_000),
      perMinutePerCaller: settings.count("KEYHOLD_MINTS_PER_MINUTE_PER_CALLER", 300, 1, 60_000),
    },
    // Each may hold a body of 64 KiB and wait for a mint; far below the host's own limit in host.json.
    maxRequestsInFlight: settings.count("KEYHOLD_MAX_REQUESTS_IN_FLIGHT", 1_000, 10, 4_000),
    tokenCache: {
      maxTokens: settings.count("KEYHOLD_CACHE_MAX_TOKENS", 20_000, 1, 1_000_000),
      maxBytes: settings.count("KEYHOLD_CACHE_MAX_BYTES", 134_217_728, 1_048_576, 1_073_741_824),
    },
    telemetry: {
      cachedAnswersShare: settings.count("KEYHOLD_TELEMETRY_CACHED_ANSWERS_PERCENT", 100, 1, 100) / 100,
      liveMetrics: settings.flag("KEYHOLD_TELEMETRY_LIVE_METRICS", false),
      standardMetrics: settings.flag("KEYHOLD_TELEMETRY_STANDARD_METRICS", false),
    },
    applicationInsightsConnectionString: env.APPLICATIONINSIGHTS_CONNECTION_STRING?.trim() || undefined,
    sharedCache: readSharedCache(env, settings, cloud, problems),
    identityEndpoint: readIdentityEndpoint(env),
    instance: env.WEBSITE_INSTANCE_ID?.slice(0, 16) || `process-${process.pid}`,
  };
  for (const [name, id] of [
    ["KEYHOLD_STORAGE_IDENTITY_CLIENT_ID", config.storageIdentityClientId],
    ["KEYHOLD_MONITORING_IDENTITY_CLIENT_ID", config.monitoringIdentityClientId],
    ["KEYHOLD_SHARED_CACHE_IDENTITY_CLIENT_ID", config.sharedCache?.identityClientId],
  ] as const) {
    if (!id || id !== config.signingIdentityClientId) continue;
    problems.push(`${name} must not be the identity that signs: give it another, so that none but signing can sign`);
  }
  if (problems.length > 0) throw new ConfigurationError(problems);
  return Object.freeze(config);
}

/** Whether there is any setting of Keyhold's, valid or not. */
export function hasSettings(env: Environment = process.env): boolean {
  return Object.keys(env).some((name) => name.startsWith("KEYHOLD_"));
}

/** Outputs of a deployment that commands use before there are settings. */
const outputNames = {
  audience: "KEYHOLD_AUDIENCE",
  callerRole: "KEYHOLD_CALLER_ROLE",
  cloud: "KEYHOLD_CLOUD",
  monitoringIdentity: "KEYHOLD_MONITORING_IDENTITY_CLIENT_ID",
  policyContainer: "AZURE_POLICY_CONTAINER_URL",
  publisherKey: "AZURE_PUBLISHER_KEY_NAME",
  vault: "AZURE_KEY_VAULT_URI",
} as const;

export type DeploymentOutputs = Partial<Record<keyof typeof outputNames, string>>;

/** What `azd env get-values` has put into the environment, unchecked; one that is missing or empty is left out. */
export function readDeploymentOutputs(env: Environment = process.env): DeploymentOutputs {
  const outputs = Object.entries(outputNames).map(([output, name]) => [output, env[name]?.trim()] as const);
  return Object.fromEntries(outputs.filter(([, text]) => text));
}

/** Whether the platform offers managed identities to this process (App Service and Functions do). */
export function isOnPlatform(env: Environment = process.env): boolean {
  return env.IDENTITY_ENDPOINT !== undefined;
}

/** Where it offers them: the platform answers only who sends the header. */
export function readIdentityEndpoint(env: Environment = process.env): Config["identityEndpoint"] {
  const { IDENTITY_ENDPOINT: url, IDENTITY_HEADER: header } = env;
  return url && URL.canParse(url) && header ? { url, header } : undefined;
}

/**
 * Written, not read; the exporter has no option for these: no usage data about itself, no envelope that repeats the
 * resource.
 */
export function configureExporter(env: Record<string, string | undefined> = process.env): void {
  env.APPLICATION_INSIGHTS_NO_STATSBEAT = "true";
  env.APPLICATIONINSIGHTS_OPENTELEMETRY_RESOURCE_METRIC_DISABLED = "true";
}

function readCloud(name: string, problems: string[]): Cloud {
  if (Object.hasOwn(clouds, name)) return clouds[name as CloudName];
  problems.push(`KEYHOLD_CLOUD must be one of ${Object.keys(clouds).join(", ")}: correct it, or remove it for public`);
  return clouds.public;
}

/** Where there is no custom domain, the platform's own name of the app is it. */
function readPublicUrl(env: Environment, settings: Reader): string {
  const byPlatform = env.WEBSITE_HOSTNAME === undefined ? undefined : `https://${env.WEBSITE_HOSTNAME}`;
  const text = env.KEYHOLD_PUBLIC_URL?.trim() || byPlatform;
  return settings.origin("KEYHOLD_PUBLIC_URL", text, "set it to the address that callers use");
}

function readVaultResourceId(id: string | undefined, problems: string[]): string | undefined {
  if (!id) return undefined;
  if (/^\/subscriptions\/[\w./()-]+\/providers\/microsoft\.keyvault\/vaults\/[\w-]+$/i.test(id)) return id;
  problems.push("KEYHOLD_VAULT_RESOURCE_ID must be the ARM id of a vault, /subscriptions/...: correct it or remove it");
  return undefined;
}

/** All of it or nothing. */
function readSharedCache(
  env: Environment,
  settings: Reader,
  cloud: Cloud,
  problems: string[],
): SharedCacheConfig | undefined {
  const names = settingNames.filter((name) => name.startsWith("KEYHOLD_SHARED_CACHE_"));
  const missing = names.filter((name) => !env[name]?.trim());
  if (missing.length === names.length) return undefined;
  if (missing.length > 0) {
    problems.push(`${missing.join(", ")} must be set too: add it, or remove all of KEYHOLD_SHARED_CACHE_*`);
    return undefined;
  }
  const keyId = settings.text("KEYHOLD_SHARED_CACHE_KEY_ID");
  if (!parseKeyId(keyId, cloud)) {
    const example = `https://<vault>${cloud.vaultHostSuffix}/keys/<name>/<32 hexadecimal digits>`;
    problems.push(`KEYHOLD_SHARED_CACHE_KEY_ID must be a versioned key URL of this cloud: set it to ${example}`);
  }
  const wrappedKey = Buffer.from(settings.text("KEYHOLD_SHARED_CACHE_WRAPPED_KEY"), "base64url");
  // As long as the modulus of an RSA key of 2048 to 4096 bits (RFC 8017 §7.1.1).
  if (![256, 384, 512].includes(wrappedKey.length)) {
    problems.push(
      "KEYHOLD_SHARED_CACHE_WRAPPED_KEY must be a wrapped key in base64url: set it to what keyhold shared-cache create-key prints",
    );
  }
  return {
    tableUrl: settings.storageUrl("KEYHOLD_SHARED_CACHE_TABLE_URL", cloud, "table", /^\/[A-Za-z][A-Za-z0-9]{2,62}$/),
    keyId,
    wrappedKey,
    identityClientId: settings.guid("KEYHOLD_SHARED_CACHE_IDENTITY_CLIENT_ID", "the identity that unwraps"),
  };
}

function readPolicyPlace(settings: Reader, cloud: Cloud, problems: string[]): Config["policy"] {
  const file = settings.text("KEYHOLD_POLICY_FILE");
  const hasBlob = settings.text("KEYHOLD_POLICY_BLOB_URL") !== "";
  if ((file !== "") === hasBlob) {
    problems.push("KEYHOLD_POLICY_BLOB_URL or KEYHOLD_POLICY_FILE must be set, and not both: remove or add one");
  }
  if (file || !hasBlob) return { file };
  return { blobUrl: settings.storageUrl("KEYHOLD_POLICY_BLOB_URL", cloud, "blob", /^\/[a-z0-9-]{3,63}\/.{1,256}$/) };
}
