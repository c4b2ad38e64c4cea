/** The sample pipeline for a policy's repository: its commands are run as it has them, and it hands nobody a shell. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { parse } from "yaml";
import * as ids from "../../support/fixtures/ids.ts";
import { grant, validPolicy } from "../../support/fixtures/policy.ts";
import { createCliWorld } from "./cli-world.ts";

interface Step {
  name?: string;
  uses?: string;
  run?: string;
}
interface Pipeline {
  on: Record<string, unknown>;
  permissions: Record<string, string>;
  defaults: { run: { shell: string } };
  jobs: Record<string, { if: string; permissions?: Record<string, string>; "timeout-minutes": number; steps: Step[] }>;
}

const text = readFileSync(new URL("../../../samples/policy-pipeline/keyhold-policy.yml", import.meta.url), "utf8");
const pipeline = parse(text) as Pipeline;
const steps = Object.values(pipeline.jobs).flatMap((job) => job.steps);

const folder = await mkdtemp(join(tmpdir(), "keyhold-pipeline-"));
after(() => rm(folder, { recursive: true, force: true }));
const [before, proposed] = [validPolicy(), validPolicy()];
proposed.grants.push(grant({ tenants: ["fabrikam"] }));
await writeFile(join(folder, "before.json"), JSON.stringify(before));
await writeFile(join(folder, "policy.json"), JSON.stringify(proposed));

/** The arguments of the one command of a step, with the pipeline's variables and files filled in. */
function argsOf(stepName: string): string[] {
  const { run = "" } = steps.find(({ name }) => name === stepName) ?? {};
  const [, line = ""] = /npm run -s keyhold -- ([^|\n]*)/.exec(run.replace(/\\\n\s*/g, " ")) ?? [];
  return line.replaceAll('"$HOME_TENANT_ID"', ids.homeTenantId).replaceAll("../", `${folder}/`).trim().split(/ +/);
}

describe("the sample pipeline", () => {
  test("validates without settings", async () => {
    const world = createCliWorld();
    const { exit, out } = await world.run(...argsOf("Validate"));
    assert.equal(exit, 0);
    assert.match(out, /^Valid: /);
    assert.deepEqual(world.connections, []);
  });

  test("shows who gains what without settings", async () => {
    const world = createCliWorld();
    const { exit, out } = await world.run(...argsOf("Show who gains and loses what"));
    assert.equal(exit, 0);
    assert.match(out, /^\+ billing as broker: .* in fabrikam\n1 right gained, 0 lost\.$/);
    assert.deepEqual(world.connections, []);
  });

  test("publishes what was merged, and not over a policy that was changed otherwise", async () => {
    const world = createCliWorld();
    assert.equal((await world.run(...argsOf("Publish"))).exit, 0);
    assert.equal(world.place.text, JSON.stringify(proposed));
    world.place.text = JSON.stringify({ ...before, grants: [] });
    assert.equal((await world.run(...argsOf("Publish"))).exit, 1);
  });

  test("runs what is proposed without rights, and no text of a proposal in a shell", () => {
    assert.deepEqual(Object.keys(pipeline.on), ["pull_request", "push"]);
    assert.deepEqual(pipeline.permissions, { contents: "read" });
    assert.deepEqual(pipeline.jobs.review?.permissions, undefined);
    assert.equal(pipeline.jobs.review?.if, "github.event_name == 'pull_request'");
    assert.deepEqual(pipeline.jobs.publish?.permissions, { contents: "read", "id-token": "write" });
    assert.equal(pipeline.jobs.publish?.if, "github.event_name == 'push'");
    for (const { run = "", uses } of steps) {
      assert.doesNotMatch(run, /\$\{\{/, "an expression is put into the script before the shell reads it");
      if (uses !== undefined) assert.match(uses, /^[\w/-]+@[0-9a-f]{40}$/);
    }
    assert.equal(
      pipeline.defaults.run.shell,
      "bash",
      "with pipefail: a diff that fails is not hidden by what reads it",
    );
    for (const job of Object.values(pipeline.jobs)) assert.ok(job["timeout-minutes"] > 0);
  });

  test("uses the actions at the commits that our own workflow uses", () => {
    const ours = readFileSync(new URL("../../../.github/workflows/ci.yml", import.meta.url), "utf8");
    for (const { uses } of steps) if (uses !== undefined) assert.ok(ours.includes(uses), uses);
  });
});
