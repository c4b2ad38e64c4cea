/** What a load waits for: the platform gives it little time, and answers 404 to everything meanwhile. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { after, test } from "node:test";
import { compose } from "../../src/composition.ts";
import { readConfig } from "../../src/config.ts";
import { answerWith, startIdentityEndpoint } from "../support/fixtures/identity-endpoint.ts";
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

/** Composes the app; its time for the policy is over as soon as the part that hangs was asked. */
async function composeWhile(isAsked: Promise<unknown>) {
  const waits: number[] = [];
  const composed = await compose(config, async (ms) => {
    waits.push(ms);
    await isAsked;
  });
  assert.deepEqual(waits, [5_000]);
  assert.equal(composed.readiness.currentPolicy.ageMs(Date.now()), undefined);
}

test("a load waits for 5 s at most for an identity endpoint that hangs", async () => {
  const asked = Promise.withResolvers<() => void>();
  identity.answer = (response) => asked.resolve(() => response.writeHead(400).end());
  await composeWhile(asked.promise);
  const end = await asked.promise;
  end();
});

test("a load waits for 5 s at most for storage that hangs", async () => {
  identity.answer = answerWith("token", { expires_on: `${Math.floor(Date.now() / 1_000) + 3_600}` });
  const connected = once(storage, "connection");
  await composeWhile(connected);
  const [socket] = await connected;
  socket.destroy();
});
