/** Whoever wrote the ledger's table, the policy or an argument: the operator's terminal and scripts get it escaped. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { escapeUnsafe, isoTime, table } from "../../../src/cli/printable.ts";
import { startMs } from "../../support/fakes/clock.ts";
import { outcomes, tokenIntent } from "../../support/fixtures/ledger.ts";
import { createCliWorld, entry } from "./cli-world.ts";

/** Escape sequences in 7 and 8 bits, a change of direction, an invisible tag, half a pair, and line breaks of Unicode. */
const hostile = "a\u001b[2J\u009b31m\u202eb\u2066\u200b\u{e0041}\ud800\u2028\u0085\u007f\r";
const unsafe = /[^\n\P{Cc}]|[\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;

describe("nothing unsafe is printed", () => {
  for (const format of [[], ["--json"], ["--jsonl"], ["--csv"]]) {
    test(`by ledger ${format.join(" ")}, and as JSON it is the same text`, async () => {
      const world = createCliWorld();
      const [issued] = outcomes;
      world.ledger.rows = [entry(tokenIntent(startMs - 1_000, { callerName: hostile }), issued)];
      const { out, err } = await world.run("ledger", ...format);
      assert.doesNotMatch(out + err, unsafe);
      if (!format[0]?.startsWith("--json")) return;
      const [row] = [JSON.parse(out) as { caller: string } | { caller: string }[]].flat();
      assert.equal(row?.caller, hostile);
    });
  }

  test("of an argument that is repeated in an error", async () => {
    const { exit, out, err } = await createCliWorld().run("ledger", "--tenant", hostile);
    assert.equal(exit, 1);
    assert.doesNotMatch(out + err, unsafe);
    assert.equal((await createCliWorld().run(`--${hostile}`)).exit, 2);
    assert.doesNotMatch((await createCliWorld().run(`--${hostile}`)).err, unsafe);
  });

  test("of a policy that is refused: a name in it is one line of the answer", async () => {
    const world = createCliWorld();
    world.place.text = JSON.stringify({ [`${hostile}\nremedy: run this`]: 1 });
    const { exit, out, err } = await world.run("policy", "check");
    assert.equal(exit, 1);
    assert.doesNotMatch(out + err, unsafe);
    assert.doesNotMatch(out + err, /^remedy: run this/m);
  });

  test("of a certificate's record", async () => {
    const world = createCliWorld();
    const [client] = JSON.parse(world.place.text).clients as { clientId: never }[];
    assert.ok(client);
    const record = { x5tS256: hostile, state: "active" as const, sinceMs: 1e300 };
    world.credentialStore.states.set(client.clientId, [record]);
    const { out, err } = await world.run("credentials", "status", "--json");
    assert.doesNotMatch(out + err, unsafe);
  });
});

test("what is escaped is valid in JSON, and what is safe stays as it is", () => {
  assert.equal(escapeUnsafe("München 10 €\n日本 \u{1f511}"), "München 10 €\n日本 \u{1f511}");
  assert.equal(escapeUnsafe("\u202e\u{e0041}\ud800"), "\\u202e\\udb40\\udc41\\ud800");
});

test("a cell of a table stays in its row", () => {
  assert.equal(
    table([
      ["a", "b"],
      ["c\nd", "e"],
    ]).split("\n").length,
    2,
  );
});

test("a time that no date can hold is named as that", () => {
  for (const timeMs of [1e300, Number.NaN, 8.64e15 + 1]) assert.equal(isoTime(timeMs), "no time");
});
