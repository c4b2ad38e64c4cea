import { type Anatomy, type Cost, dissect } from "./cached/dissect.ts";
import { alternate } from "./measure/alternate.ts";
import { barChart } from "./measure/chart.ts";
import { type Measurement, runPart } from "./measure/part.ts";
import { ratios, summarise, withSpread } from "./measure/statistics.ts";
import { startPeer } from "./peers/start-peer.ts";
import { buildHello, buildKeyhold, buildModernHello, buildReadable } from "./stand/app.ts";
import { startPlain } from "./stand/instance.ts";
import { type Load, type LoadResult, load } from "./stand/load.ts";
import { sameBytesPath } from "./stand/same-bytes.ts";
import { addTenants, askToken, tokenForm, withStack } from "./stand/world.ts";

/**
 * Measures cached tokens under load, compared with a function that does nothing on the same host and with a library
 * that has its own cache: `node bench/cached.ts`. At the end it profiles where the time of a request is spent.
 */
const connections = 64;
/** The floor: a function that reads and answers the same number of bytes under the same headers. */
const sameBytes = "hello, same bytes";
const modernBytes = "hello, same bytes, built as Keyhold is";
const vaultLatencyMs = 5;

type Sample = Pick<LoadResult, "requestsPerSecond" | "p99" | "failed">;

