/** `npm run drill -- NAME`: something happens to the running stack (`npm start`), and what Keyhold makes of it is shown. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { fileURLToPath } from "node:url";

interface StackFile {
  keyhold: { https: string; http: string };
  control: string;
  caFile: string;
  logFile: string;
  tenants: Record<string, { tenantId: string }>;
  homeTenantId: string;
  clients: { clientId: string }[];
  scopes: { graph: string };
}

const folder = process.env.LOCAL_FOLDER ?? fileURLToPath(new URL("../.local", import.meta.url));
const drills: Record<string, (stack: StackFile) => Promise<void>> = { rollover };

const [, , name = ""] = process.argv;
const drill = drills[name];
if (!drill) {
  console.error(`usage: npm run drill -- NAME, with NAME one of: ${Object.keys(drills).join(", ")}`);
  process.exit(2);
}
try {
  await drill(await readStack());
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}

async function readStack(): Promise<StackFile> {
  const file = join(folder, "stack.json");
  const stack = JSON.parse(await readFile(file, "utf8").catch(() => "{}")) as StackFile;
  const isUp = stack.control && (await fetch(stack.control).catch(() => undefined));
  if (!isUp) throw new Error("the local stack is not running: npm start in another terminal first");
  setDefaultCACertificates([...getCACertificates("default"), await readFile(stack.caFile, "utf8")]);
  return stack;
}

/** The provider announces a key, and later signs with it alone. Nobody is refused at any time. */
async function rollover(stack: StackFile): Promise<void> {
  const roll = async (body: object) => {
    const response = await fetch(`${stack.control}/entra/keys`, { method: "POST", body: JSON.stringify(body) });
    return (await response.json()) as { kid: string; active: boolean }[];
  };
  const refresh = () => fetch(`${stack.keyhold.http}/admin/functions/refreshMetadata?wait=true`, { method: "POST" });
  const published = async () => {
    const response = await fetch(`${stack.keyhold.https}/${stack.homeTenantId}/discovery/v2.0/keys`);
    return ((await response.json()) as { keys: { kid: string }[] }).keys.map(({ kid }) => kid);
  };
  await refresh();
  const before = await published();
  show("Keyhold's verified keys", before.join(" "));
  await ask(stack, "a caller");

  const keys = await roll({ action: "announce" });
  const announced = keys.find(({ kid }) => !before.includes(kid))?.kid ?? "";
  show("the provider announces", announced);
  await ask(stack, "a caller");
  show("the hourly timer runs (now)", "");
  await refresh();
  show("Keyhold's verified keys", (await published()).join(" "));

  await roll({ action: "activate", kid: announced });
  show("the provider signs with", announced);
  await ask(stack, "a caller with a token by the new key");
  const log = await readFile(stack.logFile, "utf8");
  show(
    "Keyhold's log",
    log
      .split("\n")
      .filter((line) => line.includes(announced))
      .at(-1) ?? "",
  );
}

async function ask(stack: StackFile, who: string): Promise<void> {
  const token = await (await fetch(`${stack.control}/stack/caller-token?caller=billing-service`)).text();
  const response = await fetch(`${stack.keyhold.https}/${stack.tenants.contoso?.tenantId}/oauth2/v2.0/token`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}` },
    body: new URLSearchParams({
      grant_type: "client_credentials",
      client_id: stack.clients[0]?.clientId ?? "",
      scope: stack.scopes.graph,
    }),
  });
  show(who, `is answered with ${response.status}`);
}

function show(what: string, value: string): void {
  console.log(`${what.padEnd(38)} ${value}`);
}
