import { setTimeout as sleep } from "node:timers/promises";
import { type DrillParty, withRelyingParties } from "../local/drills/relying-parties.ts";
import { describeStack } from "../local/stack/describe-stack.ts";
import { type Measurement, runPart } from "./measure/part.ts";
import { summarise, withSpread } from "./measure/statistics.ts";
import { buildKeyhold } from "./stand/app.ts";
import { withStack } from "./stand/world.ts";

/** Seconds. With the defaults of the recipes it would be 300, and nothing else would differ. */
const pollSeconds = 2;

interface Round {
  publishedMs: number;
  /** Milliseconds after publication, by relying party. */
  loginMs: Record<string, number>;
}

/**
 * Measures how long a change of Entra's keys takes to reach a real relying party: `node bench/relying-parties.ts`. All
 * keys are replaced at once, Keyhold's timer runs, and each party polls by itself.
 */
await runPart("relying-parties", async ({ quick }): Promise<Measurement> => {
  const rounds = quick ? 1 : 12;
  return withStack(async (bare, folder) => {
    const { root } = await buildKeyhold(folder);
    const stack = Object.assign(bare, { functions: await bare.addInstance(bare.ports, {}, root) });
    const described = describeStack(stack);
    const url = `${described.keyhold.https}/${described.tenants.contoso.tenantId}/federationmetadata/2007-06/idp.xml`;
    const refresh = () =>
      fetch(`${described.keyhold.http}/admin/functions/refreshMetadata?wait=true`, { method: "POST" });
    const idp = async () => (await fetch(url)).text();
    await refresh();
    const samples: Round[] = [];
    await withRelyingParties(described, pollSeconds, async (parties) => {
      for (const party of parties) await untilIn(party);
      for (let i = 0; i < rounds; i++) {
        const before = await idp();
        await stack.entra.replaceAllKeys();
        const changedMs = performance.now();
        const refreshed = refresh();
        while ((await idp()) === before) await sleep(20);
        const publishedAtMs = performance.now();
        const logins = parties.map(async (party) => [party.name, (await untilIn(party)) - publishedAtMs] as const);
        samples.push({
          publishedMs: publishedAtMs - changedMs,
          loginMs: Object.fromEntries(await Promise.all(logins)),
        });
        await refreshed;
      }
    });
    return report(samples);
  });
});

/** The time of the first successful login, in milliseconds of `performance.now()`. */
async function untilIn({ letsIn }: DrillParty): Promise<number> {
  while (!(await letsIn())) await sleep(20);
  return performance.now();
}

function report(samples: readonly Round[]): Measurement {
  const seconds = (ms: readonly number[]) => withSpread(summarise(ms.map((each) => each / 1_000)), 2);
  const names = Object.keys(samples[0]?.loginMs ?? {});
  const of = (name: string) => samples.map(({ loginMs }) => loginMs[name] ?? Number.NaN);
  const slowest = Math.max(...names.flatMap(of)) / 1_000;
  return {
    title: "How fast a change of keys reaches a relying party",
    about: `${samples.length} times all of Entra's keys are replaced at once; each relying party polls every ${pollSeconds} s.`,
    targets: [
      {
        what: "a login with the new key, after publication",
        target: `one poll and 1 s: ${pollSeconds + 1} s`,
        measured: `${slowest.toFixed(1)} s at most`,
        met: slowest <= pollSeconds + 1,
      },
    ],
    tables: [
      {
        head: ["what", "seconds"],
        rows: [
          [
            "a run of Keyhold's timer until idp.xml is published, with its random wait of up to 10 s",
            seconds(samples.map(({ publishedMs }) => publishedMs)),
          ],
          ...names.map((name) => [`from there until ${name} lets a user in`, seconds(of(name))] as [string, string]),
        ],
        below:
          "A poll is half an interval away on average and a whole one at most; what is left is fetching, checking and the login.",
      },
    ],
    samples,
  };
}
