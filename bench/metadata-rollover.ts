import { alternate } from "./measure/alternate.ts";
import { type Measurement, runPart } from "./measure/part.ts";
import { ratios, summarise, withSpread } from "./measure/statistics.ts";
import { buildKeyhold } from "./stand/app.ts";
import { startPlain } from "./stand/instance.ts";
import { addTenants, askToken, withStack } from "./stand/world.ts";

/**
 * Measures the delay of a request that is the first with an unknown signing key, and the duration of the timer: `node
 * bench/metadata-rollover.ts`. An announced key is known 30 minutes later on average, by the hourly timer: at most 60
 * minutes, its random wait of 10 s, the run itself, and 60 s for the other instances.
 */
await runPart("metadata-rollover", async ({ quick }): Promise<Measurement> => {
  const rounds = quick ? 1 : 6;
  return withStack(async (stack, folder) => {
    const [tenantId = ""] = (await addTenants(stack, 1)).tenantIds;
    const { root } = await buildKeyhold(folder);
    const statuses: number[] = [];
    const rolls = await alternate(rounds, {
      // A new instance each time: one that has just looked up a key does not look again for five minutes.
      "one roll": async () => {
        const instance = await startPlain(stack, root);
        const ask = async (callerToken: string) => {
          const { status, milliseconds } = await askToken(instance.httpUrl, tenantId, callerToken);
          statuses.push(status);
          return milliseconds;
        };
        const before = await stack.callerToken("billing");
        for (let warm = 0; warm < 5; warm++) await ask(before);
        const known = await ask(before);
        await stack.entra.replaceAllKeys();
        const unknown = await ask(await stack.callerToken("billing"));
        await stack.entra.announceKey();
        const startedMs = performance.now();
        await fetch(`${instance.httpUrl}/admin/functions/refreshMetadata?wait=true`, { method: "POST" });
        const timer = performance.now() - startedMs;
        await instance.stop();
        return { known, unknown, timer };
      },
    });
    const samples = rolls["one roll"];
    const [known, unknown, timer] = (["known", "unknown", "timer"] as const).map((name) =>
      samples.map((one) => one[name]),
    );
    const failed = statuses.filter((status) => status !== 200).length;
    const rows: [string, number[]][] = [
      ["a cached token, the caller's key known", known ?? []],
      ["the same, the key unknown: asked for and verified first", unknown ?? []],
      ["a run of the timer over three sources, with its random wait of up to 10 s", timer ?? []],
    ];
    return {
      title: "A rollover of the identity provider's keys",
      about: `${rounds} new instances one after the other; on each, all keys are replaced at once, without notice.`,
      targets: [
        {
          what: "requests refused over the rollover",
          target: "0",
          measured: `${failed} of ${statuses.length}`,
          met: failed === 0,
        },
      ],
      tables: [
        {
          head: ["what", "milliseconds"],
          rows: rows.map(([what, ms]) => [what, withSpread(summarise(ms), 1)]),
          below: `The first request that meets an unknown key pays ${withSpread(ratios(unknown ?? [], known ?? []), 1)} times as much, once.`,
        },
      ],
      samples,
    };
  });
});
