/**
 * A load is short: the platform answers nothing meanwhile. And what a policy that has changed does to what the process
 * remembers.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { compose } from "../../src/composition.ts";
import { readConfig } from "../../src/config.ts";
import { tokenCacheKey } from "../../src/domain/issuing/token-cache.ts";
import type { PolicyDocument } from "../../src/domain/policy/document.ts";
import type { Guid } from "../../src/domain/shared/guid.ts";
import { answerWith, startIdentityEndpoint } from "../support/fixtures/identity-endpoint.ts";
import * as ids from "../support/fixtures/ids.ts";
import { named, validPolicy } from "../support/fixtures/policy.ts";
import { validEnv } from "../support/fixtures/settings.ts";

const identity = await startIdentityEndpoint();
process.env.IDENTITY_ENDPOINT = `${identity.origin}/msi/token`;
process.env.IDENTITY_HEADER = "secret";

/** Storage that accepts connections and says nothing. */
const storage = createServer((socket) => socket.on("error", () => {}).resume());
storage.listen(0, "127.0.0.1");
await once(storage, "listening");
after(() => storage.close());
const { port } = storage.address() as AddressInfo;
const config = { ...readConfig(validEnv()), policy: { blobUrl: `https://127.0.0.1:${port}/policy/policy.json` } };

test("a load asks nobody, and the first request for the policy asks the identity and storage", async () => {
  identity.answer = answerWith("token", { expires_on: `${Math.floor(Date.now() / 1_000) + 3_600}` });
  let connections = 0;
  storage.on("connection", () => {
    connections += 1;
  });
  const connected = once(storage, "connection");
  const composed = compose(config);
  for (let turns = 0; turns < 20; turns++) await nextTurn();
  assert.deepEqual([identity.requests.length, connections], [0, 0]);
  composed.issuing.currentPolicy.at(Date.now()).catch(() => {});
  const [socket] = await connected;
  socket.destroy();
  assert.ok(identity.requests.length > 0);
});

describe("a policy that has changed", () => {
  const keyOf = (tenantId: Guid) =>
    tokenCacheKey({ cloud: "public", clientId: ids.clientId, tenantId, scope: ids.graphScope });

  /** What is left of a token of each tenant, and of a failure, once the policy and its suspensions have changed so. */
  async function remembered(change: { policy?: (policy: PolicyDocument) => void; suspensions?: object }) {
    const folder = await mkdtemp(join(tmpdir(), "keyhold-composition-"));
    after(() => rm(folder, { recursive: true }));
    const file = join(folder, "policy.json");
    const policy = validPolicy();
    await writeFile(file, JSON.stringify(policy));
    const { issuing } = compose({ ...config, policy: { file } });
    const { tokenCache, failureCache, currentPolicy } = issuing;
    const nowMs = Date.now();
    await currentPolicy.load(nowMs);
    const token = { accessToken: "x", expiresAt: nowMs, mintedAtMs: nowMs - 3_600_000, refreshAt: nowMs };
    for (const tenantId of [ids.contosoId, ids.fabrikamId]) tokenCache.set(keyOf(tenantId), token);
    failureCache.rememberRefusal(keyOf(ids.contosoId), { reason: "tenant_blocked", codes: [53003] }, nowMs);
    change.policy?.(policy);
    await writeFile(file, JSON.stringify(policy));
    if (change.suspensions)
      await writeFile(join(folder, "policy.suspensions.json"), JSON.stringify(change.suspensions));
    await currentPolicy.at(nowMs + 61_000);
    return {
      tokens: [ids.contosoId, ids.fabrikamId].map((tenantId) => tokenCache.get(keyOf(tenantId), 0) !== undefined),
      failure: failureCache.get(keyOf(ids.contosoId), nowMs),
    };
  }

  test("clears what has failed, since the change may be the fix, and keeps tokens that are still wanted", async () => {
    const { tokens, failure } = await remembered({ policy: ({ grants }) => void grants.pop() });
    assert.deepEqual([tokens, failure], [[true, true], undefined]);
  });

  const at = new Date().toISOString();
  const suspended = { kind: "tenant", id: ids.contosoId, by: "anna@example.com", at };
  for (const [what, change] of Object.entries<Parameters<typeof remembered>[0]>({
    "that suspends a tenant": {
      policy: ({ tenants }) => {
        named(tenants, "contoso").state = "suspended";
      },
    },
    "beside which a tenant is suspended": { suspensions: { version: 1, suspensions: [suspended] } },
    "that discards older tokens of a tenant": {
      policy: ({ tenants }) => {
        named(tenants, "contoso").tokensNotBefore = new Date().toISOString();
      },
    },
  })) {
    test(`${what} purges its tokens, and no others`, async () => {
      assert.deepEqual((await remembered(change)).tokens, [false, true]);
    });
  }

  test("not at all leaves what has failed remembered", async () => {
    assert.deepEqual((await remembered({})).failure, {
      ok: false,
      refusal: { reason: "tenant_blocked", codes: [53003] },
    });
  });
});
