import { randomBytes } from "node:crypto";
import type { PeerOptions } from "../peers/libraries.ts";

/** Answers instead of Entra, within the process: every token request gets a token of `tokenBytes` bytes. */
export function answerLocally(tokenBytes: number): PeerOptions {
  const body = (url: string) => {
    if (!url.includes("/oauth2/v2.0/token")) return metadataFor(url);
    const accessToken = randomBytes((3 * tokenBytes) / 4).toString("base64url");
    return { token_type: "Bearer", expires_in: 3_600, ext_expires_in: 3_600, access_token: accessToken };
  };
  const respond = async <T>(url: string) => ({ status: 200, headers: {}, body: body(url) as T });
  return {
    msal: { system: { networkClient: { sendGetRequestAsync: respond, sendPostRequestAsync: respond } } },
    identity: {
      httpClient: {
        sendRequest: async (request) => {
          return { request, status: 200, headers: request.headers, bodyAsText: JSON.stringify(body(request.url)) };
        },
      },
    },
  };
}

function metadataFor(url: string) {
  const tenant = new URL(url).pathname.split("/")[1];
  const base = `https://login.microsoftonline.com/${tenant}`;
  return {
    issuer: `${base}/v2.0`,
    authorization_endpoint: `${base}/oauth2/v2.0/authorize`,
    token_endpoint: `${base}/oauth2/v2.0/token`,
    end_session_endpoint: `${base}/oauth2/v2.0/logout`,
    jwks_uri: `${base}/discovery/v2.0/keys`,
  };
}
