import type { Stack } from "../local/stack/stack.ts";
import { alternate } from "./measure/alternate.ts";
import { barChart } from "./measure/chart.ts";
import { type Measurement, runPart } from "./measure/part.ts";
import { median, ratios, summarise, withSpread } from "./measure/statistics.ts";
import { startPeer } from "./peers/start-peer.ts";
import { buildKeyhold } from "./stand/app.ts";
import { startMeasured } from "./stand/instance.ts";
import { addTenants, askToken, unlimited, withStack } from "./stand/world.ts";

/** Measures the time of a new token beyond that of vault and Entra: `node bench/cold.ts`. */
const latencyMs = 50;

await runPart("cold", async ({ quick }): Promise<Measurement> => {
  const rounds = quick ? 5 : 60;
  return withStack(async (stack, folder) => {
    const { tenantIds } = await addTenants(stack, rounds + 1);
    const { root } = await buildKeyhold(folder);
    const instance = await startMeasured(stack, root, { settings: unlimited, isDirect: true });
    const callerToken = await stack.callerToken("billing");
    const direct = startPeer(stack, "direct");
    stack.keyVault.behaviour.latencyMs = latencyMs;
    stack.entra.behaviour.latencyMs = latencyMs;
    const answers: number[] = [];
    const samples = await alternate(rounds, {
      direct: async (round) => {
        const report = await direct.run({ tenantIds: [tenantIds[round] ?? ""], atATime: 1, requests: 1 });
        return report.latencies[0] ?? Number.NaN;
      },
      Keyhold: async (round) => {
        const { status, milliseconds } = await askToken(instance.httpUrl, tenantIds[round] ?? "", callerToken);
        answers.push(status);
        return milliseconds;
      },
      "Keyhold, the same token cached": async (round) => {
        return (await askToken(instance.httpUrl, tenantIds[round] ?? "", callerToken)).milliseconds;
      },
    });
    await direct.stop();
    await instance.stop();
    const steps = await spansOf(stack);
    const [vault, entra, intent, whole] = ["Key Vault sign", "Entra token", "ledger intent", "token"].map(
      (name) => steps[name] ?? [],
    ) as [number[], number[], number[], number[]];
    const roundTrips = whole.map((_, i) => (vault[i] ?? Number.NaN) + (entra[i] ?? Number.NaN));
    const byTrips = ratios(samples.Keyhold.slice(-roundTrips.length), roundTrips.slice(-samples.Keyhold.length));
    const byDirect = ratios(samples.Keyhold, samples.direct);
    const own = whole.map((ms, i) => ms - (roundTrips[i] ?? 0) - (intent[i] ?? 0));
    const failed = answers.filter((status) => status !== 200).length;
    const rows = [
      ["the whole request, seen by the caller", summarise(samples.Keyhold)],
      ["the function", summarise(whole)],
      ["1. intent into the ledger, before the signature", summarise(intent)],
      ["2. the vault signs", summarise(vault)],
      ["3. Entra issues the token", summarise(entra)],
      ["the rest of the function: verify, authorize, build, check, answer", summarise(own)],
      ["outside the function: host, HTTP, the caller", summarise([median(samples.Keyhold) - median(whole)])],
      ["the same request again, cached", summarise(samples["Keyhold, the same token cached"])],
      ["without Keyhold: sign and exchange, nothing else", summarise(samples.direct)],
    ] as const;
    return {
      title: "A new token",
      about:
        `${rounds} new tokens, one at a time, each for another tenant, on a warm instance; vault and Entra take ${latencyMs} ms ` +
        `each before they answer. The ledger is Azurite, without added latency. Steps are Keyhold's own spans, as it sends them to ` +
        `Application Insights. Measured in turns with a process that only signs an assertion and exchanges it.`,
      targets: [
        {
          what: "a new token against the round trips to the vault and to Entra",
          target: "<= 1.1 x",
          measured: withSpread(byTrips),
          met: byTrips.median <= 1.1,
        },
        { what: "answers other than 200", target: "0", measured: `${failed}`, met: failed === 0 },
      ],
      tables: [
        {
          head: ["step", "milliseconds", "against both round trips"],
          rows: rows.map(([step, summary]) => [
            step,
            withSpread(summary, 1),
            (summary.median / median(roundTrips)).toFixed(3),
          ]),
          below:
            `Steps 1 to 3 are one after the other by design: nothing is signed that is not in the ledger. The outcome is written ` +
            `after the answer. Against a process without Keyhold, without ledger and policy: ${withSpread(byDirect)}.`,
        },
      ],
      charts: {
        steps: barChart(
          "A new token, medians",
          "ms",
          rows.slice(0, 6).map(([label, { median: value, p25: low, p75: high }]) => {
            return { label: label.slice(0, 44), value, low, high };
          }),
          { value: 1.1 * median(roundTrips), label: "1.1 x both round trips" },
        ),
      },
      samples: { samples, steps },
    };
  });
});

/** Durations of the received spans, in milliseconds, in the order of their invocations. */
async function spansOf({ monitor }: Stack): Promise<Record<string, number[]>> {
  const invocations = new Map<string, Record<string, number>>();
  for (const { table, envelope } of monitor.telemetry) {
    if (table !== "AppDependencies") continue;
    const { name, duration } = envelope.data.baseData as { name: string; duration: string };
    const id = envelope.tags?.["ai.operation.id"] ?? "";
    const spans = invocations.get(id) ?? {};
    spans[name] = (spans[name] ?? 0) + millisecondsOf(duration);
    invocations.set(id, spans);
  }
  // The first one belongs to the warm-up.
  const complete = [...invocations.values()].filter((spans) => "token" in spans && "Entra token" in spans).slice(1);
  const names = [...new Set(complete.flatMap((spans) => Object.keys(spans)))];
  return Object.fromEntries(names.map((name) => [name, complete.map((spans) => spans[name] ?? 0)]));
}

/** `0.00:00:00.105`: days, hours, minutes, seconds. */
function millisecondsOf(duration: string): number {
  const [, days = 0, hours = 0, minutes = 0, seconds = 0] = /^(?:(\d+)\.)?(\d+):(\d+):([\d.]+)$/.exec(duration) ?? [];
  return 1_000 * (Number(seconds) + 60 * (Number(minutes) + 60 * (Number(hours) + 24 * Number(days))));
}
