/**
 * Authenticates and authorizes callers of Microsoft Graph: an app-only bearer token of the home tenant for Graph. Its
 * roles decide what it may do. The role OwnedBy counts for every application, because owners are known for new ones
 * only.
 */
import { createLocalJWKSet, errors, type JSONWebKeySet, jwtVerify } from "jose";
import { graphHostOf, issuerOf, jwks } from "../entra/discovery.ts";
import type { EntraState } from "../entra/state.ts";
import { forbidden, notAuthenticated } from "./error.ts";

export interface GraphCaller {
  clientId: string;
  objectId: string;
  roles: readonly string[];
}

const graphAppId = "00000003-0000-0000-c000-000000000000";
const writeRoles = ["Application.ReadWrite.All", "Application.ReadWrite.OwnedBy"];
const readRoles = ["Application.Read.All", ...writeRoles];

interface GraphClaims {
  appid?: string;
  azp?: string;
  oid: string;
  roles?: string[];
}

/** @throws Graph's 401. */
export async function authenticate(state: EntraState, authorization: string | undefined): Promise<GraphCaller> {
  const token = /^Bearer +(\S+)$/i.exec(authorization ?? "")?.[1];
  if (token === undefined) throw notAuthenticated("Access token is empty.");
  const resource = `https://${graphHostOf(state.authorityHost)}`;
  const keys = createLocalJWKSet(jwks(state, state.homeTenantId, 2) as JSONWebKeySet);
  try {
    const { payload } = await jwtVerify<GraphClaims>(token, keys, {
      algorithms: ["RS256"],
      audience: [resource, `${resource}/`, graphAppId],
      issuer: [1, 2].map((version) => issuerOf(state.authorityHost, state.homeTenantId, version as 1 | 2)),
      requiredClaims: ["exp", "oid"],
      currentDate: new Date(state.now()),
    });
    const { appid, azp, oid, roles = [] } = payload;
    return { clientId: appid ?? azp ?? "", objectId: oid, roles };
  } catch (error) {
    if (error instanceof errors.JOSEError) throw notAuthenticated("Access token validation failure.");
    throw error;
  }
}

export function requireReader({ roles }: GraphCaller): void {
  if (!readRoles.some((role) => roles.includes(role))) throw forbidden();
}

export function requireWriter({ roles }: GraphCaller): void {
  if (!isWriter(roles)) throw forbidden();
}

/**
 * Requires `AppRoleAssignment.ReadWrite.All` and a right to read. Even the right to change every application does not
 * include it.
 */
export function requireAssigner({ roles }: GraphCaller): void {
  if (!roles.includes("AppRoleAssignment.ReadWrite.All") || !readRoles.some((role) => roles.includes(role))) {
    throw forbidden();
  }
}

/** An application needs no permission to roll its own keys: the proof is the only protection of `addKey`. */
export function requireSelfOrWriter({ clientId, roles }: GraphCaller, application: { clientId: string }): void {
  if (clientId.toLowerCase() !== application.clientId && !isWriter(roles)) throw forbidden();
}

function isWriter(roles: readonly string[]): boolean {
  return writeRoles.some((role) => roles.includes(role));
}
