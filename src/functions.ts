import type { app, HttpHandler, HttpMethod, InvocationContext } from "@azure/functions";
import type { IssuingContext } from "./domain/issuing/context.ts";
import { type DiscoveryOptions, discoveryHandler } from "./http/discovery-handler.ts";
import { liveHandler, notConfiguredHandler, type ReadinessOptions, readyHandler } from "./http/health-handlers.ts";
import {
  assertionHandler,
  type IssuingHandlerContext,
  protocolV1Handler,
  tokenHandler,
} from "./http/issuing-handlers.ts";
import { createLoadLimit } from "./http/load-limit.ts";
import {
  federationMetadataHandler,
  idpMetadataHandler,
  keysHandler,
  type MetadataHandlerOptions,
} from "./http/metadata-handlers.ts";

/** What the functions use of the composed app. */
export interface Keyhold {
  issuing: IssuingContext;
  /** Tokens and assertions together. */
  maxRequestsInFlight: number;
  discovery: DiscoveryOptions;
  metadata: MetadataHandlerOptions;
  readiness: ReadinessOptions;
  refreshMetadata(): Promise<void>;
  checkMetadata(): Promise<void>;
  recordSignRate(): Promise<void>;
  checkCredentials(): Promise<void>;
  traceInvocation<R>(of: { name: string; correlationId: string; traceParent?: string }, work: () => R): R;
  warmUp(): Promise<void>;
  drain(): Promise<void>;
}

/** Why there is no composed app: each problem in one line, without a value. */
export interface NotConfigured {
  problems: readonly string[];
}

/** What handlers are made of. */
type Served = Pick<Keyhold, "discovery" | "metadata"> & { issuing: IssuingHandlerContext };

interface Route {
  name: string;
  method: HttpMethod;
  route: string;
  handler: (served: Served) => HttpHandler;
}

/**
 * The table of contents: every route. All are `anonymous`, since a caller proves itself with its own Entra token and a
 * function key is no identity (T19); metadata, discovery and health are public by their nature.
 */
const routes: readonly Route[] = [
  // An access token of the customer tenant in the path (RFC 6749 §4.4, RFC 8693).
  {
    name: "token",
    method: "POST",
    route: "{tenantId}/oauth2/v2.0/token",
    handler: ({ issuing }) => tokenHandler(issuing),
  },
  // Entra's v1 protocol, which is not spoken here.
  {
    name: "token-v1",
    method: "POST",
    route: "{tenantId}/oauth2/token",
    handler: ({ issuing }) => protocolV1Handler(issuing),
  },
  // A signed client assertion, for callers whose grant says so (RFC 7523 §2.2).
  {
    name: "assertion",
    method: "POST",
    route: "{tenantId}/assertion",
    handler: ({ issuing }) => assertionHandler(issuing),
  },
  // Discovery, so that an SDK can use Keyhold as its authority (OpenID Connect Discovery §4).
  {
    name: "openid-configuration",
    method: "GET",
    route: "{tenantId}/v2.0/.well-known/openid-configuration",
    handler: ({ discovery }) => discoveryHandler(discovery),
  },
  // The verified key set of a tenant, last-known-good (RFC 7517).
  {
    name: "keys",
    method: "GET",
    route: "{tenantId}/discovery/v2.0/keys",
    handler: ({ metadata }) => keysHandler(metadata),
  },
  // The verified federation metadata of a tenant, byte for byte.
  {
    name: "federation-metadata",
    method: "GET",
    route: "{tenantId}/federationmetadata/2007-06/federationmetadata.xml",
    handler: ({ metadata }) => federationMetadataHandler(metadata),
  },
  // Minimal SAML metadata of a tenant, signed by our publisher key.
  {
    name: "idp-metadata",
    method: "GET",
    route: "{tenantId}/federationmetadata/2007-06/idp.xml",
    handler: ({ metadata }) => idpMetadataHandler(metadata),
  },
];

/** Registers every function. Health comes first, so that it answers even if another registration fails. */
export function register(host: typeof app, composed: Keyhold | NotConfigured): void {
  const live = { name: "health-live", method: "GET", route: "health/live" } as const;
  const ready = { name: "health-ready", method: "GET", route: "health/ready" } as const;
  addRoute(host, live, liveHandler());
  if ("problems" in composed) {
    const handler = notConfiguredHandler(composed.problems.length);
    for (const route of [ready, ...routes]) addRoute(host, route, handler);
    return;
  }
  // From here on telemetry is Keyhold's own: the host leaves out four records for each request. Not before, so that what
  // a failing start says is still sent by the host.
  host.setup({ capabilities: { WorkerOpenTelemetryEnabled: true } });
  addRoute(host, ready, readyHandler(composed.readiness));
  const load = createLoadLimit(composed.maxRequestsInFlight);
  const served = { ...composed, issuing: { ...composed.issuing, load } };
  for (const route of routes) addRoute(host, route, route.handler(served));
  registerTimers(host, composed);
  registerHooks(host, composed);
  // The load itself sends nothing, and what comes in meanwhile finds every function registered.
  setImmediate(() => void composed.warmUp());
}

function addRoute(
  host: typeof app,
  { name, method, route }: Pick<Route, "name" | "method" | "route">,
  handler: HttpHandler,
): void {
  // RFC 9110 §9.3.2: what answers GET answers HEAD; the host leaves the body away.
  const methods: HttpMethod[] = method === "GET" ? ["GET", "HEAD"] : [method];
  host.http(name, { route, methods, authLevel: "anonymous", handler });
}

function registerTimers(host: typeof app, keyhold: Keyhold): void {
  // Asks the identity providers for their metadata, hourly (Entra's advice), with a random delay of some seconds.
  host.timer("refreshMetadata", { schedule: "0 17 * * * *", handler: () => keyhold.refreshMetadata() });
  // Publishes new sources, and refreshes those that an operator asked for. Twice a minute, so that both take less than one.
  host.timer("checkMetadata", { schedule: "*/30 * * * * *", handler: () => keyhold.checkMetadata() });
  // Compares the ledger with the vault's own log and the sign rate with its baseline, every five minutes.
  host.timer("recordSignRate", { schedule: "30 */5 * * * *", handler: () => keyhold.recordSignRate() });
  // Canaries, promotion, expiry and drift of the credentials that clients have, every hour.
  host.timer("checkCredentials", { schedule: "0 47 * * * *", handler: () => keyhold.checkCredentials() });
}

/** Each invocation is a span, and before the process ends all that is under way is written. */
function registerHooks(host: typeof app, keyhold: Keyhold): void {
  host.hook.preInvocation((hook) => {
    const handler = hook.functionHandler;
    const invocation = invocationOf(hook.invocationContext);
    hook.functionHandler = (...args) => keyhold.traceInvocation(invocation, () => handler(...args));
  });
  host.hook.appTerminate(() => keyhold.drain());
}

function invocationOf({ functionName, invocationId, traceContext }: InvocationContext) {
  const { traceParent } = traceContext ?? {};
  return { name: functionName, correlationId: invocationId, ...(traceParent && { traceParent }) };
}
