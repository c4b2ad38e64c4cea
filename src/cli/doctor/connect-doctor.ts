import type { TokenCredential } from "@azure/identity";
import { createApplicationDirectory } from "../../adapters/graph/application-directory.ts";
import { createApplicationOwner } from "../../adapters/graph/application-owner.ts";
import { createVaultLogReader } from "../../adapters/log-analytics/reader.ts";
import { createTableAuditStore } from "../../adapters/storage/audit-store.ts";
import { createMetadataTransport } from "../../adapters/tls/metadata-transport.ts";
import type { AccessPolicy } from "../../domain/policy/access-policy.ts";
import { storageAudience } from "../../domain/shared/cloud.ts";
import type { Connection } from "../connection.ts";
import { createRest, vaultScope } from "../rest.ts";
import { createNetwork } from "./network.ts";
import { counted, type Noise } from "./noise.ts";
import type { DoctorPorts } from "./ports.ts";

interface ConnectDoctorOptions {
  clock: () => number;
  noise: Noise;
  /** False: send no requests that the vault must refuse. */
  withTries: boolean;
}

/** The real ports of `doctor`. */
export function connectDoctor(
  connection: Connection,
  policy: AccessPolicy | undefined,
  { clock, noise, withTries }: ConnectDoctorOptions,
): DoctorPorts {
  const { config, identities } = connection;
  const { cloud } = config;
  const { signing, storage, monitoring, operator } = identities;
  const management = `https://${cloud.managementHost}/.default`;
  const triesAs = (name: "signing" | "storage", credential: TokenCredential | undefined) =>
    credential ? { [name]: counted(createRest(credential, vaultScope(cloud)).probe, name, noise) } : {};
  const storageScope = `${storageAudience}/.default`;
  return {
    config,
    clock,
    policy,
    network: createNetwork(),
    entra: () => createMetadataTransport(cloud, config.metadataRootsFile, clock()),
    requestTokenOf: {
      ...requestToken("signing", signing, vaultScope(cloud)),
      ...requestToken("storage", storage, storageScope),
      ...requestToken("monitoring", monitoring, `https://${cloud.logsHost}/.default`),
    },
    vaultAs: { ...triesAs("signing", signing), ...triesAs("storage", storage) },
    withTries,
    vaultAsOperator: createRest(operator, vaultScope(cloud)).send,
    policyAsStorage: storage && createRest(storage, storageScope).probe,
    resources: createRest(operator, management).send,
    ledger: connection.ledger,
    auditStore: createTableAuditStore(config.auditTableUrl, storage ?? operator),
    metadataStore: connection.metadataStore,
    credentialStore: connection.credentialStore,
    vaultLog: createVaultLogReader({
      cloud,
      workspaceId: config.logWorkspaceId,
      signingObjectId: config.signingIdentityObjectId,
      credential: monitoring ?? operator,
      ...(config.vaultResourceId === undefined ? {} : { vaultResourceId: config.vaultResourceId }),
    }),
    directory: createApplicationDirectory(cloud, monitoring ?? operator),
    ownerOf: createApplicationOwner(cloud, monitoring ?? operator, clock),
  };
}

function requestToken(name: string, credential: TokenCredential | undefined, scope: string) {
  if (!credential) return {};
  return {
    [name]: async (abortSignal: AbortSignal) => {
      if (!(await credential.getToken(scope, { abortSignal }))) throw new TypeError("no token");
    },
  };
}
