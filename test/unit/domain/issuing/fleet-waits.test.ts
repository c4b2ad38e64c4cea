/** How long an instance waits for another instance's mint, and what it requests in the meantime. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { findInFleet } from "../../../../src/domain/issuing/fleet.ts";
import type { SharedToken } from "../../../../src/domain/issuing/ports.ts";
import { startMs } from "../../../support/fakes/clock.ts";
import * as ids from "../../../support/fixtures/ids.ts";

const place = { cloud: "public", clientId: ids.clientId, tenantId: ids.contosoId, scope: ids.graphScope } as const;
const token: SharedToken = { accessToken: "x", expiresAt: 0, lifetimeSeconds: 0, mintedAtMs: startMs };

interface Script {
  /** What the looks find, one after the other; then nothing. */
  finds?: (SharedToken | undefined)[];
  /** What the claims are answered; then `held`. */
  claims?: ("granted" | "held" | "unknown")[];
  random?: number;
  isBusy?: boolean;
  /** After so many waits the time is over. */
  waits?: number;
  isAnswer?: (token: SharedToken) => boolean;
}

/** The token that is found, and everything that was asked and waited for, in order. */
async function find({ finds = [], claims = [], random = 0.5, isBusy = false, waits = 9, isAnswer }: Script) {
  const log: (string | number)[] = [];
  const deadlines: number[] = [];
  const found = await findInFleet(place, isAnswer ?? (() => true), {
    sharedTokens: {
      isBusy: () => isBusy,
      async find() {
        log.push("find");
        return finds.shift();
      },
      async claim() {
        log.push("claim");
        return claims.shift() ?? "held";
      },
      store: () => assert.fail("nothing was minted"),
      async release() {
        log.push("release");
      },
      sweep: () => assert.fail("nobody sweeps"),
    },
    startDeadline(withinMs) {
      deadlines.push(withinMs);
      return { atMs: startMs + withinMs, signal: new AbortController().signal };
    },
    async sleep(ms) {
      if (waits-- <= 0) throw new DOMException("", "AbortError");
      log.push(ms);
    },
    random: () => random,
  });
  assert.deepEqual(deadlines, [2_000]);
  return { found, log };
}

describe("an instance that finds another one minting", () => {
  for (const [random, factor] of [
    [0, 0.5],
    [0.5, 1],
    [0.75, 1.25],
  ] as const) {
    test(`looks five times in two seconds with jitter (${random}), and asks once for the claim`, async () => {
      const { found, log } = await find({ random });
      assert.equal(found, undefined);
      const waits = [150, 250, 400, 600, 600].map((ms) => ms * factor);
      assert.deepEqual(log, [
        ...["claim", "find"],
        ...[waits[0], "find", waits[1], "find", waits[2], "find", "claim", waits[3], "find", waits[4], "find"],
      ]);
    });
  }

  test("takes the token as soon as it is there", async () => {
    const { found, log } = await find({ finds: [undefined, undefined, token] });
    assert.equal(found, token);
    assert.deepEqual(log, ["claim", "find", 150, "find", 250, "find"]);
  });

  test("does not use a token that does not answer its request", async () => {
    const old = { ...token, mintedAtMs: 0 };
    const isAnswer = ({ mintedAtMs }: SharedToken) => mintedAtMs > 0;
    assert.equal((await find({ finds: [old, old, token], isAnswer })).found, token);
    assert.equal((await find({ finds: Array.from({ length: 9 }, () => old), isAnswer })).found, undefined);
  });

  for (const answer of ["granted", "unknown"] as const) {
    test(`mints itself if its second request for the claim is ${answer}`, async () => {
      const { log } = await find({ claims: ["held", answer] });
      assert.equal(log.at(-1), "claim");
      assert.equal(log.filter((each) => each === "find").length, 4);
    });

    test(`mints itself at once if the claim is ${answer}`, async () => {
      assert.deepEqual((await find({ claims: [answer] })).log, ["claim", "find"]);
    });
  }

  test("stops looking when its time is over", async () => {
    const { found, log } = await find({ waits: 2 });
    assert.equal(found, undefined);
    assert.deepEqual(log, ["claim", "find", 150, "find", 250, "find"]);
  });
});

describe("an instance that finds a token at once", () => {
  for (const [what, claim, asked] of [
    ["its claim, which is not needed", "granted", ["claim", "find", "release"]],
    ["no claim that another one holds", "held", ["claim", "find"]],
    ["no claim where it does not know whether it has one", "unknown", ["claim", "find"]],
  ] as const) {
    test(`gives up ${what}`, async () => {
      const { found, log } = await find({ finds: [token], claims: [claim] });
      await new Promise(setImmediate);
      assert.equal(found, token);
      assert.deepEqual(log, asked);
    });
  }

  test("requests no claim in a burst, or requests one after a look that found no token", async () => {
    assert.deepEqual((await find({ finds: [token], isBusy: true })).log, ["find"]);
    assert.deepEqual((await find({ claims: ["granted"], isBusy: true })).log, ["find", "claim"]);
    assert.equal((await find({ finds: [undefined, token], isBusy: true })).found, token);
  });
});
