/**
 * The control routes: what a test or a demonstration sets from outside, as plain JSON. The caller mounts them on the
 * control server; nothing here is part of the emulated protocol.
 */
import type { z } from "zod";
import { ControlError, type ControlRoute } from "../shared/control-route.ts";
import type { Application } from "./application-registry.ts";
import { issueCallerToken } from "./caller-token.ts";
import { withBody, withQuery } from "./control-body.ts";
import { credentialRoutes } from "./control-credentials.ts";
import {
  applicationBody,
  behaviourBody,
  callerTokenQuery,
  certificateBody,
  certificateQuery,
  clockBody,
  consentBody,
  forcedErrorBody,
  keysBody,
  keysQuery,
  relyingPartyBody,
  tenantQuery,
  tokenBody,
} from "./control-input.ts";
import { managedIdentityToken } from "./managed-identity-endpoint.ts";
import { listCertificates } from "./registered-certificate.ts";
import type { EntraState } from "./state.ts";

export function controlRoutes(state: EntraState): ControlRoute[] {
  return [
    ...stateRoutes(state),
    ...directoryRoutes(state),
    ...credentialRoutes(state),
    ...keyRoutes(state),
    ...tokenRoutes(state),
  ];
}

function stateRoutes(state: EntraState): ControlRoute[] {
  return [
    { method: "GET", path: "/audit", handle: () => state.audit },
    {
      method: "DELETE",
      path: "/audit",
      handle: () => {
        state.audit.length = 0;
      },
    },
    { method: "GET", path: "/graph-audit", handle: () => state.graphAudit },
    { method: "GET", path: "/behaviour", handle: () => state.behaviour },
    withBody("PUT", "/behaviour", behaviourBody, (behaviour) => {
      state.behaviour = behaviour;
      return behaviour;
    }),
    withBody("PUT", "/clock", clockBody, ({ offsetSeconds }) => {
      state.clockOffsetSeconds = offsetSeconds;
      return { offsetSeconds, now: new Date(state.now()).toISOString() };
    }),
  ];
}

function directoryRoutes({ applications, relyingParties, tenants }: EntraState): ControlRoute[] {
  return [
    { method: "GET", path: "/applications", handle: () => applications.list().map(describe) },
    withBody("POST", "/applications", applicationBody, (app) => applications.register(app)),
    withBody("POST", "/certificates", certificateBody, ({ clientId, certificatePem }) => {
      const { x5tS256, x5t } = applications.registerCertificate(clientId, certificatePem);
      return { x5tS256, x5t };
    }),
    withQuery("DELETE", "/certificates", certificateQuery, ({ clientId, x5tS256 }) =>
      applications.removeCertificate(clientId, x5tS256),
    ),
    withBody("PUT", "/consent", consentBody, ({ tenantId, clientId, granted, roles }) =>
      granted ? tenants.grantConsent(tenantId, clientId, roles) : tenants.revokeConsent(tenantId, clientId),
    ),
    withBody("POST", "/relying-parties", relyingPartyBody, ({ entityId, replyUrl }) => {
      relyingParties.set(entityId, replyUrl);
    }),
    withQuery("DELETE", "/tenants", tenantQuery, ({ tenantId }) => tenants.remove(tenantId)),
    withBody("PUT", "/forced-error", forcedErrorBody, ({ tenantId, clientId, code }) =>
      tenants.forceError(tenantId, code ?? undefined, clientId),
    ),
  ];
}

function describe({ clientId, name, objectId, certificates }: Application) {
  return {
    clientId,
    name,
    objectId,
    certificates: listCertificates(certificates).map(({ x5tS256, x5t, subject, notBefore, notAfter }) => ({
      x5tS256,
      x5t,
      subject,
      notBefore: new Date(notBefore).toISOString(),
      notAfter: new Date(notAfter).toISOString(),
    })),
  };
}

function keyRoutes({ keys }: EntraState): ControlRoute[] {
  const list = ({ tenantId, appId }: z.infer<typeof keysQuery>) => {
    const active = keys.active(tenantId, { appId });
    return keys.published(tenantId, { appId }).map((key) => ({ kid: key.kid, active: key === active }));
  };
  return [
    withQuery("GET", "/keys", keysQuery, list),
    withBody("POST", "/keys", keysBody, async (body) => {
      const { tenantId, appId } = body;
      if ("kid" in body) keys[body.action](body.kid, tenantId, { appId });
      else if (body.action === "announce") await keys.announce(tenantId, { appId });
      else await keys.replaceAll(tenantId, { appId });
      return list({ tenantId, appId });
    }),
  ];
}

function tokenRoutes(state: EntraState): ControlRoute[] {
  return [
    withBody("POST", "/token", tokenBody, async ({ claims, ...options }) => ({
      token: await issueCallerToken(state, claims, options),
    })),
    withQuery("GET", "/caller-token", callerTokenQuery, async ({ clientId, audience }) => {
      const identity = state.identities.byClientId(clientId);
      if (identity === undefined) throw new ControlError(`no managed identity has the client id ${clientId}`);
      return { token: (await managedIdentityToken(state, identity, audience)).token };
    }),
  ];
}
