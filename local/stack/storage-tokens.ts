/**
 * The check that Azurite omits: whether Entra still publishes the key that signed a bearer token. Requests with a
 * shared key are not checked here.
 */
import { compactVerify, createLocalJWKSet, errors, type JSONWebKeySet } from "jose";
import type { EmulatorRequest, EmulatorResponse } from "../emulators/shared/emulator-server.ts";

/** The keys and id of the tenant that the storage account trusts. */
export interface StorageTokenOptions {
  tenantId: string;
  jwks: () => { keys: object[] };
}

export type StorageTokenCheck = (request: EmulatorRequest) => Promise<EmulatorResponse | undefined>;

/** Answers with the 401 of the service, or undefined if the request is accepted. */
export function createStorageTokenCheck(options: StorageTokenOptions, service: "blob" | "table"): StorageTokenCheck {
  /** Tokens already verified with the current keys. */
  let verified = new Set<string>();
  let serialized = "";
  return async ({ headers }) => {
    const token = /^Bearer +(\S+)$/i.exec(headers.authorization ?? "")?.[1];
    if (token === undefined) return undefined;
    const keys = options.jwks() as JSONWebKeySet;
    const now = JSON.stringify(keys);
    if (now !== serialized) {
      verified = new Set();
      serialized = now;
    }
    if (verified.has(token)) return undefined;
    try {
      await compactVerify(token, createLocalJWKSet(keys));
      verified.add(token);
      return undefined;
    } catch (error) {
      if (error instanceof errors.JOSEError) return unauthorized(options.tenantId, service);
      throw error;
    }
  };
}

/** REST API, "Authorize with Microsoft Entra ID", bearer challenge; error code `InvalidAuthenticationInfo`. */
function unauthorized(tenantId: string, service: "blob" | "table"): EmulatorResponse {
  const code = "InvalidAuthenticationInfo";
  const text = "Server failed to authenticate the request.";
  const authority = `https://login.microsoftonline.com/${tenantId}/oauth2/authorize`;
  const challenge = {
    "www-authenticate": `Bearer authorization_uri=${authority} resource_id=https://storage.azure.com`,
    "x-ms-error-code": code,
  };
  if (service === "table") {
    const headers = { ...challenge, "content-type": "application/json;odata=minimalmetadata" };
    return { status: 401, headers, body: { "odata.error": { code, message: { lang: "en-US", value: text } } } };
  }
  const headers = { ...challenge, "content-type": "application/xml" };
  const xml = `<?xml version="1.0" encoding="utf-8"?><Error><Code>${code}</Code><Message>${text}</Message></Error>`;
  return { status: 401, headers, body: xml };
}
