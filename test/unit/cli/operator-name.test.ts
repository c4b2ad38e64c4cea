/** Who suspended something, as far as the command line knows: never a reason not to suspend. */
import assert from "node:assert/strict";
import { userInfo } from "node:os";
import { test } from "node:test";
import type { TokenCredential } from "@azure/identity";
import { operatorNameOf } from "../../../src/cli/suspensions/operator-name.ts";

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
const signedIn = (claims: object): TokenCredential => ({
  getToken: async () => ({ token: `${part({ alg: "RS256" })}.${part(claims)}.x`, expiresOnTimestamp: 0 }),
});
const failing: TokenCredential = { getToken: () => Promise.reject(new Error("nobody")) };

test("a person has a user name and an object id, an application its client id", async () => {
  assert.equal(await operatorNameOf(false, signedIn({ upn: "anna@x", appid: "a", oid: "o" })), "anna@x, object id o");
  assert.equal(await operatorNameOf(false, signedIn({ appid: "a", oid: "o" })), "a, object id o");
});

test("where the document is a file it is the user of this machine, and nobody is asked for a token", async () => {
  assert.equal(await operatorNameOf(true, failing), userInfo().username);
});

test("whoever cannot be named is unknown, and that is no error", async () => {
  for (const credential of [
    failing,
    { getToken: async () => null },
    { getToken: async () => ({ token: "opaque", expiresOnTimestamp: 0 }) },
  ]) {
    assert.equal(await operatorNameOf(false, credential), "unknown");
  }
});
