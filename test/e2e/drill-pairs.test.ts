import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { stackForDrills } from "../support/run-drill.ts";

/** Drills one after the other on the same stack: each shows the same as on a fresh one. */
const { stack, drill } = await stackForDrills();

const alarmsOf = (text: string) => [...text.matchAll(/^ {2}(.+?) {2,}\{/gm)].map((match) => match[1] ?? "");
const alarms = {
  silence: "sign rate below",
  theft: "unaccounted_signature",
  "log-cut": "missing_record",
  burst: "sign rate above",
} as const;

/** Those that change the rate or the log before each of the others and before themselves. */
const order = ["burst", "silence", "silence", "burst", "burst", "theft", "silence", "log-cut", "silence"] as const;
for (const [i, name] of order.entries()) {
  const before = order[i - 1] ?? "nothing else";
  test(`the drill ${name} after ${before} raises its alarm and nothing else`, async () => {
    assert.deepEqual(alarmsOf(await drill(name)), [alarms[name]]);
  });
}

test("two drills at once run one after the other, the later one reports it, and a killed one is not waited for", async () => {
  await writeFile(join(stack.folder, "drill.pid"), "999999999");
  const texts = await Promise.all([drill("burst"), drill("silence")]);
  assert.deepEqual(texts.map(alarmsOf), [[alarms.burst], [alarms.silence]]);
  const waited = texts.filter((text) => /^waiting, 180 s at most +for another drill, process \d+, to end$/m.test(text));
  assert.equal(waited.length, 1);
});
