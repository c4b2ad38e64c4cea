import { randomUUID } from "node:crypto";
import { parseRefreshRequests, refreshRequestsText } from "../../adapters/policy/refresh-requests.ts";
import type { LastKnownGood } from "../../domain/metadata/last-known-good.ts";
import type { MetadataStore } from "../../domain/metadata/ports.ts";
import type { Cloud } from "../../domain/shared/cloud.ts";
import { type MetadataSource, sourceName } from "../../domain/shared/metadata-source.ts";
import { CommandProblem, exitCodes, type Report } from "../command-problem.ts";
import { changeBeside } from "../policy/beside-policy.ts";
import { knownNames } from "../policy/find-entry.ts";
import type { LoadedPolicy } from "../policy/load-policy.ts";
import type { PolicyPlace } from "../policy/policy-place.ts";
import { plural, printable } from "../printable.ts";
import { type RefreshResult, resultOf } from "./refresh-result.ts";
import { loadStored, sourcesOf } from "./state.ts";

interface RefreshPorts {
  refreshPlace: PolicyPlace;
  metadataStore: MetadataStore;
  cloud: Cloud;
  operatorName: () => Promise<string>;
  clock: () => number;
  /** False: the operator stopped waiting. */
  pause: (ms: number) => Promise<boolean>;
  note: (text: string) => void;
  progress: (text: string) => void;
}

/** Milliseconds between two reads. */
const lookMs = 2_000;
/** Milliseconds: twice what the app needs, with many sources. */
const patienceMs = 120_000;

/**
 * `metadata refresh`: writes a request for each source beside the policy, waits until the app has carried them out, and
 * reports the changes.
 * @throws CommandProblem if there is no such source, or something cannot be read or written
 */
export async function refreshMetadata(
  tenant: string | undefined,
  loaded: Pick<LoadedPolicy, "document" | "policy">,
  ports: RefreshPorts,
): Promise<Report> {
  const sources = choose(tenant, loaded);
  const before = new Map<string, LastKnownGood | undefined>();
  for (const source of sources) before.set(sourceName(source), await usable(source, ports));
  const id = randomUUID();
  await writeRequests([...before.keys()], id, ports);
  ports.note(
    `The app was asked to refresh ${sources.length === 1 ? "one source" : `${sources.length} sources`}; waiting.`,
  );
  const after = await waitFor(sources, id, ports);
  const results = [...before].map(([source, known]) => resultOf(source, known, after.get(source)));
  return {
    exit: exitOf(results),
    text: results.map(({ text }) => text).join("\n"),
    json: results.map(({ json }) => json),
  };
}

/** The sources that the operator named, or all. */
function choose(wanted: string | undefined, { document, policy }: Pick<LoadedPolicy, "document" | "policy">) {
  const sources = sourcesOf(policy);
  if (wanted === undefined) return sources;
  const named = document.tenants.find(({ name }) => name === wanted)?.tenantId ?? wanted;
  const id = named.toLowerCase();
  const chosen = sources.filter((source) => source.tenant === id || sourceName(source) === id);
  if (chosen.length > 0) return chosen;
  throw new CommandProblem("wrong", `There is no metadata source "${printable(wanted, 80)}"`, {
    where: "the policy, metadata",
    remedy: knownNames("sources", sources.map(sourceName), wanted),
  });
}

/**
 * The stored record of a source. Throws if it does not verify: the app would not overwrite such a record, so the
 * request would never be answered.
 */
async function usable(
  source: MetadataSource,
  { metadataStore, cloud }: RefreshPorts,
): Promise<LastKnownGood | undefined> {
  const { known, refused } = await loadStored(metadataStore, source, cloud);
  if (refused === undefined) return known;
  throw new CommandProblem("wrong", `What is stored of ${sourceName(source)} is refused: ${refused}`, {
    where: "the metadata container",
    remedy: "docs/operate/runbook.md#metadata-record-refused",
  });
}

async function writeRequests(names: readonly string[], id: string, ports: RefreshPorts): Promise<void> {
  const [by, at] = [await ports.operatorName(), new Date(ports.clock()).toISOString()];
  await changeBeside(ports.refreshPlace, "The requests for a refresh", (text) => {
    // An invalid document requests nothing, so it is replaced.
    const others = (text === undefined ? undefined : parseRefreshRequests(text))?.requests ?? [];
    const kept = others.filter(({ source }) => !names.includes(source));
    return refreshRequestsText({ version: 1, requests: [...kept, ...names.map((source) => ({ source, id, by, at }))] });
  });
}

/** The records of the sources whose requests were carried out. */
async function waitFor(sources: readonly MetadataSource[], id: string, ports: RefreshPorts) {
  const { metadataStore, cloud, clock, pause, progress } = ports;
  const answered = new Map<string, LastKnownGood>();
  const startedMs = clock();
  const isPatient = () => clock() - startedMs < patienceMs;
  do {
    for (const source of sources) {
      if (answered.has(sourceName(source))) continue;
      const { known } = await loadStored(metadataStore, source, cloud);
      if (known?.refreshed?.requestId === id) answered.set(sourceName(source), known);
    }
    const waited = `${Math.round((clock() - startedMs) / 1000)} s of ${patienceMs / 1000} s at most`;
    progress(`waiting for the app: ${answered.size} of ${plural(sources.length, "source")} answered, ${waited}`);
  } while (answered.size < sources.length && isPatient() && (await pause(lookMs)));
  return answered;
}

function exitOf(results: readonly RefreshResult[]): Report["exit"] {
  if (results.some(({ state }) => state === "wrong")) return exitCodes.wrong;
  return results.some(({ state }) => state === "unanswered") ? exitCodes.unavailable : exitCodes.fine;
}
