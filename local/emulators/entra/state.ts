/** The state that the parts of the emulator share: its settings and everything it remembers. */
import { randomBytes } from "node:crypto";
import type { Behaviour } from "../shared/emulator-server.ts";
import { randomLifetimeSeconds } from "./access-token.ts";
import { ApplicationRegistry, type SavedApplication } from "./application-registry.ts";
import type { EntraAuditEvent, GraphAuditEvent } from "./audit-log.ts";
import { ManagedIdentities, type ManagedIdentity } from "./managed-identities.ts";
import { MetadataDocuments } from "./metadata-documents.ts";
import { type SavedSigningKeys, SigningKeys } from "./signing-keys.ts";
import { type SavedTenants, Tenants } from "./tenants.ts";

/**
 * What is kept when the process ends. Logs, faults, the clock, and the tokens of the identity endpoint are not kept.
 */
export interface SavedEntra {
  keys: SavedSigningKeys;
  applications: SavedApplication[];
  tenants: SavedTenants;
  identities: ManagedIdentity[];
  relyingParties: Map<string, string>;
}

export class EntraState {
  readonly authorityHost: string;
  readonly homeTenantId: string;
  readonly keys: SigningKeys;
  readonly metadata: MetadataDocuments;
  readonly applications = new ApplicationRegistry();
  readonly tenants = new Tenants();
  readonly identities = new ManagedIdentities();
  /** SAML applications, the same in every tenant. Maps entityID to reply URL. */
  readonly relyingParties = new Map<string, string>();
  readonly audit: EntraAuditEvent[] = [];
  readonly graphAudit: GraphAuditEvent[] = [];
  readonly identityHeader = randomBytes(24).toString("base64url");
  /** Tokens that the managed identity endpoint returns again. */
  readonly identityTokens = new Map<string, { token: string; expiresAt: number; renewAtMs: number }>();
  behaviour: Behaviour = { latencyMs: 0, faults: [] };
  clockOffsetSeconds = 0;
  tokenLifetimeSeconds: number | undefined;

  private constructor(authorityHost: string, homeTenantId: string, keys: SigningKeys) {
    this.authorityHost = authorityHost;
    this.homeTenantId = homeTenantId.toLowerCase();
    this.keys = keys;
    this.metadata = new MetadataDocuments(keys, authorityHost);
  }

  static async create(options: { authorityHost: string; homeTenantId: string }): Promise<EntraState> {
    return new EntraState(options.authorityHost, options.homeTenantId, await SigningKeys.create());
  }

  save(): SavedEntra {
    const { keys, applications, tenants, identities, relyingParties } = this;
    return {
      keys: keys.save(),
      applications: applications.list(),
      tenants: tenants.save(),
      identities: identities.list(),
      relyingParties,
    };
  }

  restore(saved: SavedEntra): void {
    this.keys.restore(saved.keys);
    this.applications.restore(saved.applications);
    this.tenants.restore(saved.tenants);
    for (const identity of saved.identities) this.identities.register(identity);
    for (const [entityId, replyUrl] of saved.relyingParties) this.relyingParties.set(entityId, replyUrl);
  }

  /** The emulated time, milliseconds. */
  now(): number {
    return Date.now() + this.clockOffsetSeconds * 1000;
  }

  lifetimeSeconds(): number {
    return this.tokenLifetimeSeconds ?? randomLifetimeSeconds();
  }
}
