import { readFile } from "node:fs/promises";
import { ask, type StackFile, show } from "./running-stack.ts";

/** The provider announces a key, and later signs with it alone. Nobody is refused at any time. */
export async function rollover(stack: StackFile): Promise<void> {
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
