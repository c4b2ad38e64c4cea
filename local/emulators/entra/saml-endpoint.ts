/**
 * `/{tenant}/saml2`: single sign-on for SAML relying parties, by redirect or post. Every visitor is already signed in,
 * as one user, and never sees a page. Errors have Entra's numbers; the status and text of its error page are not known
 * and not emulated.
 */
import type { EmulatorRequest, EmulatorResponse } from "../shared/emulator-server.ts";
import { parseAuthnRequest, signInPage } from "./saml-response.ts";
import type { EntraState } from "./state.ts";

export const signedInUser = "alice@contoso.example";

export function samlEndpoint(state: EntraState, tenantId: string, request: EmulatorRequest): EmulatorResponse {
  const binding = request.method === "POST" ? "post" : "redirect";
  const sent = binding === "post" ? new URLSearchParams(request.body.toString()) : request.url.searchParams;
  let authnRequest: ReturnType<typeof parseAuthnRequest>;
  try {
    authnRequest = parseAuthnRequest(sent.get("SAMLRequest") ?? "", binding);
  } catch {
    return errorPage("AADSTS750054: SAMLRequest or SAMLResponse must be present as query string parameters.");
  }
  const replyUrl = state.relyingParties.get(authnRequest.issuer);
  if (replyUrl === undefined) return errorPage("AADSTS700016: The application was not found in the directory.");
  const signIn = {
    request: authnRequest,
    entityId: `https://sts.windows.net/${tenantId}/`,
    tenantId,
    user: signedInUser,
    replyUrl,
    relayState: sent.get("RelayState") ?? "",
    nowMs: state.now(),
  };
  const body = signInPage(signIn, state.keys.active(tenantId));
  return { status: 200, headers: { "content-type": "text/html; charset=utf-8" }, body };
}

function errorPage(text: string): EmulatorResponse {
  return { status: 400, headers: { "content-type": "text/html; charset=utf-8" }, body: `<p>${text}</p>` };
}
