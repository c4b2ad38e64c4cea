/**
 * An emulator of Microsoft Entra ID. It serves the token service and the part of Microsoft Graph that concerns
 * credentials of applications, over HTTPS under their production names, and the managed identity endpoint of App
 * Service over plain HTTP. State is held in memory. The only interactive sign-in is SAML, for a user who is already
 * signed in.
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

/**
 * Start and stop affect the HTTPS server of the token service and Graph. `managedIdentity` is stopped and started
 * separately.
 */
export interface EntraEmulator extends Emulator {
  managedIdentity: Emulator;
  registerApplication(app: { clientId: string; name: string; objectId?: string }): void;
  /** Registers the public part. An application may have several certificates. */
  registerCertificate(clientId: string, certificatePem: string): void;
  removeCertificate(clientId: string, x5tS256: string): void;
  /** The stored object: a change that a test makes takes effect at once. @throws if none is registered */
  application(clientId: string): Application;
  /** Every GUID is a tenant until it is removed. Consent is per tenant and client. Roles are by resource. */
  grantConsent(tenantId: string, clientId: string, roles?: GrantedRoles): void;
  revokeConsent(tenantId: string, clientId: string): void;
  removeTenant(tenantId: string): void;
  /** Makes the tenant answer as if it had no service principal for the resource (AADSTS500011). */
  blockResource(tenantId: string, resource: string): void;
  unblockResource(tenantId: string, resource: string): void;
  /** Answers every token request of the tenant (and client, if given) with this error; undefined ends it. */
  forceError(tenantId: string, code: number | undefined, clientId?: string): void;
  registerManagedIdentity(identity: ManagedIdentity): void;
  /** Registers a SAML application by its entityID, with the URL that its users' responses are sent to. */
  registerRelyingParty(entityId: string, replyUrl: string): void;
  /** The value of IDENTITY_HEADER in App Service; the endpoint is the value of IDENTITY_ENDPOINT. */
  readonly identityHeader: string;
  readonly identityEndpoint: string;
  /** Issues a v2 caller token. `claims` replace the usual ones; a claim given as undefined is omitted. */
  issueToken(
    claims: Record<string, unknown>,
    options?: { tenantId?: string; expiresInSeconds?: number },
  ): Promise<string>;
  jwks(tenantId: string, options?: KeyOptions): { keys: object[] };
  /** The signed document, as served. */
  federationMetadata(tenantId: string, options?: KeyOptions): string;
  /**
   * Publishes a key without using it. Without a tenant, it is one of the keys that all tenants share. With an `appId`,
   * it is a key of that application in this tenant; the first such key is used at once.
   */
  announceKey(tenantId?: string, options?: KeyOptions): Promise<string>;
  activateKey(kid: string, tenantId?: string, options?: KeyOptions): void;
  retireKey(kid: string, tenantId?: string, options?: KeyOptions): void;
  replaceAllKeys(tenantId?: string, options?: KeyOptions): Promise<string>;
  /** The keys and directory, with which another process can continue. */
  save(): SavedEntra;
  restore(saved: SavedEntra): void;
  readonly audit: EntraAuditEvent[];
  readonly graphAudit: GraphAuditEvent[];
  /** Tokens that were issued to managed identities, by client id and resource. */
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
