import {
  AzureCliCredential,
  AzureDeveloperCliCredential,
  ChainedTokenCredential,
  type TokenCredential,
} from "@azure/identity";
import { createIdentity } from "../adapters/azure/identity.ts";
import { besidePolicy } from "../adapters/policy/place.ts";
import { createTableAuditStore } from "../adapters/storage/audit-store.ts";
import { createTableCredentialStore } from "../adapters/storage/credential-store.ts";
import { createTableLedgerSearch } from "../adapters/storage/ledger-search.ts";
import { createMetadataStore } from "../adapters/storage/metadata-store.ts";
import {
  type Config,
  ConfigurationError,
  type DeploymentOutputs,
  hasSettings,
  isOnPlatform,
  readConfig,
  readIdentityEndpoint,
} from "../config.ts";
import type { LedgerSearch } from "../domain/audit/ledger-search.ts";
import type { AuditStore } from "../domain/audit/ports.ts";
import type { CredentialStore } from "../domain/credentials/ports.ts";
import type { MetadataStore } from "../domain/metadata/ports.ts";
import type { PolicyContext } from "../domain/policy/problem.ts";
import { CommandProblem, NotConnected, type Output, type Report } from "./command-problem.ts";
import { type PolicyPlace, policyPlaceOf } from "./policy/policy-place.ts";
import { createRequestToken, type RequestToken } from "./policy/request-token.ts";
import { operatorNameOf } from "./suspensions/operator-name.ts";

/** The identities of the command line. The app's own identities exist only on the platform. */
interface Identities {
  signing: TokenCredential | undefined;
  storage: TokenCredential | undefined;
  monitoring: TokenCredential | undefined;
  /** The person signed in with `az login` or `azd auth login`, or the managed identity that was named. */
  operator: TokenCredential;
}

export interface Connection {
  config: Config;
  identities: Identities;
  policyContext: PolicyContext;
  policyPlace: PolicyPlace;
  /** Beside the policy. */
  suspensionsPlace: PolicyPlace;
  refreshPlace: PolicyPlace;
  /** Asks Keyhold itself for a token, as a caller does. */
  requestToken: RequestToken;
  /** The notes on findings, beside the policy too. */
  notesPlace: PolicyPlace;
  /** The operator's name, for records of changes. Never rejects. */
  operatorName: () => Promise<string>;
  ledger: LedgerSearch;
  metadataStore: MetadataStore;
  credentialStore: CredentialStore;
  auditStore: Pick<AuditStore, "openFindings">;
}

export interface ConnectOptions {
  /** Client id of the managed identity to act as, instead of a signed-in operator. */
  operatorIdentity?: string;
}

/** Creates what the commands need from the app's own settings. */
export function connect(options: ConnectOptions): Connection {
  const config = readSettings();
  const managed = (clientId: string) =>
    isOnPlatform() ? createIdentity(clientId, config.identityEndpoint) : undefined;
  const operator = operatorOf(options);
  const identities: Identities = {
    signing: managed(config.signingIdentityClientId),
    storage: managed(config.storageIdentityClientId),
    monitoring: managed(config.monitoringIdentityClientId),
    operator,
  };
  const storage = identities.storage ?? operator;
  // Only the operator may change the policy; the app's own identity has no right to.
  const actors = { reader: () => storage, writer: () => operator };
  return {
    config,
    identities,
    policyContext: {
      ...{ cloud: config.cloud, homeTenantId: config.homeTenantId, keyholdApplicationId: config.audience },
      nowMs: Date.now(),
    },
    policyPlace: policyPlaceOf(config.policy, actors),
    suspensionsPlace: policyPlaceOf(besidePolicy(config.policy, "suspensions"), actors),
    refreshPlace: policyPlaceOf(besidePolicy(config.policy, "metadata-refresh"), actors),
    requestToken: createRequestToken(config, (clientId) => createIdentity(clientId, config.identityEndpoint)),
    notesPlace: policyPlaceOf(besidePolicy(config.policy, "findings"), actors),
    operatorName: () => operatorNameOf("file" in config.policy, operator),
    ledger: createTableLedgerSearch(config.ledgerTableUrl, storage),
    metadataStore: createMetadataStore(config.metadataContainerUrl, storage),
    credentialStore: createTableCredentialStore(config.auditTableUrl, storage),
    auditStore: createTableAuditStore(config.auditTableUrl, storage),
  };
}

/** The credential of the operator. Nothing is requested until it is used, so it does not throw. */
export function operatorOf({ operatorIdentity }: ConnectOptions): TokenCredential {
  if (operatorIdentity !== undefined) return createIdentity(operatorIdentity, readIdentityEndpoint());
  return new ChainedTokenCredential(new AzureCliCredential(), new AzureDeveloperCliCredential());
}

function readSettings(): Config {
  try {
    return readConfig();
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    if (!hasSettings()) throw new NotConnected();
    throw new CommandProblem("usage", "The app's settings are not valid here", {
      where: "the environment",
      remedy: "correct these, or export all settings of the deployed app: docs/operate/cli.md#settings-and-identity",
      details: error.problems,
    });
  }
}

/** What all commands share. Tests replace the connection and capture the output. */
export interface CommandEnvironment {
  /** Version of this command line from package.json: `0.1.0`. */
  version: string;
  output: Output;
  /** Shows the progress of long work, replacing what was shown before; on a terminal only. Empty text removes it. */
  progress: (text: string) => void;
  /** Milliseconds since 1970. */
  clock: () => number;
  /** Waits; false if the operator stops the command (Ctrl-C). */
  pause: (ms: number) => Promise<boolean>;
  connect: (options: ConnectOptions) => Connection;
  /** The operator's credential, for commands that need nothing else. */
  operatorOf: (options: ConnectOptions) => TokenCredential;
  /** The known outputs of a deployment, for use if there are no settings. */
  deployment: () => DeploymentOutputs;
}

export interface CommandContext extends CommandEnvironment {
  /** Runs the body of a command, and writes its report. */
  run(
    body: (connect: () => Connection, isJson: boolean, operator: () => TokenCredential) => Promise<Report>,
  ): Promise<void>;
}
