import type { ApplicationOwner } from "../../adapters/graph/application-owner.ts";
import type { Config } from "../../config.ts";
import type { LedgerSearch } from "../../domain/audit/ledger-search.ts";
import type { AuditStore, VaultLogReader } from "../../domain/audit/ports.ts";

import type { ApplicationDirectory, CredentialStore } from "../../domain/credentials/ports.ts";
import type { MetadataStore, MetadataTransport } from "../../domain/metadata/ports.ts";
import type { AccessPolicy } from "../../domain/policy/access-policy.ts";
import type { RestAnswer, RestRequest } from "../rest.ts";

/** What `doctor` checks. A port is undefined if its identity is not available here. */
export interface DoctorPorts {
  config: Config;
  clock: () => number;
  /** The policy in force; undefined if it cannot be read or is not valid, which a separate check reports. */
  policy: AccessPolicy | undefined;
  network: Network;
  /** Throws if the roots cannot be used. */
  entra: () => MetadataTransport;
  /** Whether each identity of the app gets a token; throws if not. */
  requestTokenOf: Partial<Record<"signing" | "storage" | "monitoring", (signal: AbortSignal) => Promise<void>>>;
  /** Requests to the vault as these identities; the body of a success is never read. */
  vaultAs: Partial<Record<"signing" | "storage", Probe>>;
  /** False: send no request that the vault's log would record as refused. */
  withTries: boolean;
  /** As the operator. */
  vaultAsOperator: Probe;
  /** A write to the policy as the storage identity; undefined also if the policy is not a blob. */
  policyAsStorage: Probe | undefined;
  /** Azure Resource Manager, as the operator. */
  resources: Probe;
  ledger: LedgerSearch;
  auditStore: AuditStore;
  metadataStore: MetadataStore;
  credentialStore: CredentialStore;
  vaultLog: Pick<VaultLogReader, "arrivals"> | undefined;
  directory: ApplicationDirectory;
  ownerOf: ApplicationOwner;
}

export type Probe = (request: RestRequest, signal: AbortSignal) => Promise<RestAnswer>;

export interface Network {
  /** One HTTPS exchange; any answer counts. Throws if there is no connection, or TLS is not trusted. */
  reach(host: string, signal: AbortSignal): Promise<{ address: string; dateMs: number | undefined }>;
}
