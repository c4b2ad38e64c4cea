/**
 * A service provider of Apache with Shibboleth: mod_shib, and shibd, which fetches and verifies the metadata by itself.
 */
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort, startApache } from "./apache.ts";
import { startServer } from "./server-process.ts";
import type { ServiceProvider, ServiceProviderKey } from "./service-provider.ts";

const recipe = fileURLToPath(new URL("../../clients/shibboleth/metadata-provider.xml", import.meta.url));

/** The values to insert into the recipe `clients/shibboleth/metadata-provider.xml`. */
export interface ShibbolethMetadata {
  /** The identity provider's name. */
  entityId: string;
  url: string;
  /** PEM file with the only roots that the server of the URL may chain to. */
  rootsFile: string;
  /** PEM files with one certificate each: the current and the next one, or the current one twice. */
  publisherCertFiles: readonly [string, string];
  /** Seconds between two polls. */
  refreshSeconds: number;
}

export interface ShibbolethOptions extends ShibbolethMetadata {
  folder: string;
  key: ServiceProviderKey;
}

/** Apache and shibd. `log` has the output of both. */
export async function startShibboleth(options: ShibbolethOptions): Promise<ServiceProvider> {
  const { folder } = options;
  const port = await freePort();
  const base = `http://127.0.0.1:${port}`;
  const entityId = `${base}/sp`;
  const file = writeConfiguration(options, entityId);
  const socket = join(folder, "shibd.sock");
  const shibd = await startServer({
    program: "shibd",
    parameters: ["-F", "-f", "-c", file, "-p", join(folder, "shibd.pid")],
    isReady: () => existsSync(socket),
  });
  try {
    const apache = await startApache({
      folder,
      port,
      loginModule: { name: "mod_shib", file: "mod_shib.so" },
      directives: [
        `ShibConfig "${file}"`,
        "<Location />",
        "  Require all granted",
        "</Location>",
        "<Location /secret>",
        "  AuthType shibboleth",
        "  ShibRequestSetting requireSession 1",
        "  Require shib-session",
        "</Location>",
      ],
      environment: {},
    });
    const stop = async () => {
      await apache.stop();
      await shibd.stop();
    };
    const log = () => shibd.output() + apache.log();
    return { ...apache, entityId, acsUrl: `${base}/Shibboleth.sso/SAML2/POST`, log, stop };
  } catch (error) {
    await shibd.stop();
    throw error;
  }
}

/**
 * Whether Shibboleth accepts the metadata, according to its own program `mdquery`, which fetches and verifies it. There
 * is no earlier state: with a good backup, a rejected document would not be noticed.
 */
export function acceptsMetadata(options: ShibbolethOptions): Promise<boolean> {
  rmSync(join(options.folder, "keyhold-idp.xml"), { force: true });
  const file = writeConfiguration(options, "http://127.0.0.1/sp");
  const protocol = "urn:oasis:names:tc:SAML:2.0:protocol";
  const parameters = ["-e", options.entityId, "-r", "IDPSSODescriptor", "-p", protocol];
  const env = { PATH: process.env.PATH ?? "", SHIBSP_CONFIG: file };
  return new Promise((resolve, reject) => {
    execFile("mdquery", parameters, { env }, (error, stdout, stderr) => {
      if (stdout.includes("<IDPSSODescriptor")) resolve(true);
      else if (/No MetadataProvider available|no metadata|not found|No metadata/i.test(stdout + stderr)) resolve(false);
      else reject(error ?? new Error(`mdquery: ${stdout}${stderr}`));
    });
  });
}

/** Returns the path of the configuration, which reads its policies from Debian's files. */
function writeConfiguration(options: ShibbolethOptions, entityId: string): string {
  const { folder, key } = options;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "sp.key"), key.privateKey, { mode: 0o600 });
  writeFileSync(join(folder, "sp.crt"), key.certificate);
  writeFileSync(join(folder, "attributes.xml"), attributeMap);
  const file = join(folder, "shibboleth2.xml");
  writeFileSync(
    file,
    `<SPConfig xmlns="urn:mace:shibboleth:3.0:native:sp:config" clockSkew="180">
  <OutOfProcess logger="/etc/shibboleth/console.logger"/>
  <InProcess logger="/etc/shibboleth/console.logger"/>
  <UnixListener address="${folder}/shibd.sock"/>
  <ApplicationDefaults entityID="${entityId}" REMOTE_USER="user">
    <Sessions lifetime="28800" timeout="3600" checkAddress="false" handlerSSL="false" cookieProps="http" redirectLimit="exact">
      <SSO entityID="${options.entityId}">SAML2</SSO>
    </Sessions>
${metadataProvider(options)}
    <AttributeExtractor type="XML" path="${folder}/attributes.xml"/>
    <CredentialResolver type="File" use="signing" key="${folder}/sp.key" certificate="${folder}/sp.crt"/>
  </ApplicationDefaults>
  <SecurityPolicyProvider type="XML" path="/etc/shibboleth/security-policy.xml"/>
  <ProtocolProvider type="XML" path="/etc/shibboleth/protocols.xml"/>
</SPConfig>
`,
  );
  return file;
}

function metadataProvider({
  folder,
  url,
  rootsFile,
  publisherCertFiles,
  refreshSeconds,
}: ShibbolethMetadata & { folder: string }): string {
  const filled: [placeholder: string | RegExp, value: string][] = [
    [/https:\/\/keyhold\.example\/[^"]*/, url],
    ["keyhold-idp.xml", `${folder}/keyhold-idp.xml`],
    ["/etc/shibboleth/keyhold-roots.pem", rootsFile],
    ["/etc/shibboleth/keyhold-publisher.pem", publisherCertFiles[0]],
    ["/etc/shibboleth/keyhold-publisher-next.pem", publisherCertFiles[1]],
    [
      /minRefreshDelay="\d+" maxRefreshDelay="\d+"/,
      `minRefreshDelay="${refreshSeconds}" maxRefreshDelay="${refreshSeconds}"`,
    ],
  ];
  return filled.reduce(
    (text, [placeholder, value]) => {
      const next = text.replace(placeholder, value);
      if (next === text) throw new Error(`the recipe of Shibboleth has no ${placeholder}`);
      return next;
    },
    readFileSync(recipe, "utf8"),
  );
}

/** The user is taken from the response's NameID. */
const attributeMap = `<Attributes xmlns="urn:mace:shibboleth:2.0:attribute-map" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
  <Attribute name="urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress" id="user">
    <AttributeDecoder xsi:type="NameIDAttributeDecoder" formatter="$Name"/>
  </Attribute>
</Attributes>
`;
