import type { ApplicationOwner } from "../../adapters/graph/application-owner.ts";
import type { Config } from "../../config.ts";
import type { LedgerSearch } from "../../domain/audit/ledger-search.ts";
import type { AuditStore, VaultLogReader } from "../../domain/audit/ports.ts";

import type { ApplicationDirectory, CredentialStore } from "../../domain/credentials/ports.ts";
import type { MetadataStore, MetadataTransport } from "../../domain/metadata/ports.ts";
import type { AccessPolicy } from "../../domain/policy/access-policy.ts";
import type { RestAnswer, RestRequest } from "../rest.ts";

/** What `doctor` looks at. A port that is undefined needs an identity that is not here. */
export interface DoctorPorts {
  config: Config;
  clock: () => number;
  /** Of the policy in force; undefined where it cannot be read or is not valid: a line of its own says so. */
  policy: AccessPolicy | undefined;
  network: Network;
  /** Throws where the roots are not usable. */
  entra: () => MetadataTransport;
  /** Whether each identity of the app gets a token: throws where it does not. */
  requestTokenOf: Partial<Record<"signing" | "storage" | "monitoring", (signal: AbortSignal) => Promise<void>>>;
  /** Requests to the vault as these identities; of what succeeds nothing is read. */
  vaultAs: Partial<Record<"signing" | "storage", Probe>>;
  /** False: nothing is tried that would stand as refused in the vault's log. */
  withTries: boolean;
  /** As the operator. */
  vaultAsOperator: Probe;
  /** A write to the policy as the storage identity; undefined too where the policy is no blob. */
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
  /** One HTTPS exchange, whatever is answered. Throws where there is no connection, or TLS is not trusted. */
  reach(host: string, signal: AbortSignal): Promise<{ address: string; dateMs: number | undefined }>;
}
