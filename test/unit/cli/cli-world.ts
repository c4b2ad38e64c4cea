import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { ExitCode } from "../../../src/cli/command-problem.ts";
import type { CommandEnvironment, Connection, ConnectOptions } from "../../../src/cli/connection.ts";
import type { PolicyPlace } from "../../../src/cli/policy/policy-place.ts";
import type { TokenAnswer, TokenQuestion } from "../../../src/cli/policy/request-token.ts";
import { runCommandLine } from "../../../src/cli/program.ts";
import type { DeploymentOutputs } from "../../../src/config.ts";
import type { OpenFinding } from "../../../src/domain/audit/findings.ts";
import {
  type LedgerQuery,
  type LedgerSearch,
  matchesQuery,
  type UnreadableRow,
} from "../../../src/domain/audit/ledger-search.ts";
import { clouds } from "../../../src/domain/shared/cloud.ts";
import { Fault } from "../../../src/domain/shared/fault.ts";
import { ok, type Result } from "../../../src/domain/shared/result.ts";
import type { LedgerEntry } from "../../../src/domain/signing/ledger.ts";
import { commandOf, shapeErrors } from "../../support/cli-json.ts";
import { startMs } from "../../support/fakes/clock.ts";
import { createFakeCredentialStore } from "../../support/fakes/credential-store.ts";
import { createFakeMetadataStore } from "../../support/fakes/metadata-store.ts";
import * as ids from "../../support/fixtures/ids.ts";
import { validPolicy } from "../../support/fixtures/policy.ts";

/** A policy, or what lies beside it, somewhere: in memory, and as the test wants it. */
export interface FakePlace<T extends string | undefined = string> extends PolicyPlace {
  /** Undefined: there is none. */
  text: T;
  writes: number;
  /** Runs between reading and writing: somebody else is at work. */
  meanwhile: () => void;
  readFailure: Error | undefined;
  writeFailure: Error | undefined;
}

export function createFakePlace<T extends string | undefined>(text: T, name: string): FakePlace<T> {
  const etagOf = (content: string | undefined) =>
    content === undefined ? undefined : createHash("sha256").update(content).digest("hex");
  const place: FakePlace<T> = {
    ...{ name, text, writes: 0, meanwhile: () => {} },
    ...{ readFailure: undefined, writeFailure: undefined },
    async read() {
      if (place.readFailure) throw place.readFailure;
      if (place.text === undefined) throw Object.assign(new Error("not there"), { code: "ENOENT" });
      return { text: place.text, etag: etagOf(place.text) ?? "" };
    },
    async write(next, etag) {
      place.meanwhile();
      if (place.writeFailure) throw place.writeFailure;
      if (etagOf(place.text) !== etag) return "changed_since";
      place.text = next as T;
      place.writes += 1;
      return "written";
    },
  };
  return place;
}

/** A ledger in memory, in the order of its rows. */
export interface FakeLedgerSearch extends LedgerSearch {
  rows: Result<LedgerEntry, UnreadableRow>[];
  queries: LedgerQuery[];
  isDown: boolean;
}

export function createFakeLedgerSearch(): FakeLedgerSearch {
  const ledger: FakeLedgerSearch = {
    rows: [],
    queries: [],
    isDown: false,
    async *find(query) {
      ledger.queries.push(query);
      if (ledger.isDown) throw new Fault("ledger_unavailable", { because: "RestError 503" });
      let left = query.limit ?? Number.POSITIVE_INFINITY;
      for (const row of query.newestFirst ? ledger.rows.toReversed() : ledger.rows) {
        if (row.ok && !matchesQuery(query, row.value)) continue;
        yield row;
        if (row.ok && --left <= 0) return;
      }
    },
  };
  return ledger;
}

export const entry = (intent: LedgerEntry["intent"], outcome?: LedgerEntry["outcome"]) =>
  ok<LedgerEntry>({ intent, ...(outcome && { outcome }) });

export interface CliAnswer {
  exit: ExitCode;
  out: string;
  err: string;
}

