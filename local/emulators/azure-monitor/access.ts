/**
 * Decides who may send telemetry and who may read the workspace. A reader needs a bearer token of the emulated Entra
 * for Log Analytics, and an object id on the list of readers. The list stands for the role Log Analytics Data Reader,
 * without its scopes.
 */
import { createLocalJWKSet, errors, type JSONWebKeySet, jwtVerify } from "jose";
import type { EmulatorResponse } from "../shared/emulator-server.ts";
import { errorAnswer } from "./error-answers.ts";

export interface AccessOptions {
  tenantId: string;
  jwks: () => Promise<{ keys: object[] }> | { keys: object[] };
  /** Object ids. A change to this array takes effect with the next request. */
  readers: string[];
}

const resources = ["https://api.loganalytics.io", "https://api.loganalytics.azure.com"];
/** The application id of the Log Analytics API in Entra. */
const firstPartyAppId = "ca7f3f0b-7d91-482c-8e09-c5d840d0eac5";
const audience = [...resources, ...resources.map((resource) => `${resource}/`), firstPartyAppId];

/** The audience of tokens for ingestion, in the public cloud. */
const ingestion = "https://monitor.azure.com";
const ingestionAudience = [ingestion, `${ingestion}/`];

/** Returns the reader's object id, or the answer that refuses the request. */
export async function authorizeReader(
  options: AccessOptions,
  authorization: string | undefined,
): Promise<string | EmulatorResponse> {
  const objectId = await callerOf(options, authorization, audience);
  if (objectId === "missing") {
    return errorAnswer(401, "AuthorizationRequiredError", "Valid authentication was not provided");
  }
  if (objectId === "invalid") return errorAnswer(401, "InvalidTokenError", "The provided token is invalid");
  if (options.readers.some((reader) => reader.toLowerCase() === objectId.toLowerCase())) return objectId;
  return errorAnswer(
    403,
    "InsufficientAccessError",
    "The provided credentials have insufficient access to perform the requested operation",
  );
}

/** Whether telemetry comes with a token, which a component with `DisableLocalAuth` requires. Roles are not checked. */
export async function maySendTelemetry(options: AccessOptions, authorization: string | undefined): Promise<boolean> {
  const objectId = await callerOf(options, authorization, ingestionAudience);
  return objectId !== "missing" && objectId !== "invalid";
}

async function callerOf(
  options: AccessOptions,
  authorization: string | undefined,
  expected: string[],
): Promise<string | "missing" | "invalid"> {
  const token = /^Bearer +(\S+)$/i.exec(authorization ?? "")?.[1];
  if (token === undefined) return "missing";
  const issuer = [
    `https://sts.windows.net/${options.tenantId}/`,
    `https://login.microsoftonline.com/${options.tenantId}/v2.0`,
  ];
  try {
    const keys = createLocalJWKSet((await options.jwks()) as JSONWebKeySet);
    const checks = { algorithms: ["RS256"], audience: expected, issuer, requiredClaims: ["exp", "oid"] };
    const { payload } = await jwtVerify<{ oid: string }>(token, keys, checks);
    return payload.oid;
  } catch (error) {
    if (error instanceof errors.JOSEError) return "invalid";
    throw error;
  }
}
