import { setTimeout as sleep } from "node:timers/promises";
import type { Stack } from "../local/stack/stack.ts";
import { alternate } from "./measure/alternate.ts";
import { type Measurement, runPart, type Target } from "./measure/part.ts";
import { ratios, summarise, withSpread } from "./measure/statistics.ts";
import { buildKeyhold } from "./stand/app.ts";
import { ask, countDuring } from "./stand/count.ts";
import { startPlain } from "./stand/instance.ts";
import { addTenants, askToken, unlimited, withStack } from "./stand/world.ts";

/** Measures what instances save by sharing their tokens, and what it costs: `node bench/fleet.ts`. */
const latency = { vaultMs: 20, entraMs: 40, tableMs: 4 };
const together = 100;
/** Far longer than a warm-up. */
const warmAfterMs = 1_000;

const modes = {
  on: {},
  off: {
    KEYHOLD_SHARED_CACHE_TABLE_URL: "",
    KEYHOLD_SHARED_CACHE_KEY_ID: "",
    KEYHOLD_SHARED_CACHE_WRAPPED_KEY: "",
    KEYHOLD_SHARED_CACHE_IDENTITY_CLIENT_ID: "",
  },
} as const;
type Mode = keyof typeof modes;

await runPart("fleet", async ({ quick }): Promise<Measurement> => {
  const requests = quick ? 100 : 1_000;
  const many = quick ? 5 : 100;
  const rounds = quick ? 5 : 60;
  return withStack(
    async (stack, folder) => {
      stack.keyVault.behaviour.latencyMs = latency.vaultMs;
      stack.entra.behaviour.latencyMs = latency.entraMs;
      stack.storage.behaviour.latencyMs = latency.tableMs;
      const { tenantIds } = await addTenants(stack, many + 2 * (rounds + 2));
      const { root } = await buildKeyhold(folder);
      const start = (mode: Mode) => startPlain(stack, root, { settings: { ...unlimited, ...modes[mode] } });
      const counts = [];
      for (const mode of ["off", "on"] as const) {
        for (const tenants of [1, many]) {
          await emptyCache(stack);
          counts.push({
            mode,
            tenants,
            ...(await ofFleet(stack, () => start(mode), tenantIds.slice(0, tenants), requests)),
          });
        }
      }
      const first = await firstTokens(stack, start, tenantIds.slice(0, 1), quick ? 2 : 10);
      const atOnce = summarise(first.atOnce);
      const fresh = await newTokens(stack, start, tenantIds.slice(many), rounds);
      const cost = ratios(fresh.on ?? [], fresh.off ?? []);
      const read = summarise(await tableReads(stack, quick ? 5 : 50));
      const cold = summarise(first.warm);
      const targets: Target[] = counts
        .filter(({ mode }) => mode === "on")
        .flatMap(({ tenants, cold: { signatures }, restarted, scaledOut }) => [
          {
            what: `signatures of four instances, cold at once, tenants: ${tenants}`,
            target: `<= ${Math.floor(tenants * 1.02)}`,
            measured: `${signatures}`,
            met: signatures <= Math.floor(tenants * 1.02),
          },
          {
            what: `more of them after a restart, and from 1 to 10 instances, tenants: ${tenants}`,
            target: "0",
            measured: `${restarted.signatures}, ${scaledOut.signatures}`,
            met: restarted.signatures + scaledOut.signatures === 0,
          },
        ]);
      targets.push(
        {
          what: "first token of an instance that is warm, for a key that the fleet has, against one read of the table",
          target: "<= read + 10 ms",
          measured: `${withSpread(cold, 1)} ms, read ${withSpread(read, 1)} ms`,
          met: cold.median <= read.median + 10,
        },
        {
          what: "a new token with the shared cache on, against off",
          target: "<= 1.1 x",
          measured: withSpread(cost),
          met: cost.median <= 1.1,
        },
      );
      return {
        title: "Instances that share their tokens",
        about:
          `${requests} requests for one scope over the tenants and instances in turn, ${together} at a time. Latency is added: vault ` +
          `${latency.vaultMs} ms, Entra ${latency.entraMs} ms, tables ${latency.tableMs} ms. Signatures are counted in the vault's log. ` +
          `A new token: ${rounds} tenants for each mode, in turns.`,
        targets,
        tables: [
          {
            head: [
              "shared cache",
              "tenants",
              "four instances, cold at once",
              "after one has restarted",
              "from 1 to 10 instances",
            ],
            rows: counts.map(({ mode, tenants, cold: { signatures }, restarted, scaledOut }) => [
              ...[mode, `${tenants}`, `${signatures}`, `${restarted.signatures} more`, `${scaledOut.signatures} more`],
            ]),
          },
          {
            head: ["first token of an instance, for a key that the fleet has", "milliseconds"],
            rows: [
              ["asked after the warm-up", withSpread(cold, 1)],
              ["asked as soon as the functions are there, so that it waits for the warm-up", withSpread(atOnce, 1)],
            ],
          },
          {
            head: ["new token", "milliseconds"],
            rows: Object.entries(fresh).map(([mode, times]) => [
              `shared cache ${mode}`,
              withSpread(summarise(times), 1),
            ]),
          },
        ],
        samples: { counts, fresh, first },
      };
    },
    { sharedCache: true },
  );
});

