/** Apache with mod_auth_mellon and the updater, Shibboleth, and SimpleSAMLphp, as relying parties of the running stack. */
import { execFile } from "node:child_process";
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { generateSigningKey } from "../emulators/entra/signing-key.ts";
import { Browser } from "../relying-parties/browser.ts";
import {
  areInstalled,
  mellonPackages,
  requirementsOf,
  shibbolethPackages,
  simpleSamlPackages,
} from "../relying-parties/debian-packages.ts";
import { startMellon } from "../relying-parties/mellon.ts";
import type { ServiceProvider, ServiceProviderKey } from "../relying-parties/service-provider.ts";
import { startShibboleth } from "../relying-parties/shibboleth.ts";
import { startSimpleSaml } from "../relying-parties/simplesamlphp.ts";
import { type StackFile, show } from "./running-stack.ts";

export interface DrillParty {
  name: string;
  /** Whether the login of a new user succeeds. */
  letsIn(): Promise<boolean>;
}

const updater = fileURLToPath(new URL("../../clients/mellon/keyhold-mellon-update", import.meta.url));

/**
 * Starts the relying parties whose packages are installed, each polling every `pollSeconds`, calls `work` with them,
 * and stops them.
 */
export async function withRelyingParties(
  stack: StackFile,
  pollSeconds: number,
  work: (parties: DrillParty[]) => Promise<void>,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "keyhold-drill-"));
  await chmod(folder, 0o755);
  const stops: (() => Promise<void> | void)[] = [() => rm(folder, { recursive: true })];
  try {
    const place = { ...(await placeOf(stack, folder)), pollSeconds };
    const parties: DrillParty[] = [];
    for (const [name, packages, start] of kinds) {
      if (!areInstalled(packages)) {
        show(name, `left out. ${requirementsOf(packages)[1]}`);
        continue;
      }
      const own = join(folder, name);
      await mkdir(own);
      await chmod(own, 0o755);
      const { provider, stop } = await start(place, own);
      stops.push(stop);
      const { entityId, acsUrl: replyUrl, secretUrl } = provider;
      const body = JSON.stringify({ entityId, replyUrl });
      await fetch(`${stack.control}/entra/relying-parties`, { method: "POST", body });
      const browser = () => new Browser(place.root, stack.routes);
      parties.push({ name, letsIn: async () => (await browser().login(secretUrl)).status === 200 });
    }
    await work(parties);
  } finally {
    for (const stop of stops.reverse()) await stop();
  }
}

interface Place {
  pollSeconds: number;
  url: string;
  entityId: string;
  root: string;
  rootsFile: string;
  publisherCertFile: string;
}

type Party = Pick<ServiceProvider, "entityId" | "acsUrl" | "secretUrl">;
type Start = (place: Place, folder: string) => Promise<{ provider: Party; stop: () => Promise<void> }>;

const kinds = [
  ["Mellon", mellonPackages, startMellonWithUpdater],
  ["Shibboleth", shibbolethPackages, startShibbolethAlone],
  ["SimpleSAMLphp", simpleSamlPackages, startSimpleSamlWithCron],
] as const satisfies readonly [string, readonly unknown[], Start][];

async function placeOf(stack: StackFile, folder: string): Promise<Omit<Place, "pollSeconds">> {
  const tenantId = stack.tenants.contoso?.tenantId ?? "";
  const { publisher } = JSON.parse(await readFile(stack.policyFile, "utf8"));
  const certificates: { certificate: string }[] = publisher.certificates ?? [publisher];
  const publisherCertFile = join(folder, "publisher.pem");
  await writeFile(publisherCertFile, certificates.map(({ certificate }) => certificate).join("\n"));
  return {
    url: `${stack.keyhold.https}/${tenantId}/federationmetadata/2007-06/idp.xml`,
    entityId: `https://sts.windows.net/${tenantId}/`,
    root: await readFile(stack.caFile, "utf8"),
    rootsFile: stack.caFile,
    publisherCertFile,
  };
}

async function startMellonWithUpdater(
  { url, entityId, rootsFile, publisherCertFile, pollSeconds }: Place,
  folder: string,
) {
  const metadataFile = join(folder, "idp.xml");
  const settings = { url, "ca-file": rootsFile, "entity-id": entityId, target: metadataFile };
  const parameters = Object.entries({ ...settings, "publisher-cert": publisherCertFile });
  const update = () =>
    new Promise<void>((resolve) => {
      const args = [updater, ...parameters.flatMap(([name, value]) => [`--${name}`, value])];
      execFile("/bin/sh", args, () => resolve());
    });
  await update();
  const key = await makeKey("mellon");
  const provider = await startMellon({ folder, key, metadataFile, publisherCertFile });
  const timer = setInterval(update, pollSeconds * 1000);
  const stop = async () => {
    clearInterval(timer);
    await provider.stop();
  };
  return { provider, stop };
}

async function startShibbolethAlone({ publisherCertFile, pollSeconds, ...place }: Place, folder: string) {
  const key = await makeKey("shibboleth");
  const publisherCertFiles = [publisherCertFile, publisherCertFile] as const;
  const provider = await startShibboleth({ ...place, publisherCertFiles, folder, key, refreshSeconds: pollSeconds });
  return { provider, stop: provider.stop };
}

async function startSimpleSamlWithCron({ publisherCertFile, pollSeconds, ...place }: Place, folder: string) {
  const certificate = await readFile(publisherCertFile, "utf8");
  const provider = await startSimpleSaml({ ...place, folder, publisherCertificates: [certificate, certificate] });
  await provider.refresh();
  const timer = setInterval(() => void provider.refresh().catch(() => undefined), pollSeconds * 1000);
  const stop = async () => {
    clearInterval(timer);
    await provider.stop();
  };
  return { provider, stop };
}

async function makeKey(name: string): Promise<ServiceProviderKey> {
  const { privateKey, certificate } = await generateSigningKey({ name: `CN=${name}` });
  const lines = certificate.match(/.{1,64}/g) ?? [];
  return {
    privateKey: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    certificate: ["-----BEGIN CERTIFICATE-----", ...lines, "-----END CERTIFICATE-----", ""].join("\n"),
  };
}
