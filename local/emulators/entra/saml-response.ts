/**
 * Entra's answer to a SAML AuthnRequest: a form that posts a response with one signed assertion to the relying party.
 * Sources: https://learn.microsoft.com/en-us/entra/identity-platform/single-sign-on-saml-protocol, SAML V2.0 Core
 * §2.7 and §3.3.3, Bindings §3.4 and §3.5.
 */
import { randomUUID } from "node:crypto";
import { inflateRawSync } from "node:zlib";
import { DOMParser } from "@xmldom/xmldom";
import { signElement } from "./metadata-signature.ts";

const assertionNamespace = "urn:oasis:names:tc:SAML:2.0:assertion";
const protocolNamespace = "urn:oasis:names:tc:SAML:2.0:protocol";
const claims = "http://schemas.microsoft.com/identity/claims";

export interface AuthnRequest {
  id: string;
  /** The relying party's entityID. */
  issuer: string;
}

export interface SignIn {
  request: AuthnRequest;
  /** The tenant's entityID. */
  entityId: string;
  tenantId: string;
  /** The user's principal name. */
  user: string;
  /** The URL that the relying party registered for its answers. */
  replyUrl: string;
  relayState: string;
  nowMs: number;
}

/** Parses the request, which is deflated in the HTTP-Redirect binding. @throws if it is not an AuthnRequest */
export function parseAuthnRequest(samlRequest: string, binding: "redirect" | "post"): AuthnRequest {
  const bytes = Buffer.from(samlRequest, "base64");
  const xml = (binding === "redirect" ? inflateRawSync(bytes) : bytes).toString("utf8");
  const root = new DOMParser().parseFromString(xml, "text/xml").documentElement;
  const issuer = root.getElementsByTagNameNS(assertionNamespace, "Issuer").item(0)?.textContent?.trim() ?? "";
  const id = root.getAttribute("ID") ?? "";
  if (root.localName !== "AuthnRequest" || id === "" || issuer === "") throw new Error("no AuthnRequest");
  return { id, issuer };
}

/** HTML with the form, which a browser would submit by script. */
export function signInPage(signIn: SignIn, signer: Parameters<typeof signElement>[1]): string {
  const assertion = "//*[local-name(.)='Assertion']";
  const signed = signElement(responseOf(signIn), signer, {
    xpath: assertion,
    after: `${assertion}/*[local-name(.)='Issuer']`,
  });
  const fields = { SAMLResponse: Buffer.from(signed).toString("base64"), RelayState: signIn.relayState };
  const inputs = Object.entries(fields).map(([name, value]) => `<input name="${name}" value="${escapeXml(value)}">`);
  return `<form method="post" action="${escapeXml(signIn.replyUrl)}">${inputs.join("")}</form>`;
}

function responseOf({ request, entityId, tenantId, user, replyUrl, nowMs }: SignIn): string {
  const at = (seconds: number) => new Date(nowMs + seconds * 1000).toISOString();
  const id = () => `_${randomUUID()}`;
  const to = escapeXml(replyUrl);
  return [
    `<samlp:Response xmlns:samlp="${protocolNamespace}" ID="${id()}" Version="2.0" IssueInstant="${at(0)}" Destination="${to}" InResponseTo="${escapeXml(request.id)}">`,
    `<Issuer xmlns="${assertionNamespace}">${entityId}</Issuer>`,
    `<samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>`,
    `<Assertion xmlns="${assertionNamespace}" ID="${id()}" IssueInstant="${at(0)}" Version="2.0"><Issuer>${entityId}</Issuer>`,
    `<Subject><NameID Format="urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress">${escapeXml(user)}</NameID>`,
    `<SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><SubjectConfirmationData InResponseTo="${escapeXml(request.id)}" NotOnOrAfter="${at(3600)}" Recipient="${to}"/></SubjectConfirmation></Subject>`,
    `<Conditions NotBefore="${at(-300)}" NotOnOrAfter="${at(3600)}"><AudienceRestriction><Audience>${escapeXml(request.issuer)}</Audience></AudienceRestriction></Conditions>`,
    `<AttributeStatement><Attribute Name="${claims}/tenantid"><AttributeValue>${tenantId}</AttributeValue></Attribute></AttributeStatement>`,
    `<AuthnStatement AuthnInstant="${at(-60)}" SessionIndex="${id()}"><AuthnContext><AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:Password</AuthnContextClassRef></AuthnContext></AuthnStatement>`,
    `</Assertion></samlp:Response>`,
  ].join("");
}

function escapeXml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
