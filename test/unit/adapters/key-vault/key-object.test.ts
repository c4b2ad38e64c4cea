import assert from "node:assert/strict";
import { test } from "node:test";
import { keyObjectOf } from "../../../../src/adapters/key-vault/key-object.ts";

test("a key object names vault, key and version as its URL does, and holds no material", () => {
  const id = "https://keyhold.vault.azure.net/keys/client-assertion/0123456789abcdef0123456789abcdef";
  assert.deepEqual(keyObjectOf(id), {
    id,
    name: "client-assertion",
    properties: {
      name: "client-assertion",
      version: "0123456789abcdef0123456789abcdef",
      vaultUrl: "https://keyhold.vault.azure.net",
    },
  });
});
