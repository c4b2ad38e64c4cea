/** Fleets in virtual time, with faults and an attacker: no theft is missed and no finding is false. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { planOf } from "../simulation/plan.ts";
import { simulate } from "../simulation/simulate.ts";

const seeds = [1, 2, 3, 4];
const signatures = 20_000 / seeds.length;

describe("a simulated fleet", () => {
  for (const seed of seeds) {
    test(`of seed ${seed} misses no theft and invents no finding in ${signatures} signatures`, async (t) => {
      const { violations, counts } = await simulate(planOf(seed, signatures));
      t.diagnostic(`seed ${seed}: ${JSON.stringify(counts)}`);
      assert.deepEqual(violations, []);
      assert.ok(counts.thefts, "there was something to find");
    });
  }
});

test("a seed gives the same run again, event by event, and another seed a different run", async () => {
  const run = async (seed: number) => (await simulate(planOf(seed, 1_000))).trace;
  const [first, again, other] = [await run(7), await run(7), await run(8)];
  assert.equal(again, first);
  assert.notEqual(other, first);
});

/** How a process ended that did not end well. */
interface Ended extends Error {
  code: number;
  stdout: string;
  stderr: string;
}

/** What goes wrong in the code, and what the simulation then says. */
const bugs: Record<string, { file: string; from: string; to: string; said: RegExp; seed?: number }> = {
  "an intent that is not always written": {
    file: "src/domain/signing/sign.ts",
    from: "await ports.ledger.recordIntent(",
    to: "if (timeMs % 7 > 0) await ports.ledger.recordIntent(",
    said: /I4: a signature without an intent/,
  },
  "a window that is left out": {
    file: "src/domain/audit/windows.ts",
    from: "return [...starts].sort((a, b) => a - b).map(",
    to: "return [...starts].filter((each) => (each / windowMs) % 3 > 0).map(",
    said: /a theft was not reported/,
  },
  "an intent that covers whoever signs": {
    file: "src/domain/audit/open-intents.ts",
    from: "const queues = instance === undefined ? ofKey : ofKey.filter((queue) => queue.instance === instance);",
    to: "const queues = instance === undefined ? [] : ofKey;",
    said: /a theft was covered by an intent that cannot be its own/,
  },
  "a late row that nobody looks at": {
    file: "src/domain/audit/windows.ts",
    from: "const isChanged = look ? look.rows !== rows : fromMs < state.watermarkMs;",
    to: "const isChanged = rows < 0 && look !== undefined && fromMs < state.watermarkMs;",
    said: /was not reported|was reported missing that is there/,
  },
  "a request id that is proof enough": {
    file: "src/domain/audit/reconcile.ts",
    from: 'return intent.outcome !== "not_signed" && covers(intent, row) && (lacksKey(row) || isSameKey(intent, row));',
    to: "return covers(intent, row) || lacksKey(row) || isSameKey(intent, row);",
    said: /a theft was not reported/,
  },
  "a record that may be missing": {
    file: "src/domain/audit/reconcile.ts",
    from: "if (nowMs - timeMs < missingGraceMs) continue;",
    to: "if (nowMs - timeMs > missingGraceMs) continue;",
    said: /a row of the ledger without a signature was not reported/,
  },
  "clocks that must agree to the second": {
    file: "src/domain/audit/open-intents.ts",
    from: "export const coversBeforeMs = 60_000;",
    to: "export const coversBeforeMs = 1_000;",
    said: /a finding was invented/,
  },
  "a signature that nobody checks": {
    file: "src/domain/signing/sign.ts",
    from: "if (!isAskedKey || !isSignedBy(certificate, algorithm, bytes, answer.signature)) {",
    to: "if (!isAskedKey) {",
    said: /I5: /,
  },
  "a cache that forgets": {
    file: "src/domain/issuing/token-cache.ts",
    from: "if (token === undefined || token.expiresAt > nowSeconds) return token;",
    to: "if (token === undefined || token.expiresAt > nowSeconds + 1_800) return token;",
    said: /I3: /,
    seed: 2,
  },
  "a token of the wrong tenant": {
    file: "src/domain/issuing/token-cache.ts",
    from: 'return [cloud, clientId, tenantId, scope].join(" ");',
    to: 'return [cloud, clientId, tenantId.slice(0, 2), scope].join(" ");',
    said: /the token is another tenant's/,
  },
  "an event with the URL of a key": {
    file: "src/domain/audit/rates.ts",
    from: "return { keyName, windowFromMs",
    to: 'return { keyName: "https://simulated.vault.azure.net/keys/client", windowFromMs',
    said: /I6: /,
  },
  "a budget without end": {
    file: "src/domain/issuing/mint-budget.ts",
    from: "caller.tokens -= 1;\n      total.tokens -= 1;",
    to: "",
    said: /I9: /,
    seed: 8,
  },
  "a suspension without effect": {
    file: "src/domain/policy/suspensions.ts",
    from: "if (rule) suspended.set(id, { ...rule, isActive: false });",
    to: "if (rule) suspended.set(id, { ...rule, isActive: rule.isActive });",
    said: /after its tenant was suspended/,
  },
};

describe("the simulation notices", { concurrency: 2 }, () => {
  const root = fileURLToPath(new URL("../../", import.meta.url));
  const folder = mkdtempSync(join(tmpdir(), "keyhold-simulation-"));
  after(() => rmSync(folder, { recursive: true, force: true }));
  for (const [number, [what, { file, from, to, said, seed = 1 }]] of Object.entries(bugs).entries()) {
    test(what, async () => {
      const copy = join(folder, `${number}`);
      for (const part of [
        "src",
        "test/simulation",
        "test/support",
        "local/emulators",
        "local/synthetic-year",
        "package.json",
      ]) {
        cpSync(join(root, part), join(copy, part), { recursive: true });
      }
      symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
      const source = readFileSync(join(root, file), "utf8");
      assert.equal(source.split(from).length, 2, `${file} has this once: ${from}`);
      writeFileSync(join(copy, file), source.replace(from, to));
      const args = [
        "test/simulation/run.ts",
        "--seed",
        `${seed}`,
        "--seeds",
        "1",
        "--signatures",
        "3000",
        "--no-shrink",
      ];
      await assert.rejects(promisify(execFile)(process.execPath, args, { cwd: copy }), (error: Ended) => {
        assert.equal(error.code, 1, `${error.stdout}${error.stderr}`);
        assert.match(error.stdout, said);
        return true;
      });
    });
  }
});
