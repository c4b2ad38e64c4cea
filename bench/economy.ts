import type { Stack } from "../local/stack/stack.ts";
import { barChart } from "./measure/chart.ts";
import { type Measurement, runPart, type Target } from "./measure/part.ts";
import type { Library } from "./peers/libraries.ts";
import { startPeer } from "./peers/start-peer.ts";
import { buildKeyhold } from "./stand/app.ts";
import { ask, type Count, countDuring } from "./stand/count.ts";
import { startMeasured } from "./stand/instance.ts";
import { addTenants, unlimited, withStack } from "./stand/world.ts";

/** Counts the signatures and Entra requests for a number of token requests: `node bench/economy.ts`. */
const latencyMs = 5;
const peers: Library[] = ["@azure/msal-node", "@azure/identity"];

interface Case {
  tenants: number;
  atATime: number;
}

await runPart("economy", async ({ quick }): Promise<Measurement> => {
  const requests = quick ? 60 : 1_000;
  const many = quick ? 5 : 100;
  const together = quick ? 10 : 100;
  const cases: Case[] = [1, many].flatMap((tenants) => [1, together].map((atATime) => ({ tenants, atATime })));
  return withStack(async (stack, folder) => {
    const { tenantIds } = await addTenants(stack, many);
    const { root } = await buildKeyhold(folder);
    stack.keyVault.behaviour.latencyMs = latencyMs;
    stack.entra.behaviour.latencyMs = latencyMs;
    const counts: (Case & { who: string; count: Count })[] = [];
    for (const each of cases) {
      const ids = tenantIds.slice(0, each.tenants);
      counts.push({ ...each, who: "Keyhold", count: await ofKeyhold(stack, root, ids, each.atATime, requests) });
      for (const peer of peers) {
        counts.push({ ...each, who: peer, count: await ofPeer(stack, peer, ids, each.atATime, requests) });
      }
    }
    const ours = counts.filter(({ who }) => who === "Keyhold");
    const targets: Target[] = ours.map(({ tenants, atATime, count }) => ({
      what: `Keyhold, ${requests} requests, tenants: ${tenants}, at a time: ${atATime}`,
      target: `signatures: ${tenants}, Entra requests: ${tenants}, failed: 0`,
      measured: `${count.signatures}, ${count.entraRequests}, ${count.failed}`,
      met: count.signatures === tenants && count.entraRequests === tenants && count.failed === 0,
    }));
    const rows = counts.map(({ who, tenants, atATime, count }) => [
      ...[who, `${tenants}`, `${atATime}`, `${count.signatures}`, `${count.entraRequests}`, `${count.failed}`],
    ]);
    const charted = counts.filter(({ tenants, atATime }) => tenants === 1 || atATime > 1);
    return {
      title: `What ${requests} token requests cost`,
      about:
        `${requests} requests for one scope, over the tenants in turn, each time with nothing cached at first. The libraries ` +
        `run in a process of their own, with one client for each tenant. All use the same vault, the same identity, the same ` +
        `code around the signature, and ${latencyMs} ms of latency. Counted in the logs of the vault (KeySign) and of Entra.`,
      targets,
      tables: [{ head: ["who", "tenants", "at a time", "signatures", "Entra requests", "failed"], rows }],
      charts: {
        signatures: barChart(
          `Signatures for ${requests} token requests`,
          "",
          charted.map(({ who, tenants, atATime, count }) => {
            return { label: `${who}, tenants: ${tenants}, at a time: ${atATime}`, value: count.signatures };
          }),
        ),
      },
      samples: { counts },
    };
  });
});

async function ofKeyhold(
  stack: Stack,
  root: string,
  tenantIds: string[],
  atATime: number,
  requests: number,
): Promise<Count> {
  const instance = await startMeasured(stack, root, { settings: unlimited });
  const count = await countDuring(stack, () => ask(stack, [instance.httpUrl], tenantIds, atATime, requests));
  await instance.stop();
  return count;
}

async function ofPeer(
  stack: Stack,
  library: Library,
  tenantIds: string[],
  atATime: number,
  requests: number,
): Promise<Count> {
  const peer = startPeer(stack, library);
  const count = await countDuring(stack, async () => {
    const report = await peer.run({ tenantIds, atATime, requests });
    return requests - report.requests;
  });
  await peer.stop();
  return count;
}
