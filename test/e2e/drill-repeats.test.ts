import assert from "node:assert/strict";
import { test } from "node:test";
import { stackForDrills } from "../support/run-drill.ts";

/** The drills of credentials after others and after themselves, on the same stack. */
const { drill } = await stackForDrills();
await drill("theft");

for (const name of ["rotation", "kill-switch", "rotation"]) {
  test(`the drill ${name} succeeds after the others, and reports what it waits for and how long`, async () => {
    assert.match(await drill(name), /^waiting, 90 s at most +for /m);
  });
}
