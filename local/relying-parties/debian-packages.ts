/** The Debian packages that the relying parties and the updater need. */
import { existsSync } from "node:fs";

export const apacheModules = "/usr/lib/apache2/modules";

/** For each package, a file that only this package installs. */
const witnesses = {
  curl: "/usr/bin/curl",
  "libxml2-utils": "/usr/bin/xmllint",
  openssl: "/usr/bin/openssl",
  xmlsec1: "/usr/bin/xmlsec1",
  apache2: "/usr/sbin/apache2",
  "libapache2-mod-auth-mellon": `${apacheModules}/mod_auth_mellon.so`,
  "libapache2-mod-shib": `${apacheModules}/mod_shib.so`,
  "shibboleth-sp-utils": "/usr/sbin/shibd",
  "python3-pysaml2": "/usr/lib/python3/dist-packages/saml2/__init__.py",
  "python3-onelogin-saml2": "/usr/lib/python3/dist-packages/onelogin/saml2/auth.py",
  "ruby-saml": "/usr/share/doc/ruby-saml/copyright",
  "php-cli": "/usr/bin/php",
  "php-xml": "/usr/share/doc/php-xml/copyright",
  simplesamlphp: "/usr/share/simplesamlphp/www/module.php",
} as const;

export type DebianPackage = keyof typeof witnesses;

/** `keyhold-mellon-update` with a publisher's certificate. */
export const updaterPackages: DebianPackage[] = ["curl", "libxml2-utils", "openssl", "xmlsec1"];
/** A login at Apache with mod_auth_mellon, and the updater. */
export const mellonPackages: DebianPackage[] = ["apache2", "libapache2-mod-auth-mellon", ...updaterPackages];
/** A login at Apache with Shibboleth. */
export const shibbolethPackages: DebianPackage[] = ["apache2", "libapache2-mod-shib", "shibboleth-sp-utils"];

/** A login at SimpleSAMLphp, served by PHP's own web server. */
export const simpleSamlPackages: DebianPackage[] = ["simplesamlphp", "php-cli", "php-xml"];

/** The files to look for, and the command that installs them. */
export function requirementsOf(packages: readonly DebianPackage[]): [files: string[], howToInstall: string] {
  const command = `apt-get install -y --no-install-recommends ${packages.join(" ")}`;
  return [packages.map((name) => witnesses[name]), `Install them with: ${command}`];
}

export function areInstalled(packages: readonly DebianPackage[]): boolean {
  return packages.every((name) => existsSync(witnesses[name]));
}
