import type { Distribution } from "./distribution.ts";
import type { Measured } from "./measure.ts";

export interface Results {
  seed: number;
  machine: string;
  atATime: Measured;
  constant: Measured;
  simulated: Distribution;
}

/** Azure's documented targets for tables, in entities of 1 KiB a second ("Scalability targets for Table storage"). */
const partitionTarget = 2_000;
const accountTarget = 20_000;

export function markdownOf({ seed, machine, atATime, constant, simulated }: Results): string {
  const row = (what: string, of: (measured: Measured) => string | number) => [
    what,
    `${of(atATime)}`,
    `${of(constant)}`,
  ];
  const rate = simulated.signatures / simulated.seconds;
  return [
    `## Measured: ${constant.instances} instances, each a process of its own, into Azurite`,
    "",
    `${machine}, shared with Azurite and other work.`,
    "An intent, the time of a signature in which nobody signs anything, and an outcome, through the product's adapter, over",
    "TLS, with bearer tokens.",
    "",
    table([
      ["", ...[atATime, constant].map(paceOf)],
      row("signatures tried", (m) => m.tried),
      row("intents stored", (m) => m.intents),
      row("outcomes stored", (m) => m.outcomes),
      row("outcomes given up", (m) => m.lost),
      row("**signatures a second**, until the last outcome", (m) => m.reachedPerSecond),
      row("seconds until the last outcome", (m) => m.tookSeconds),
      row(
        "an intent, median / p99 / worst, ms",
        ({ intentMs: { median, p99, worst } }) => `${median} / ${p99} / ${worst}`,
      ),
      row("an instance behind its rate at worst, ms", (m) => m.behindMs),
      row("processor ms of an instance for one signature", (m) => m.cpuMsPerSignature),
      row("processor seconds of the instances", (m) => m.instancesCpuSeconds),
      row("processor seconds of all else (Azurite, start, who shares the machine)", (m) => m.otherCpuSeconds),
      row("writes in the hottest partition's busiest second", (m) => m.distribution.hottestPerSecond),
      row("longest row, bytes of JSON", (m) => m.rowBytes),
    ]),
    "",
    "Azurite is one process that keeps tables in memory and shares the cores with the instances: what it reaches says nothing",
    "about Azure. Where less is stored than tried, intents met the adapter's time-out: they are answered 503, nothing is",
    "signed. What counts is that every intent that was stored has its outcome, and what a signature costs an instance.",
    "",
    `## Computed: a quarter of an hour at ${Math.round(rate)} signatures a second over the partitions`,
    "",
    `The product's own partition function, Poisson arrivals, seed ${seed}. Writes a second; one signature is two.`,
    "",
    table([
      ["", ""],
      ["partitions written to", `${simulated.partitions}`],
      ["mean of a partition", simulated.meanPerPartition.toFixed(1)],
      [
        "partition with most and fewest, mean",
        `${perSecond(simulated.most, simulated)} and ${perSecond(simulated.fewest, simulated)}`,
      ],
      ["hottest partition in its busiest second", `${simulated.hottestPerSecond}`],
      [
        "Azure's target for a partition",
        `${partitionTarget}, ${times(partitionTarget / simulated.hottestPerSecond)} of it`,
      ],
      ["all partitions in the busiest second", `${simulated.accountHottestPerSecond}`],
      [
        "Azure's target for an account",
        `${accountTarget}, ${times(accountTarget / simulated.accountHottestPerSecond)} of it`,
      ],
    ]),
    "",
    "Partition keys begin with the hour, so the sixteen of an hour are neighbours, and Azure may serve them from one server",
    `until it splits them. Even as one partition they would stay under its target: ${simulated.accountHottestPerSecond} of ${partitionTarget}.`,
    "",
  ].join("\n");
}

function paceOf({ pace, seconds }: Measured): string {
  const text = "perSecond" in pace ? `${pace.perSecond} a second` : `${pace.inFlight} at a time`;
  return `${text}, ${seconds} s`;
}

function perSecond(writes: number, { seconds }: Distribution): string {
  return (writes / seconds).toFixed(1);
}

function times(factor: number): string {
  return `${factor.toFixed(1)} times`;
}

function table([head = [], ...rows]: readonly (readonly string[])[]): string {
  return [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}
