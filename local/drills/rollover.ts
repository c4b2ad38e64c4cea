import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { withRelyingParties } from "./relying-parties.ts";
import { ask, requestToken, type StackFile, show } from "./running-stack.ts";

/** Announces, uses and finally withdraws keys at once, while users log in at relying parties. */
export async function rollover(stack: StackFile): Promise<void> {
  await planned(stack);
  await emergency(stack);
}

const refresh = ({ keyhold }: StackFile) =>
  fetch(`${keyhold.http}/admin/functions/refreshMetadata?wait=true`, { method: "POST" });

async function roll(stack: StackFile, body: object): Promise<{ kid: string; active: boolean }[]> {
  const response = await fetch(`${stack.control}/entra/keys`, { method: "POST", body: JSON.stringify(body) });
  return (await response.json()) as { kid: string; active: boolean }[];
}

/** The provider announces a key, and later signs only with it. No caller is refused at any time. */
async function planned(stack: StackFile): Promise<void> {
  const published = async () => {
    const response = await fetch(`${stack.keyhold.https}/${stack.homeTenantId}/discovery/v2.0/keys`);
    return ((await response.json()) as { keys: { kid: string }[] }).keys.map(({ kid }) => kid);
  };
  await refresh(stack);
  const before = await published();
  show("Keyhold's verified keys", before.join(" "));
  await ask(stack, "a caller");

  const keys = await roll(stack, { action: "announce" });
  const announced = keys.find(({ kid }) => !before.includes(kid))?.kid ?? "";
  show("the provider announces", announced);
  await ask(stack, "a caller");
  show("the hourly timer runs (now)", "");
  await refresh(stack);
  show("Keyhold's verified keys", (await published()).join(" "));

  await roll(stack, { action: "activate", kid: announced });
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

/** How often relying parties poll in the drill, in seconds. */
const pollSeconds = 10;
/** Milliseconds until everything must work again. Relying parties get one more poll. */
const limitMs = 60_000;

/**
 * All of the provider's keys are replaced at once. Tokens signed with the old keys are refused everywhere, including
 * Keyhold's own tokens for the vault. Nothing is restarted.
 * @throws Error if something does not work again in time
 */
async function emergency(stack: StackFile): Promise<void> {
  await withRelyingParties(stack, pollSeconds, async (parties) => {
    const document = `${stack.keyhold.https}/${stack.tenants.contoso?.tenantId}/federationmetadata/2007-06/idp.xml`;
    const idp = async () => (await fetch(document)).text();
    const keysOf = (text: string) => text.match(/<KeyDescriptor /g)?.length ?? 0;
    const before = await idp();
    for (const { name, letsIn } of parties) await until(`a login at ${name}`, letsIn, Date.now(), limitMs);

    const withdrawnMs = Date.now();
    const [replacement] = await roll(stack, { action: "replace" });
    show("the provider withdraws all keys", "");
    const soon = (what: string, isRight: () => Promise<boolean>, withinMs = limitMs) =>
      until(what, isRight, withdrawnMs, withinMs);
    await soon("a caller, by a cached token", async () => (await ask(stack, "", false)) === 200);
    await soon("a caller, by a new token", async () => {
      // Covers a token that was never requested before, or not in the last minute.
      const { status, accessToken } = await requestToken(stack, stack.scopes.orders, { "cache-control": "no-cache" });
      return status === 200 && kidOf(accessToken) === replacement?.kid;
    });
    show("the hourly timer runs (now)", "");
    await refresh(stack);
    await soon("idp.xml has the new key alone", async () => {
      const text = await idp();
      return text !== before && keysOf(text) === 1;
    });
    const withinMs = limitMs + pollSeconds * 1000;
    for (const { name, letsIn } of parties) await soon(`a login at ${name}`, letsIn, withinMs);
  });
}

function kidOf(token = ""): unknown {
  return JSON.parse(Buffer.from(token.split(".")[0] ?? "", "base64url").toString() || "{}").kid;
}

async function until(what: string, isRight: () => Promise<boolean>, sinceMs: number, withinMs: number): Promise<void> {
  for (let looks = 0; !(await isRight()); looks++) {
    if (looks === 0) show(`waiting, ${withinMs / 1000} s at most`, `for ${what}`);
    if (Date.now() - sinceMs > withinMs) throw new Error(`${what}: not right after ${withinMs / 1000} s`);
    await sleep(250);
  }
  show(what, `right after ${((Date.now() - sinceMs) / 1000).toFixed(1)} s`);
}
