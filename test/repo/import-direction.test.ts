import assert from "node:assert/strict";
import { test } from "node:test";
import { findCycle, type Import, importsOf, readSources } from "../support/source-tree.ts";

/**
 * The import rules (docs/architecture.md): which part may import which. Packages are listed per part too, so that the domain
 * stays plain data and functions, and a new dependency is a decision.
 */
interface Rule {
  parts: readonly string[];
  packages: RegExp;
}

const outside = /^(@azure\/|jose$|oauth4webapi$|zod$|xml-crypto$|@opentelemetry\/|@xmldom\/xmldom\/|node:)/;
const commandLine = new RegExp(`${outside.source}|^(commander|jsonc-parser)$`);
const partsOfSrc: Readonly<Record<string, Rule>> = {
  index: { parts: ["scripts"], packages: /^$/ },
  scripts: { parts: [], packages: /^node:(fs|module|url|vm|zlib)$/ },
  main: { parts: ["functions", "composition"], packages: /^@azure\/functions$/ },
  functions: { parts: ["http", "domain"], packages: /^@azure\/functions$/ },
  composition: { parts: ["config", "adapters", "domain"], packages: /^node:timers\/promises$/ },
  config: { parts: ["config", "domain"], packages: /^$/ },
  http: { parts: ["http", "domain"], packages: /^@azure\/functions$/ },
  adapters: { parts: ["adapters", "domain"], packages: outside },
  domain: { parts: ["domain"], packages: /^(node:crypto|lru-cache)$/ },
  cli: { parts: ["cli", "config", "adapters", "domain"], packages: commandLine },
};

/** Floors of the domain, from the ground up. One may use those below it; two on one floor do not know each other. */
const floors: readonly (readonly string[])[] = [
  ["shared"],
  ["signing"],
  ["metadata", "policy"],
  ["audit", "issuing"],
  ["credentials"],
  ["events.ts"],
];

/** Who may import whom at the top of the repository. */
const folders: Readonly<Record<string, readonly string[]>> = {
  src: ["src"],
  build: ["build", "src"],
  local: ["local", "src", "build.ts"],
  bench: ["bench", "local", "src", "test", "build.ts"],
  test: ["test", "local", "src", "bench", "clients", "infra", "build.ts", "generate.ts", "pack.ts"],
  clients: ["clients"],
  infra: ["infra"],
};

/** Inside `local`: emulators stand alone, so that what they know comes from the real parts and not from the stack. */
const roomsOfLocal: Readonly<Record<string, readonly string[]>> = {
  emulators: ["emulators"],
  stack: ["stack", "emulators"],
  "relying-parties": ["relying-parties"],
  kusto: ["kusto"],
  drills: ["drills", "relying-parties", "stack", "emulators", "kusto"],
  "synthetic-year": ["synthetic-year"],
  console: ["console", "drills", "stack", "emulators", "synthetic-year"],
};

function floorOf(path: string): number {
  const room = path.split("/")[2] ?? "";
  return floors.findIndex((names) => names.includes(room));
}

function ruleBrokenInSrc({ from, specifier, target }: Import): string | undefined {
  const part = (path: string) => (path.split("/")[1] ?? "").replace(/\.ts$/, "");
  const rule = partsOfSrc[part(from)];
  if (!rule) return `"${part(from)}" is not part of the architecture`;
  if (target === undefined) return rule.packages.test(specifier) ? undefined : `must not import ${specifier}`;
  if (!rule.parts.includes(part(target))) return `must not import ${target}`;
  if (part(from) !== "domain") return undefined;
  const [a, b] = [floorOf(from), floorOf(target)];
  if (a < 0 || b < 0) return `${a < 0 ? from : target} is on no floor of the domain`;
  const isSameRoom = from.split("/")[2] === target.split("/")[2];
  return b < a || isSameRoom ? undefined : `must not import ${target}: it is not on a floor below`;
}

/** What is wrong with an import; undefined if nothing. */
function violation(imported: Import): string | undefined {
  const { from, target } = imported;
  const [folder = "", room = ""] = from.split("/");
  const [targetFolder = "", targetRoom = ""] = target?.split("/") ?? [];
  if (target !== undefined && !folders[folder]?.includes(targetFolder)) return `${from} must not import ${target}`;
  if (folder === "local" && targetFolder === "local") {
    const rooms = roomsOfLocal[room];
    if (rooms && !rooms.includes(targetRoom)) return `${from} must not import ${target}`;
  }
  const broken = folder === "src" ? ruleBrokenInSrc(imported) : undefined;
  return broken && `${from}: ${broken}`;
}

const sources = readSources();
const imports = sources.flatMap(importsOf);

test("every import of the repository goes in an allowed direction", () => {
  assert.ok(imports.length > 1_000, "the imports were found");
  assert.deepEqual(imports.map(violation).filter(Boolean), []);
});

test("no imports of the repository lead back to where they began", () => {
  assert.equal(findCycle(imports)?.join(" -> "), undefined);
});

const between = (from: string, target: string): Import => ({ from, specifier: "./x.ts", target });

const faults: readonly [what: string, seeded: Import][] = [
  ["the domain imports an adapter", between("src/domain/shared/guid.ts", "src/adapters/telemetry/event-log.ts")],
  ["the domain imports node:fs", { from: "src/domain/shared/guid.ts", specifier: "node:fs", target: undefined }],
  ["http imports an adapter", between("src/http/a.ts", "src/adapters/tls/pinned-get.ts")],
  ["functions import the composition", between("src/functions.ts", "src/composition.ts")],
  ["a new part of src", { from: "src/helpers/a.ts", specifier: "node:crypto", target: undefined }],
  ["src imports local", between("src/config.ts", "local/stack/ports.ts")],
  ["issuing imports credentials, a floor up", between("src/domain/issuing/mint.ts", "src/domain/credentials/drift.ts")],
  ["signing imports policy, a floor up", between("src/domain/signing/sign.ts", "src/domain/policy/document.ts")],
  ["audit imports issuing, on its floor", between("src/domain/audit/run.ts", "src/domain/issuing/ports.ts")],
  ["metadata imports policy, on its floor", between("src/domain/metadata/ports.ts", "src/domain/policy/ports.ts")],
  ["a folder imports the union of all events", between("src/domain/audit/run.ts", "src/domain/events.ts")],
  ["a room of the domain that is on no floor", between("src/domain/helpers/a.ts", "src/domain/shared/guid.ts")],
  ["local imports bench", between("local/console/year.ts", "bench/baseline/report.ts")],
  ["an emulator imports the stack", between("local/emulators/entra/state.ts", "local/stack/world.ts")],
  ["a client imports src", between("clients/recipes/msal-node.ts", "src/config.ts")],
];

for (const [what, seeded] of faults) {
  test(`it is noticed when ${what}`, () => assert.notEqual(violation(seeded), undefined));
}

test("it is noticed when imports lead back to where they began", () => {
  const way = [between("a.ts", "b.ts"), between("b.ts", "c.ts"), between("c.ts", "b.ts")];
  assert.deepEqual(findCycle(way), ["b.ts", "c.ts", "b.ts"]);
  assert.equal(findCycle(way.slice(0, 2)), undefined);
});