/** The whole command line over fakes: from the words that an operator types to what he sees. */
export function createCliWorld(policyText = `${JSON.stringify(validPolicy(), undefined, 2)}\n`) {
  const place = createFakePlace(policyText, "policy.json");
  const suspensions = createFakePlace<string | undefined>(undefined, "policy.suspensions.json");
  const refreshes = createFakePlace<string | undefined>(undefined, "policy.metadata-refresh.json");
  const notes = createFakePlace<string | undefined>(undefined, "policy.findings.json");
  const findings: OpenFinding[] = [];
  const auditStore = {
    openFindings: async (fromMs: number) => findings.filter(({ windowFromMs }) => windowFromMs >= fromMs),
  };
  const ledger = createFakeLedgerSearch();
  const metadataStore = createFakeMetadataStore();
  const credentialStore = createFakeCredentialStore();
  const connections: ConnectOptions[] = [];
  const pauses: number[] = [];
  const shown: string[] = [];
  const world = {
    ...{ place, suspensions, refreshes, notes, findings, ledger, metadataStore, credentialStore, connections, pauses },
    /** What a terminal would have shown of long work, one after the other; empty: erased. */
    shown,
    /** What Keyhold answers to a first token, one after the other; the last one again. */
    tokenAnswers: [{ issued: true, expiresInSeconds: 3_600 }] as TokenAnswer[],
    tokenQuestions: [] as TokenQuestion[],
    /** How often `--follow` looks. */
    rounds: 1,
    onPause: () => {},
    nowMs: startMs,
    deployment: {} as DeploymentOutputs,
    vaultResourceId: "/subscriptions/s-1/resourceGroups/g-1/providers/Microsoft.KeyVault/vaults/v" as
      | string
      | undefined,
    connect(options: ConnectOptions): Connection {
      connections.push(options);
      const policyContext = { cloud: clouds.public, homeTenantId: ids.homeTenantId, nowMs: world.nowMs };
      const places = { policyPlace: place, suspensionsPlace: suspensions, refreshPlace: refreshes, notesPlace: notes };
      const operatorName = async () => "anna@example.com";
      const requestToken = async (question: TokenQuestion): Promise<TokenAnswer> => {
        world.tokenQuestions.push(question);
        const next = world.tokenAnswers.length > 1 ? world.tokenAnswers.shift() : world.tokenAnswers[0];
        return next ?? { issued: false, status: 500, error: "none", description: "" };
      };
      const ports = {
        ...{ ...places, requestToken, operatorName, policyContext, ledger, metadataStore, credentialStore, auditStore },
        config: { vaultResourceId: world.vaultResourceId },
      };
      return ports as unknown as Connection;
    },
    async run(...args: string[]): Promise<CliAnswer> {
      const lines = { out: [] as string[], err: [] as string[] };
      const environment: CommandEnvironment = {
        version: "1.2.3",
        output: { out: (text) => lines.out.push(text), err: (text) => lines.err.push(text) },
        progress: (text) => shown.push(text),
        clock: () => world.nowMs,
        pause: async (ms) => {
          pauses.push(ms);
          world.onPause();
          return pauses.length < world.rounds;
        },
        connect: world.connect,
        operatorOf: () => ({ getToken: async () => null }),
        deployment: () => world.deployment,
      };
      const exit = await runCommandLine(args, environment);
      if (args.includes("--json") && lines.out.length > 0) assertShape(args, lines.out.join("\n"));
      return { exit, out: lines.out.join("\n"), err: lines.err.join("\n") };
    },
  };
  return world;
}

/** Whatever a test is about: what a command prints with --json has the documented shape. */
function assertShape(args: readonly string[], out: string): void {
  assert.deepEqual(shapeErrors(commandOf(args) ?? args.join(" "), JSON.parse(out)), [], args.join(" "));
}

/** Every command that does something, as the help lists them: `tenant suspend`. */
export async function leafCommands(parent: readonly string[] = []): Promise<string[]> {
  const { out } = await createCliWorld().run(...parent, "--help");
  const [, list = ""] = /^Commands:\n((?: {2}.*\n?)*)/m.exec(out) ?? [];
  const names = [...list.matchAll(/^ {2}(\S+)/gm)].map(([, name = ""]) => name).filter((name) => name !== "help");
  if (names.length === 0) return [parent.join(" ")];
  return (await Promise.all(names.map((name) => leafCommands([...parent, name])))).flat();
}
