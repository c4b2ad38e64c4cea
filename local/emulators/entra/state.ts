/** What the parts of the emulator share: its settings and everything it remembers. */
import { randomBytes } from "node:crypto";
import type { Behaviour } from "../shared/emulator-server.ts";
import { randomLifetimeSeconds } from "./access-token.ts";
import { ApplicationRegistry } from "./application-registry.ts";
import type { EntraAuditEvent, GraphAuditEvent } from "./audit-log.ts";
import { ManagedIdentities } from "./managed-identities.ts";
import { MetadataDocuments } from "./metadata-documents.ts";
import { SigningKeys } from "./signing-keys.ts";
import { Tenants } from "./tenants.ts";

export class EntraState {
  readonly authorityHost: string;
  readonly homeTenantId: string;
  readonly keys: SigningKeys;
  readonly metadata: MetadataDocuments;
  readonly applications = new ApplicationRegistry();
  readonly tenants = new Tenants();
  readonly identities = new ManagedIdentities();
  /** SAML applications, the same in every tenant: entityID to reply URL. */
  readonly relyingParties = new Map<string, string>();
  readonly audit: EntraAuditEvent[] = [];
  readonly graphAudit: GraphAuditEvent[] = [];
  readonly identityHeader = randomBytes(24).toString("base64url");
  /** Tokens that the managed identity endpoint gives out again. */
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

  /** The emulated time, milliseconds. */
  now(): number {
    return Date.now() + this.clockOffsetSeconds * 1000;
  }

  lifetimeSeconds(): number {
    return this.tokenLifetimeSeconds ?? randomLifetimeSeconds();
  }
}
