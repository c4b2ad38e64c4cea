/** What every SAML service provider here has: a name, a key pair, and the URL for its answers. */
import type { Apache } from "./apache.ts";

export interface ServiceProviderKey {
  /** PKCS#8 PEM. */
  privateKey: string;
  /** PEM. */
  certificate: string;
}

export interface ServiceProvider extends Apache {
  entityId: string;
  /** The URL to which the identity provider posts its response. */
  acsUrl: string;
}
