/**
 * Who may read the workspace: a bearer token of the emulated Entra for Log Analytics, and an object id on the list of
 * readers (the role Log Analytics Data Reader, without its scopes).
 */
import { createLocalJWKSet, errors, type JSONWebKeySet, jwtVerify } from "jose";
import type { EmulatorResponse } from "../shared/emulator-server.ts";
import { errorAnswer } from "./error-answers.ts";

export interface AccessOptions {
  tenantId: string;
  jwks: () => Promise<{ keys: object[] }> | { keys: object[] };
  /** Object ids. Changed in place it holds from the next request on. */
  readers: string[];
}

const resources = ["https://api.loganalytics.io", "https://api.loganalytics.azure.com"];
/** The application id of the Log Analytics API in Entra. */
const firstPartyAppId = "ca7f3f0b-7d91-482c-8e09-c5d840d0eac5";
const audience = [...resources, ...resources.map((resource) => `${resource}/`), firstPartyAppId];

/** The reader's object id, or the answer that refuses. */
export async function authorizeReader(
  options: AccessOptions,
  authorization: string | undefined,
): Promise<string | EmulatorResponse> {
  const token = /^Bearer +(\S+)$/i.exec(authorization ?? "")?.[1];
  if (token === undefined)
    return errorAnswer(401, "AuthorizationRequiredError", "Valid authentication was not provided");
  const issuer = [
    `https://sts.windows.net/${options.tenantId}/`,
    `https://login.microsoftonline.com/${options.tenantId}/v2.0`,
  ];
  try {
    const keys = createLocalJWKSet((await options.jwks()) as JSONWebKeySet);
    const checks = { algorithms: ["RS256"], audience, issuer, requiredClaims: ["exp", "oid"] };
    const { payload } = await jwtVerify<{ oid: string }>(token, keys, checks);
    const isReader = options.readers.some((reader) => reader.toLowerCase() === payload.oid.toLowerCase());
    if (isReader) return payload.oid;
    return errorAnswer(
      403,
      "InsufficientAccessError",
      "The provided credentials have insufficient access to perform the requested operation",
    );
  } catch (error) {
    if (error instanceof errors.JOSEError)
      return errorAnswer(401, "InvalidTokenError", "The provided token is invalid");
    throw error;
  }
}
