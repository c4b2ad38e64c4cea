/**
 * Drills for credentials: a certificate rotation, a credential that an attacker added, and the kill switches of a
 * client.
 */
import { readFile, writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { ask, type StackFile, show } from "./running-stack.ts";

type Event = Record<string, unknown>;

/**
 * Adds a key version and its certificate. Entra refuses it at first and then accepts it; no caller is refused at any
 * time.
 */
export async function rotation(stack: StackFile): Promise<void> {
  const [client = missing()] = stack.clients;
  const key = await control(stack, "POST", "/key-vault/keys", { name: client.keyName, subject: `CN=${client.name}` });
  const version = String(key.version);
  show("a new key version and its certificate", `${version}, in the policy, unknown to Entra`);
  await changePolicy(stack, ({ clients }) => {
    const { keyId, certificatePem } = key as { keyId: string; certificatePem: string };
    clients[0]?.certificates?.push({ keyId, certificate: certificatePem });
  });
  await untilTold(stack, "credential_canary_failed", version);
  await ask(stack, "a caller, meanwhile");
  await control(stack, "POST", "/entra/certificates", {
    clientId: client.clientId,
    certificatePem: key.certificatePem,
  });
  show("it is registered at the application", "");
  await untilTold(stack, "credential_promoted", version);
  await ask(stack, "a caller, afterwards");
}

/** An attacker adds a client secret, and the hourly check of the application finds it. */
export async function drift(stack: StackFile): Promise<void> {
  const [{ clientId } = missing()] = stack.clients;
  const { keyId } = await control(stack, "POST", "/entra/passwords", { clientId });
  show("somebody adds a client secret", String(keyId));
  try {
    await untilTold(stack, "credential_drift", String(keyId));
  } finally {
    await control(stack, "DELETE", `/entra/passwords?clientId=${clientId}&keyId=${keyId}`);
    show("it is removed again", "");
  }
}

/** Suspends a tenant, then disables keys, and measures how long cached tokens are still returned. */
export async function killSwitch(stack: StackFile): Promise<void> {
  if ((await ask(stack, "a caller")) !== 200) {
    throw new Error("the drill begins with a caller that gets a token: is contoso suspended? keyhold suspensions");
  }
  const setTenant = (state: string) =>
    changePolicy(stack, ({ tenants }) => {
      for (const tenant of tenants) if (tenant.name === "contoso") tenant.state = state;
    });
  await setTenant("suspended");
  try {
    await untilAnswered(stack, "the tenant contoso is suspended", 403);
  } finally {
    await setTenant("active");
  }
  await untilAnswered(stack, "it is active again", 200);

  // All versions: after a rotation the client would fall back to the previous one.
  const keys = await keyVersionsOf(stack);
  const setEnabled = async (enabled: boolean) => {
    for (const key of keys) await control(stack, "PUT", "/key-vault/keys/enabled", { ...key, enabled });
    await runTimer(stack);
  };
  await setEnabled(false);
  const what = keys.length === 1 ? "the key version is" : `all ${keys.length} key versions are`;
  try {
    await untilAnswered(stack, `${what} disabled`, 502);
  } finally {
    await setEnabled(true);
  }
  await untilAnswered(stack, `${what} enabled again`, 200);
}

/** The key versions that the policy lists for the client. */
async function keyVersionsOf({ policyFile }: StackFile): Promise<{ name: string; version: string }[]> {
  const policy = JSON.parse(await readFile(policyFile, "utf8")) as PolicyText;
  return (policy.clients[0]?.certificates ?? []).map(({ keyId }) => {
    const [, , name = "", version = ""] = new URL(keyId).pathname.split("/");
    return { name, version };
  });
}

interface PolicyText {
  clients: { certificates?: { keyId: string; certificate: string }[] }[];
  tenants: { name: string; state: string }[];
}

async function changePolicy({ policyFile }: StackFile, change: (policy: PolicyText) => void): Promise<void> {
  const policy = JSON.parse(await readFile(policyFile, "utf8")) as PolicyText;
  change(policy);
  await writeFile(policyFile, `${JSON.stringify(policy, undefined, 2)}\n`);
}

async function runTimer({ keyhold }: StackFile): Promise<void> {
  await fetch(`${keyhold.http}/admin/functions/checkCredentials?wait=true`, { method: "POST", body: "{}" });
}

/** Keyhold reads its policy again within 60 s. */
const patienceMs = 90_000;
const waiting = `waiting, ${patienceMs / 1000} s at most`;

/** Repeats the hourly timer until the policy was read again, and shows what it reports about this credential. */
async function untilTold(stack: StackFile, wanted: string, mark: string): Promise<void> {
  show(waiting, `for ${wanted}: Keyhold reads its policy again within 60 s`);
  const before = (await readFile(stack.logFile, "utf8")).length;
  const startedMs = performance.now();
  while (performance.now() - startedMs < patienceMs) {
    await runTimer(stack);
    const lines = (await readFile(stack.logFile, "utf8")).slice(before).split("\n");
    const line = lines.find((each) => each.includes(`"event":"${wanted}"`) && each.includes(mark));
    if (line) {
      const { time: _, level: __, event, ...facts } = JSON.parse(line.slice(line.indexOf("{"))) as Event;
      show("the hourly timer (now) says", String(event));
      return show("", JSON.stringify(facts));
    }
    await sleep(2_000);
  }
  throw new Error(`${wanted} was not reported within ${patienceMs / 1000} s`);
}

async function untilAnswered(stack: StackFile, what: string, wanted: number): Promise<void> {
  show(waiting, `for the answer ${wanted}: ${what}`);
  const startedMs = performance.now();
  while (performance.now() - startedMs < patienceMs) {
    if ((await ask(stack, "a caller", false)) === wanted) {
      const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
      return show(what, `${wanted} after ${seconds} s`);
    }
    await sleep(250);
  }
  throw new Error(`${what}: no answer ${wanted} within ${patienceMs / 1000} s`);
}

async function control(stack: StackFile, method: string, path: string, body?: object): Promise<Event> {
  const response = await fetch(`${stack.control}${path}`, { method, ...(body && { body: JSON.stringify(body) }) });
  if (!response.ok) throw new Error(`${method} ${path}: ${await response.text()}`);
  return response.status === 204 ? {} : ((await response.json()) as Event);
}

function missing(): never {
  throw new Error("stack.json names no client");
}
