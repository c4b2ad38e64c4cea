import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { portOptions } from "../../local/stack/ports.ts";

/**
 * What a workflow of ours may not do: run code that its author can change later (a tag moves, a commit does not), hold
 * a token that can write, or let the author of a pull request write into a shell.
 */
interface Step {
  uses?: string;
  run?: string;
  with?: Record<string, unknown>;
}

interface Workflow {
  on: string | string[] | Record<string, unknown>;
  permissions?: unknown;
  jobs: Record<string, { uses?: string; permissions?: unknown; "timeout-minutes"?: number; steps?: Step[] }>;
}

const root = fileURLToPath(new URL("../..", import.meta.url));
const read = (file: string) => readFileSync(join(root, file), "utf8");
const files = globSync(".github/workflows/*.{yml,yaml}", { cwd: root });
/** They run with the rights of the base branch on what somebody else wrote. */
const privilegedTriggers = ["pull_request_target", "workflow_run"];

function violations(text: string): string[] {
  const workflow = parse(text) as Workflow;
  const found: string[] = [];
  for (const trigger of triggersOf(workflow))
    if (privilegedTriggers.includes(trigger)) found.push(`trigger ${trigger}`);
  if (!isReadOnly(workflow.permissions)) found.push("top-level permissions are not read-only");
  for (const [name, job] of Object.entries(workflow.jobs)) {
    if (!isReadOnly(job.permissions ?? {}) && !isRelease(workflow, name)) found.push(`${name}: permissions write`);
    if (!job["timeout-minutes"]) found.push(`${name}: no timeout`);
    if (job.uses !== undefined) found.push(...pinViolations(job.uses, text));
    for (const step of job.steps ?? []) found.push(...stepViolations(step, text));
  }
  return found;
}

function triggersOf({ on }: Workflow): string[] {
  if (typeof on === "string") return [on];
  return Array.isArray(on) ? on : Object.keys(on);
}

function isReadOnly(permissions: unknown): boolean {
  return (
    typeof permissions === "object" &&
    permissions !== null &&
    Object.values(permissions).every((access) => access === "read" || access === "none")
  );
}

/**
 * The one job that may write: it creates a release, for a tag that somebody with that right has pushed. Nothing may run
 * there that others wrote: no package, no action but the checkout.
 */
function isRelease({ on, jobs }: Workflow, name: string): boolean {
  const { permissions, steps = [] } = jobs[name] ?? {};
  const { contents, ...others } = permissions as Record<string, unknown>;
  const isTagOnly = Object.keys(on).join() === "push" && Object.keys((on as { push: object }).push).join() === "tags";
  const isOwnCode = ({ uses = "actions/checkout@", run = "" }: Step) =>
    uses.startsWith("actions/checkout@") && !/\b(npm|npx|node|yarn|pnpm|curl|wget|docker)\b/.test(run);
  return contents === "write" && isReadOnly(others) && isTagOnly && steps.every(isOwnCode);
}

function stepViolations({ uses, run, with: inputs }: Step, text: string): string[] {
  const found = uses === undefined ? [] : pinViolations(uses, text);
  // Any expression: what is harmless today is a branch name tomorrow. Values belong in `env`.
  if (run?.includes("${{")) found.push(`expression in run: ${run}`);
  if (uses?.startsWith("actions/checkout@") && inputs?.["persist-credentials"] !== false) {
    found.push("checkout leaves its token in .git/config");
  }
  return found;
}

