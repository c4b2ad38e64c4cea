import assert from "node:assert/strict";
import { test } from "node:test";
import { signPurposes } from "../../../../src/domain/signing/ledger.ts";

test("the purposes of a signature keep the names that stored rows have", () => {
  assert.deepEqual([...signPurposes], ["token", "assertion", "publication", "canary"]);
});
