/**
 * An emulator of Microsoft Entra ID: the token service and the part of Microsoft Graph that concerns credentials of
 * applications, over HTTPS under their production names, and the managed identity endpoint that App Service offers over
 * plain HTTP. State is held in memory. Of interactive sign-in only SAML is there, for a user who is signed in already.
 */

import { answerGraph } from "../graph/service.ts";
import type { TlsIdentity } from "../shared/certificate-authority.ts";
import type { ControlRoute } from "../shared/control-route.ts";
import { type Behaviour, createEmulator, type Emulator } from "../shared/emulator-server.ts";
import type { Application } from "./application-registry.ts";
import type { EntraAuditEvent, GraphAuditEvent } from "./audit-log.ts";
import { issueCallerToken } from "./caller-token.ts";
import { controlRoutes } from "./control.ts";
import { graphHostOf, jwks } from "./discovery.ts";
import type { ManagedIdentity } from "./managed-identities.ts";
import { identityPath, managedIdentityEndpoint } from "./managed-identity-endpoint.ts";
import type { KeyOptions } from "./signing-keys.ts";
import { EntraState, type SavedEntra } from "./state.ts";
import { type GrantedRoles, isGuid } from "./tenants.ts";
import { answerTokenService } from "./token-service.ts";

export type { EntraAuditEvent } from "./audit-log.ts";
export type { ManagedIdentity } from "./managed-identities.ts";

interface EntraOptions {
  port: number;
  tls: TlsIdentity;
  /** Plain HTTP on loopback. */
  managedIdentityPort: number;
  /** The host in issuers, endpoints and the audience of assertions. Default: login.microsoftonline.com. */
  authorityHost?: string;
  homeTenantId: string;
}

/** Start and stop concern the HTTPS token service and Graph, one server; `managedIdentity` is stopped and started by itself. */
export interface EntraEmulator extends Emulator {
  managedIdentity: Emulator;
  registerApplication(app: { clientId: string; name: string; objectId?: string }): void;
  /** By the public part only. An application may hold several. */
  registerCertificate(clientId: string, certificatePem: string): void;
  removeCertificate(clientId: string, x5tS256: string): void;
  /** As it is kept: what a test changes in it holds at once. Throws where none is registered. */
  application(clientId: string): Application;
  /** Every GUID is a tenant until it is removed; consent is per tenant and client. Roles are by resource. */
  grantConsent(tenantId: string, clientId: string, roles?: GrantedRoles): void;
  revokeConsent(tenantId: string, clientId: string): void;
  removeTenant(tenantId: string): void;
  /** As if the resource had no service principal in the tenant (AADSTS500011). */
  blockResource(tenantId: string, resource: string): void;
  unblockResource(tenantId: string, resource: string): void;
  /** Answers every token request of the tenant (and client, if given) with this error, until it is undefined. */
  forceError(tenantId: string, code: number | undefined, clientId?: string): void;
  registerManagedIdentity(identity: ManagedIdentity): void;
  /** A SAML application by its entityID, and where its users' responses go. */
  registerRelyingParty(entityId: string, replyUrl: string): void;
  /** What App Service puts into IDENTITY_HEADER and IDENTITY_ENDPOINT. */
  readonly identityHeader: string;
  readonly identityEndpoint: string;
  /** A v2 caller token. `claims` replace the usual ones; a claim given as undefined is left out. */
  issueToken(
    claims: Record<string, unknown>,
    options?: { tenantId?: string; expiresInSeconds?: number },
  ): Promise<string>;
  jwks(tenantId: string, options?: KeyOptions): { keys: object[] };
  /** The signed document, as it is served. */
  federationMetadata(tenantId: string, options?: KeyOptions): string;
  /**
   * Published, not used. Without a tenant the keys that all tenants share are meant; with an `appId` those of the
   * application in this tenant, the first of which is used at once.
   */
  announceKey(tenantId?: string, options?: KeyOptions): Promise<string>;
  activateKey(kid: string, tenantId?: string, options?: KeyOptions): void;
  retireKey(kid: string, tenantId?: string, options?: KeyOptions): void;
  replaceAllKeys(tenantId?: string, options?: KeyOptions): Promise<string>;
  /** Its keys and directory, for another process to continue with. */
  save(): SavedEntra;
  restore(saved: SavedEntra): void;
  readonly audit: EntraAuditEvent[];
  readonly graphAudit: GraphAuditEvent[];
  /** Tokens that managed identities were given, by client id and resource. */
  readonly identityTokens: ReadonlyMap<string, unknown>;
  /** Operations: `token`, `discovery`, `keys`, `federationMetadata`, `managedIdentity`, `graph`. */
  behaviour: Behaviour;
  clockOffsetSeconds: number;
  /** Undefined: 60 to 90 minutes at random (managed identities: 24 hours). */
  tokenLifetimeSeconds: number | undefined;
  control: ControlRoute[];
}