await runPart("cached", async ({ quick }): Promise<Measurement> => {
  const rounds = quick ? 2 : 7;
  const seconds = quick ? 1 : 3;
  // V8 keeps compiling during about the first 20,000 requests; a busy instance is long past that.
  const warmUpSeconds = quick ? 1 : 25;
  return withStack(async (stack, folder) => {
    const { tenantIds } = await addTenants(stack, 1);
    const [tenantId = ""] = tenantIds;
    const roots = {
      keyhold: (await buildKeyhold(folder)).root,
      hello: await buildHello(folder),
      modernHello: await buildModernHello(folder),
    };
    const keyhold = await startPlain(stack, roots.keyhold);
    const hello = await startPlain(stack, roots.hello);
    const modernHello = await startPlain(stack, roots.modernHello);
    const callerToken = await stack.callerToken("billing");
    const tokenLoad = tokenLoadOf(keyhold.httpUrl, tenantId, callerToken);
    const { status } = await askToken(keyhold.httpUrl, tenantId, callerToken);
    if (status !== 200) throw new Error(`the token to be cached was answered with ${status}`);
    stack.keyVault.behaviour.latencyMs = vaultLatencyMs;
    const msal = startPeer(stack, "@azure/msal-node");
    const ofMsal = async (atATime: number) => {
      const { requestsPerSecond, latencies, failures } = await msal.run({ tenantIds, atATime, seconds });
      const failed = Object.values(failures).reduce((sum, count) => sum + count, 0);
      return { requestsPerSecond, p99: summarise(latencies).p99, failed };
    };
    const loads: Record<string, Load> = {
      hello: { url: `${hello.httpUrl}/hello`, connections, seconds },
      [sameBytes]: { ...tokenLoad, url: `${hello.httpUrl}${sameBytesPath}`, seconds },
      [modernBytes]: { ...tokenLoad, url: `${modernHello.httpUrl}${sameBytesPath}`, seconds },
      "Keyhold, cached": { ...tokenLoad, seconds },
    };
    for (const each of Object.values(loads)) await load({ ...each, seconds: warmUpSeconds });
    const samples = await alternate<string, Sample>(rounds, {
      ...Object.fromEntries(Object.entries(loads).map(([name, each]) => [name, () => load(each)])),
      [`msal-node, cached, ${connections} at a time`]: () => ofMsal(connections),
      "msal-node, cached, one at a time": () => ofMsal(1),
    });
    await msal.stop();
    await keyhold.stop();
    await hello.stop();
    await modernHello.stop();

    const readable = await buildReadable(folder);
    const { costs, owners } = await dissect(
      stack,
      { ...roots, readable },
      { rounds: quick ? 1 : 5, warmUpSeconds },
      (url) => {
        return { ...tokenLoadOf(url, tenantId, callerToken), seconds };
      },
    );
    const costOfFloor = totals(costs[sameBytes]);
    const named = Object.entries(samples);
    const rps = Object.fromEntries(named.map(([name, all]) => [name, all.map((one) => one.requestsPerSecond)]));
    const p99 = Object.fromEntries(named.map(([name, all]) => [name, all.map((one) => one.p99)]));
    const [floor = [], ours = []] = [rps[sameBytes], rps["Keyhold, cached"]];
    const throughput = ratios(ours, floor);
    const modern = ratios(ours, rps[modernBytes] ?? []);
    const tail = ratios(p99["Keyhold, cached"] ?? [], p99[sameBytes] ?? []);
    const library = ratios(ours, rps[`msal-node, cached, ${connections} at a time`] ?? []);
    const failed = named.flatMap(([, all]) => all).reduce((sum, one) => sum + one.failed, 0);
    const of = `${connections} connections`;
    return {
      title: "A cached token under load",
      about:
        `autocannon in a process of its own, ${of}, ${rounds} rounds of ${seconds} s each in turns; ratios round by round. Every ` +
        `function is warmed up for ${warmUpSeconds} s first. ` +
        `msal-node runs in-process with the vault as its signer at ${vaultLatencyMs} ms (Key Vault itself allows 400 signatures a ` +
        `second and vault). Every request to Keyhold is parsed, its caller verified, authorized and logged.`,
      targets: [
        {
          what: `throughput against ${sameBytes}, ${of}`,
          target: ">= 0.85 x",
          measured: withSpread(throughput),
          met: throughput.median >= 0.85,
        },
        {
          what: `throughput against ${modernBytes}, ${of}`,
          target: ">= 0.85 x",
          measured: withSpread(modern),
          met: modern.median >= 0.85,
        },
        {
          what: `p99 against ${sameBytes}, ${of}`,
          target: "<= 1.1 x",
          measured: withSpread(tail),
          met: tail.median <= 1.1,
        },
        {
          what: "throughput against msal-node, cached",
          target: ">= 10 x",
          measured: withSpread(library, 1),
          met: library.median >= 10,
        },
        { what: "answers other than 200", target: "0", measured: `${failed}`, met: failed === 0 },
      ],
      tables: [
        {
          head: [
            "subject",
            "requests a second",
            "p99, ms",
            `throughput against ${sameBytes}`,
            `p99 against ${sameBytes}`,
          ],
          rows: named.map(([name]) => [
            name,
            withSpread(summarise(rps[name] ?? []), 0),
            withSpread(summarise(p99[name] ?? []), 1),
            withSpread(ratios(rps[name] ?? [], floor)),
            withSpread(ratios(p99[name] ?? [], p99[sameBytes] ?? [])),
          ]),
        },
        {
          title: "Processor time of the instance",
          head: ["subject", "microseconds a request", "of it in the kernel", `against ${sameBytes}`],
          rows: Object.entries(costs).map(([name, all]) => [
            name,
            withSpread(summarise(totals(all)), 0),
            summarise(all.map(({ system }) => system)).median.toFixed(0),
            withSpread(ratios(totals(all), costOfFloor)),
          ]),
          below: "Threads included. Without telemetry: no connection string; without log: nothing is written.",
        },
        {
          title: "Where it goes: microseconds of the main thread for one request, from profiles",
          head: ["on behalf of", modernBytes, "Keyhold"],
          rows: [
            ...owners.slice(0, 24).map(({ owner, sameBytes, keyhold }) => [owner, ...digits(sameBytes, keyhold)]),
            ["all others", ...digits(sum(owners.slice(24), "sameBytes"), sum(owners.slice(24), "keyhold"))],
            ["together", ...digits(sum(owners, "sameBytes"), sum(owners, "keyhold"))],
          ],
          below: "While a profile is taken everything is slower; what counts is how the columns compare.",
        },
      ],
      charts: {
        throughput: barChart(
          `Requests a second, ${of}`,
          "/s",
          named.map(([name]) => barOf(name, rps[name] ?? [])),
          { value: 0.85 * summarise(floor).median, label: `0.85 of ${sameBytes}` },
        ),
      },
      samples: { samples, costs, owners },
    };
  });
});

function tokenLoadOf(url: string, tenantId: string, callerToken: string): Load {
  return {
    url: `${url}/${tenantId}/oauth2/v2.0/token`,
    method: "POST",
    headers: { authorization: `Bearer ${callerToken}`, "content-type": "application/x-www-form-urlencoded" },
    body: `${tokenForm()}`,
    connections,
    seconds: 1,
  };
}

function totals(costs: readonly Cost[] = []): number[] {
  return costs.map(({ user, system }) => user + system);
}

function sum(owners: Anatomy["owners"], column: "sameBytes" | "keyhold"): number {
  return owners.reduce((total, owner) => total + owner[column], 0);
}

function digits(...values: readonly number[]): string[] {
  return values.map((value) => value.toFixed(value < 10 ? 1 : 0));
}

function barOf(label: string, values: readonly number[]) {
  const { median, p25, p75 } = summarise(values);
  return { label, value: median, low: p25, high: p75 };
}