function pinViolations(uses: string, text: string): string[] {
  if (!/^[\w.-]+(\/[\w.-]+)+@[0-9a-f]{40}$/.test(uses)) return [`not pinned to a commit: ${uses}`];
  const lines = text.split("\n").filter((line) => line.includes(uses));
  const isNamed = lines.length > 0 && lines.every((line) => /@[0-9a-f]{40} # v\d+\.\d+\.\d+$/.test(line));
  return isNamed ? [] : [`no version beside ${uses}`];
}

test("the workflows pin every action, hold no right to write except to release, and run nothing that a stranger wrote into a shell", () => {
  assert.ok(files.length > 0);
  for (const file of files) assert.deepEqual(violations(read(file)), [], file);
});

const checkout = "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1";
const faults: [what: string, from: string, to: string, expected: RegExp][] = [
  ["a tag instead of a commit", checkout, "actions/checkout@v7", /not pinned/],
  ["a short commit", checkout, "actions/checkout@3d3c42e", /not pinned/],
  ["a branch", checkout, "actions/checkout@main", /not pinned/],
  ["a container image by tag", checkout, "docker://alpine:3", /not pinned/],
  ["a commit without its version", checkout, checkout.replace(/ #.*/, ""), /no version/],
  ["a commit with half a version", checkout, checkout.replace("v7.0.1", "v7"), /no version/],
  ["permissions that write", "contents: read", "contents: write", /not read-only/],
  ["all permissions at once", "permissions:\n  contents: read", "permissions: write-all", /not read-only/],
  ["no permissions, which means the default ones", "permissions:\n  contents: read", "", /not read-only/],
  [
    "a job that writes",
    "    timeout-minutes: 45",
    "    timeout-minutes: 45\n    permissions: {contents: write}",
    /write/,
  ],
  ["a trigger with the rights of the base branch", "  pull_request:", "  pull_request_target:", /pull_request_target/],
  ["a title in a shell", "run: npm cit", `run: echo "\${{ github.event.pull_request.title }}"`, /expression in run/],
  ["a branch name in a shell", "run: npm cit", `run: echo "\${{ github.head_ref }}"`, /expression in run/],
  ["a checkout that keeps its token", "persist-credentials: false", "persist-credentials: true", /\.git\/config/],
  ["a job without a timeout", "    timeout-minutes: 45\n", "", /no timeout/],
];

for (const [what, from, to, expected] of faults) {
  test(`${what} is noticed`, () => {
    const text = read(".github/workflows/ci.yml");
    assert.ok(text.includes(from), `"${from}" is there to be broken`);
    assert.match(violations(text.replace(from, to)).join("; "), expected);
  });
}

const checks = "      - name: The checks have passed";
const releaseFaults: [what: string, from: string | RegExp, to: string, expected: RegExp][] = [
  ["a release job that installs packages", checks, `      - run: npm ci\n${checks}`, /release: permissions write/],
  ["a release job with a foreign action", checks, `      - uses: a/b@v1\n${checks}`, /release: permissions write/],
  ["a release job with a second right to write", "actions: read", "actions: write", /release: permissions write/],
  ["a release job with every right", /permissions:\n {6}actions[\s\S]*?write.*/, "permissions: write-all", /write/],
  ["a release of a branch", 'tags: ["v*.*.*"]', "branches: [main]", /release: permissions write/],
  ["a release of tags and branches", "  push:", "  push:\n    branches: [main]", /release: permissions write/],
  ["a release on a pull request", "  push:", "  pull_request:\n  push:", /release: permissions write/],
  ["a right to write for the whole workflow", "contents: read", "contents: write", /top-level/],
];

for (const [what, from, to, expected] of releaseFaults) {
  test(`${what} is noticed`, () => {
    const text = read(".github/workflows/release.yml");
    const changed = text.replace(from, to);
    assert.notEqual(changed, text);
    assert.match(violations(changed).join("; "), expected);
  });
}

test("the workflow installs the Debian packages of .ci/run, and runs the README's command", () => {
  const [, wanted = ""] = /^packages=\(([^)]*)\)/m.exec(read(".ci/run")) ?? [];
  const { jobs } = parse(read(".github/workflows/ci.yml")) as Workflow;
  const commands = (jobs.test?.steps ?? []).flatMap(({ run }) => run ?? []);
  const installation = commands.find((command) => command.includes("apt-get install")) ?? "";
  const [, installed = ""] = /--no-install-recommends(.*)$/s.exec(installation) ?? [];
  const words = (text: string) => text.split(/[\s\\]+/).filter((word) => word !== "");
  assert.ok(words(wanted).length > 0);
  assert.deepEqual(words(installed).sort(), words(wanted).sort());
  assert.ok(commands.includes("npm cit"));
});

test("a release attaches the package of the command line that the checks of its commit have packed", () => {
  const { jobs } = parse(read(".github/workflows/ci.yml")) as Workflow;
  const steps = jobs.test?.steps ?? [];
  const packed = steps.findIndex(({ run }) => run === "npm run pack");
  const uploaded = steps.findIndex(({ uses = "" }) => uses.startsWith("actions/upload-artifact@"));
  assert.ok(packed > steps.findIndex(({ run }) => run === "npm cit") && uploaded > packed);
  const release = read(".github/workflows/release.yml");
  assert.match(release, new RegExp(`gh run download "\\$run" --name ${steps[uploaded]?.with?.name} `));
  assert.match(release, /gh release create "\$GITHUB_REF_NAME" "\$RUNNER_TEMP\/keyhold-\$\{GITHUB_REF_NAME#v\}\.tgz"/);
});

test("the development container forwards the ports of the local stack that people use", () => {
  const { forwardPorts } = JSON.parse(read(".devcontainer/devcontainer.json")) as { forwardPorts: number[] };
  const { https, http, control, console: page } = portOptions;
  assert.deepEqual(forwardPorts, [https.preset, http.preset, control.preset, page.preset]);
});
