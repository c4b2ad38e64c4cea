/** A service provider of Apache with mod_auth_mellon, whose metadata file another program maintains. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort, startApache } from "./apache.ts";
import type { ServiceProvider, ServiceProviderKey } from "./service-provider.ts";

export interface MellonOptions {
  folder: string;
  key: ServiceProviderKey;
  /** The file that the updater maintains. */
  metadataFile: string;
  /** The second argument of MellonIdPMetadataFile. */
  publisherCertFile: string;
  /** PEM file of the roots that OpenSSL trusts by default in this process. Default: none. */
  systemRoots?: string;
}

export async function startMellon(options: MellonOptions): Promise<ServiceProvider> {
  const { folder, key, systemRoots = "/dev/null" } = options;
  const port = await freePort();
  const base = `http://127.0.0.1:${port}`;
  const entityId = `${base}/sp`;
  const acsUrl = `${base}/mellon/postResponse`;
  writeFileSync(join(folder, "sp.key"), key.privateKey, { mode: 0o600 });
  writeFileSync(join(folder, "sp.crt"), key.certificate);
  writeFileSync(join(folder, "sp.xml"), metadataOf(entityId, acsUrl, key));
  const apache = await startApache({
    folder,
    port,
    loginModule: { name: "auth_mellon_module", file: "mod_auth_mellon.so" },
    directives: directivesOf(options),
    environment: { SSL_CERT_FILE: systemRoots, SSL_CERT_DIR: "/nonexistent" },
  });
  return { ...apache, entityId, acsUrl };
}

function directivesOf({ folder, metadataFile, publisherCertFile }: MellonOptions): string[] {
  return [
    `MellonLockFile "${folder}/mellon.lock"`,
    "<Location />",
    "  Require all granted",
    "  MellonEnable info",
    "  MellonEndpointPath /mellon",
    "  MellonSecureCookie Off",
    `  MellonSPMetadataFile "${folder}/sp.xml"`,
    `  MellonSPPrivateKeyFile "${folder}/sp.key"`,
    `  MellonSPCertFile "${folder}/sp.crt"`,
    `  MellonIdPMetadataFile "${metadataFile}" "${publisherCertFile}"`,
    "</Location>",
    "<Location /secret>",
    "  MellonEnable auth",
    "  Require valid-user",
    "</Location>",
  ];
}

/**
 * Written explicitly: without MellonSPMetadataFile, Mellon 0.18.1 creates it at the first request of each child, and
 * two simultaneous first requests fail with 500.
 */
function metadataOf(entityId: string, acsUrl: string, { certificate }: ServiceProviderKey): string {
  const base64 = certificate.replace(/-----[A-Z ]+-----|\s/g, "");
  return (
    `<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="${entityId}">` +
    `<SPSSODescriptor AuthnRequestsSigned="true" WantAssertionsSigned="true" protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">` +
    `<KeyDescriptor use="signing"><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data><X509Certificate>${base64}</X509Certificate></X509Data></KeyInfo></KeyDescriptor>` +
    `<AssertionConsumerService index="0" isDefault="true" Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="${acsUrl}"/>` +
    `</SPSSODescriptor></EntityDescriptor>`
  );
}