export async function startEntra(options: EntraOptions): Promise<EntraEmulator> {
  const { authorityHost = "login.microsoftonline.com", homeTenantId, tls } = options;
  if (!isGuid(homeTenantId)) throw new Error("homeTenantId must be a GUID");
  const state = await EntraState.create({ authorityHost, homeTenantId });
  const graphHost = graphHostOf(authorityHost);
  const tokenService = await createEmulator({
    port: options.port,
    tls,
    handler: (request) =>
      request.url.hostname === graphHost ? answerGraph(state, request) : answerTokenService(state, request),
  });
  const managedIdentity = await createEmulator({
    port: options.managedIdentityPort,
    handler: (request) => managedIdentityEndpoint(state, request),
  });
  const { applications, tenants, identities, keys } = state;
  const emulator: EntraEmulator = {
    get port() {
      return tokenService.port;
    },
    start: () => tokenService.start(),
    stop: () => tokenService.stop(),
    managedIdentity,
    registerApplication: (app) => applications.register(app),
    registerCertificate: (clientId, pem) => void applications.registerCertificate(clientId, pem),
    application: (clientId) => applications.require(clientId),
    removeCertificate: (clientId, x5tS256) => applications.removeCertificate(clientId, x5tS256),
    grantConsent: (tenantId, clientId, roles) => tenants.grantConsent(tenantId, clientId, roles),
    revokeConsent: (tenantId, clientId) => tenants.revokeConsent(tenantId, clientId),
    removeTenant: (tenantId) => tenants.remove(tenantId),
    blockResource: (tenantId, resource) => tenants.blockResource(tenantId, resource),
    unblockResource: (tenantId, resource) => tenants.unblockResource(tenantId, resource),
    forceError: (tenantId, code, clientId) => tenants.forceError(tenantId, code, clientId),
    registerManagedIdentity: (identity) => identities.register(identity),
    registerRelyingParty: (entityId, replyUrl) => void state.relyingParties.set(entityId, replyUrl),
    identityHeader: state.identityHeader,
    get identityEndpoint() {
      return `http://127.0.0.1:${managedIdentity.port}${identityPath}`;
    },
    issueToken: (claims, tokenOptions) => issueCallerToken(state, claims, tokenOptions),
    jwks: (tenantId, keyOptions) => jwks(state, tenantId.toLowerCase(), 2, keyOptions),
    federationMetadata: (tenantId, keyOptions) => state.metadata.get(tenantId.toLowerCase(), keyOptions),
    announceKey: (tenantId, keyOptions) => keys.announce(tenantId, keyOptions),
    activateKey: (kid, tenantId, keyOptions) => keys.activate(kid, tenantId, keyOptions),
    retireKey: (kid, tenantId, keyOptions) => keys.retire(kid, tenantId, keyOptions),
    replaceAllKeys: (tenantId, keyOptions) => keys.replaceAll(tenantId, keyOptions),
    save: () => state.save(),
    restore: (saved) => state.restore(saved),
    audit: state.audit,
    graphAudit: state.graphAudit,
    identityTokens: state.identityTokens,
    get behaviour() {
      return state.behaviour;
    },
    set behaviour(behaviour) {
      state.behaviour = behaviour;
    },
    get clockOffsetSeconds() {
      return state.clockOffsetSeconds;
    },
    set clockOffsetSeconds(seconds) {
      state.clockOffsetSeconds = seconds;
    },
    get tokenLifetimeSeconds() {
      return state.tokenLifetimeSeconds;
    },
    set tokenLifetimeSeconds(seconds) {
      state.tokenLifetimeSeconds = seconds;
    },
    control: controlRoutes(state),
  };
  return emulator;
}