async function emptyCache(stack: Stack): Promise<void> {
  const { sharedTokens } = stack.storage;
  for await (const { partitionKey = "", rowKey = "" } of sharedTokens.listEntities()) {
    await sharedTokens.deleteEntity(partitionKey, rowKey);
  }
}

type Start = () => ReturnType<typeof startPlain>;

/** Starts four instances at once, then restarts one. Then, in another fleet, nine more instances join one. */
async function ofFleet(stack: Stack, start: Start, tenantIds: string[], requests: number) {
  const fleet = await Promise.all([start(), start(), start(), start()]);
  const askAll = () => {
    const urls = fleet.map(({ httpUrl }) => httpUrl);
    return countDuring(stack, () => ask(stack, urls, tenantIds, together, requests));
  };
  const cold = await askAll();
  await fleet.pop()?.stop();
  fleet.push(await start());
  const restarted = await askAll();
  for (const instance of fleet.splice(1)) await instance.stop();
  for (let i = 0; i < 9; i++) fleet.push(await start());
  const scaledOut = await askAll();
  for (const instance of fleet) await instance.stop();
  return { cold, restarted, scaledOut };
}

/**
 * Milliseconds of the first token of an instance, with and without waiting for its warm-up first. Its keys and policy
 * are loaded in both cases.
 */
async function firstTokens(
  stack: Stack,
  start: (mode: Mode) => ReturnType<typeof startPlain>,
  tenantIds: string[],
  rounds: number,
) {
  const [tenantId = ""] = tenantIds;
  const callerToken = await stack.callerToken("billing");
  const one = await start("on");
  await askToken(one.httpUrl, tenantId, callerToken);
  const firstToken = async (isWarm: boolean) => {
    const instance = await start("on");
    if (isWarm) await sleep(warmAfterMs);
    // Loads routes, policy and the caller's keys, without a request to the shared cache.
    await askToken(instance.httpUrl, "42000000-0000-4000-8000-ffffffffffff", callerToken);
    const { milliseconds } = await askToken(instance.httpUrl, tenantId, callerToken);
    await instance.stop();
    return milliseconds;
  };
  const times = await alternate(rounds, { atOnce: () => firstToken(false), warm: () => firstToken(true) });
  await one.stop();
  return times;
}

async function newTokens(
  stack: Stack,
  start: (mode: Mode) => ReturnType<typeof startPlain>,
  tenantIds: string[],
  rounds: number,
) {
  const callerToken = await stack.callerToken("billing");
  const instances = { on: await start("on"), off: await start("off") };
  let next = 0;
  const mint = async (mode: Mode) => {
    const { status, milliseconds } = await askToken(instances[mode].httpUrl, tenantIds[next++] ?? "", callerToken);
    if (status !== 200) throw new Error(`a new token was answered with ${status}`);
    return milliseconds;
  };
  for (const mode of ["on", "off"] as const) await mint(mode);
  const times = await alternate(rounds, { on: () => mint("on"), off: () => mint("off") });
  for (const instance of Object.values(instances)) await instance.stop();
  return times;
}

/** Milliseconds of one read of a row, with the added latency. */
async function tableReads(stack: Stack, count: number): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < count; i++) {
    const startedMs = performance.now();
    await stack.storage.sharedTokens.getEntity("none", "none").catch(() => undefined);
    times.push(performance.now() - startedMs + latency.tableMs);
  }
  return times;
}
