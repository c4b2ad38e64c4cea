import type { Command } from "commander";
import { errorClass } from "../adapters/azure/error.ts";
import type { MetadataStore } from "../domain/metadata/ports.ts";
import type { AccessPolicy } from "../domain/policy/access-policy.ts";
import type { Cloud } from "../domain/shared/cloud.ts";
import { type MetadataSource, sourceName } from "../domain/shared/metadata-source.ts";
import { CommandProblem, exitCodes, type Report } from "./command-problem.ts";
import type { CommandContext } from "./connection.ts";
import { readKnown, type SourceState, stateOfSource } from "./metadata-state.ts";
import { loadPolicy } from "./policy/load-policy.ts";
import { duration, isoTime, printable, table } from "./printable.ts";

/** `metadata status`: each source of metadata with its keys, their age, and what is wrong with it. */
export function addMetadataCommand(program: Command, { run, clock }: CommandContext): void {
  program
    .command("metadata")
    .description("Entra's metadata and keys, as Keyhold keeps them")
    .command("status")
    .description("Says per source how old its metadata is, over what TLS it came, and which keys it has.")
    .addHelpText(
      "after",
      `
Examples:
  keyhold metadata status
  keyhold metadata status --json

Needs: to read the policy and the metadata container (Storage Blob Data Reader).
Exit code 1: a source is stale, that is, was not verified for two hours. keyhold doctor says why.`,
    )
    .action(() =>
      run(async (connect) => {
        const { policyPlace, policyContext, metadataStore } = connect();
        const { policy } = await loadPolicy(policyPlace, policyContext);
        return metadataStatus(sourcesOf(policy), metadataStore, policyContext.cloud, clock());
      }),
    );
}

/** The home tenant's is always kept. */
function sourcesOf(policy: AccessPolicy): MetadataSource[] {
  const home: MetadataSource = { tenant: policy.homeTenantId };
  return [...new Map([[sourceName(home), home], ...policy.metadata]).values()];
}

/** `refused`: the rule that the stored record breaks. */
type StoredState = SourceState & { refused?: string };

async function metadataStatus(
  sources: readonly MetadataSource[],
  store: MetadataStore,
  cloud: Cloud,
  nowMs: number,
): Promise<Report> {
  let states: StoredState[];
  try {
    states = await Promise.all(
      sources.map(async (source) => {
        const { known, refused } = await readKnown(store, source, cloud);
        return { ...stateOfSource(sourceName(source), known, nowMs), ...(refused && { refused }) };
      }),
    );
  } catch (error) {
    throw new CommandProblem("unavailable", `The metadata container cannot be read (${errorClass(error)})`, {
      where: "KEYHOLD_METADATA_CONTAINER_URL",
      remedy: "check the network path, and that you may read it: az login, Storage Blob Data Reader",
    });
  }
  const isStale = states.some((state) => state.isStale);
  return {
    exit: isStale ? exitCodes.wrong : exitCodes.fine,
    text: states.map((state) => describe(state, nowMs)).join("\n\n"),
    json: states.map(({ documents, keys, ...state }) => ({
      ...withIsoTimes(state),
      documents: documents.map(withIsoTimes),
      keys: keys.map(withIsoTimes),
    })),
  };
}

function describe(state: StoredState, nowMs: number): string {
  const { source, verifiedAtMs, isStale, tlsFingerprint, idpValidUntilMs, refused } = state;
  const ago = (timeMs: number) => `${duration(nowMs - timeMs)} ago`;
  if (refused !== undefined) return `${source}\n  what is stored is refused: ${refused}`;
  if (verifiedAtMs === undefined) return `${source}\n  nothing was ever accepted`;
  const facts = [
    `  verified ${ago(verifiedAtMs)}${isStale ? ", STALE" : ""}`,
    ...(tlsFingerprint === undefined ? [] : [`  TLS certificate ${printable(tlsFingerprint)}`]),
    ...(idpValidUntilMs === undefined ? [] : [`  idp.xml valid until ${isoTime(idpValidUntilMs)}`]),
  ];
  const rows = state.keys.map((key) => [
    printable(key.kid, 64),
    key.state,
    ago(key.firstSeenMs),
    ago(key.lastSeenMs),
    key.firstUsedMs === undefined ? "-" : ago(key.firstUsedMs),
  ]);
  const keys = table([["KID", "STATE", "FIRST SEEN", "LAST SEEN", "FIRST USED"], ...rows]);
  return [source, ...facts, ...keys.split("\n").map((line) => `  ${line}`)].join("\n");
}

/** `verifiedAtMs: 0` as `verifiedAt: "1970-01-01T00:00:00Z"`. */
export function withIsoTimes(facts: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(facts).map(([name, value]) =>
      name.endsWith("Ms") && typeof value === "number" ? [name.slice(0, -2), isoTime(value)] : [name, value],
    ),
  );
}
