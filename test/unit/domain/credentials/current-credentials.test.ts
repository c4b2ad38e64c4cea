/**
 * What one process knows of the certificates: from storage, and from the answers of vault and Entra to the process
 * itself.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createCurrentCredentials } from "../../../../src/domain/credentials/current-credentials.ts";
import type { CredentialEvent } from "../../../../src/domain/credentials/events.ts";
import { startMs } from "../../../support/fakes/clock.ts";
import { createFakeCredentialStore } from "../../../support/fakes/credential-store.ts";
import { namesOf, newer, older, stateOf } from "../../../support/fixtures/credentials.ts";
import { clientId, homeTenantId } from "../../../support/fixtures/ids.ts";

const client = { clientId, certificates: [older, newer] };
/** Another client with the same certificates. */
const other = { clientId: homeTenantId, certificates: [older, newer] };
const facts = ({ keyName, keyVersion, thumbprint }: typeof older) => ({ clientId, keyName, keyVersion, thumbprint });
const minuteMs = 60_000;

/** A process that has read that `newer` signs and `older` did before. */
async function createProcess() {
  const store = createFakeCredentialStore();
  const state = stateOf([older, "retiring"], [newer, "active"]);
  for (const each of [client, other]) store.states.set(each.clientId, state);
  const events: CredentialEvent[] = [];
  const credentials = createCurrentCredentials(store, (event) => events.push(event));
  await credentials.reload();
  const stored = () => store.states.get(clientId) ?? [];
  return { store, events, credentials, stored };
}

test("until storage was read, the policy alone decides: its first certificate signs", async () => {
  const { store } = await createProcess();
  const credentials = createCurrentCredentials(store, () => assert.fail("an event"));
  assert.equal(credentials.certificateOf(client, startMs), older);
  store.failure = new TypeError("down");
  await credentials.reload();
  assert.equal(credentials.certificateOf(client, startMs), older);
});

test("the last state that was read stays in use while storage does not answer", async () => {
  const { store, credentials } = await createProcess();
  store.failure = new TypeError("down");
  await credentials.reload();
  assert.equal(credentials.certificateOf(client, startMs), newer);
});

describe("a key version that the vault reports as disabled", () => {
  test("stops its client, is stored and reported, once", async () => {
    const { credentials, events, stored } = await createProcess();
    assert.equal(credentials.isStopped(client, startMs), false);
    for (let i = 0; i < 2; i++) credentials.noteDisabled(client, newer, startMs + i);
    assert.equal(credentials.isStopped(client, startMs), true);
    assert.deepEqual(events, [{ event: "credential_disabled", ...facts(newer) }]);
    assert.deepEqual(
      stored().map(({ disabledAtMs }) => disabledAtMs),
      [undefined, startMs],
    );
  });

  test("stops its client even if the mark was removed from storage, and stops no other client", async () => {
    const { store, credentials } = await createProcess();
    credentials.noteDisabled(client, newer, startMs);
    store.states.set(clientId, stateOf([older, "retiring"], [newer, "active"]));
    await credentials.reload();
    assert.equal(credentials.isStopped(client, startMs), true);
    assert.equal(credentials.isStopped(other, startMs), false);
  });

  test("stops its client even if storage is down", async () => {
    const { store, credentials, events } = await createProcess();
    store.failure = new TypeError("down");
    credentials.noteDisabled(client, newer, startMs);
    assert.equal(credentials.isStopped(client, startMs), true);
    assert.equal(events.length, 1);
  });

  test("is usable again as soon as the vault signs with it, which is stored and reported, once", async () => {
    const { credentials, events, stored } = await createProcess();
    credentials.noteDisabled(client, newer, startMs);
    events.length = 0;
    for (let i = 0; i < 2; i++) credentials.noteSigned(client, newer, startMs);
    assert.equal(credentials.isStopped(client, startMs), false);
    assert.deepEqual(events, [{ event: "credential_enabled", ...facts(newer) }]);
    assert.deepEqual(stored(), stateOf([older, "retiring"], [newer, "active"]));
  });

  test("is usable again in a process that only read of it, as soon as the vault signs there", async () => {
    const { store, credentials, events, stored } = await createProcess();
    store.states.set(clientId, stateOf([older, "retiring"], [newer, "active", { disabledAtMs: startMs }]));
    await credentials.reload();
    assert.equal(credentials.isStopped(client, startMs), true);
    credentials.noteSigned(client, newer, startMs);
    assert.equal(credentials.isStopped(client, startMs), false);
    assert.deepEqual(events, [{ event: "credential_enabled", ...facts(newer) }]);
    assert.equal(stored()[1]?.disabledAtMs, undefined);
  });

  test("does not undo what another process has stored in the meantime", async () => {
    const { store, credentials, stored } = await createProcess();
    const canary = { atMs: startMs, ok: true };
    store.states.set(clientId, stateOf([older, "active", { canary }], [newer, "staged"]));
    credentials.noteDisabled(client, newer, startMs);
    assert.deepEqual(stored(), stateOf([older, "active", { canary }], [newer, "staged", { disabledAtMs: startMs }]));
  });
});

test("a normal signature changes and reports nothing", async () => {
  const { credentials, events, stored } = await createProcess();
  const before = stored();
  credentials.noteSigned(client, newer, startMs);
  assert.equal(stored(), before);
  assert.deepEqual(events, []);
});

describe("a certificate that Entra refuses", () => {
  test("is not an alternative for this client for ten minutes, and stays one for another client", async () => {
    const { credentials } = await createProcess();
    credentials.noteRefused(client, older, startMs);
    const after = (minutes: number) => credentials.alternativesTo(newer, client, startMs + minutes * minuteMs);
    assert.deepEqual([after(0), after(9.9), after(10)], [[], [], [older]]);
    assert.deepEqual(credentials.alternativesTo(newer, other, startMs), [older]);
  });

  test("stays disabled for this process if the vault has reported it as disabled before", async () => {
    const { credentials } = await createProcess();
    credentials.noteDisabled(client, older, startMs);
    credentials.noteRefused(client, older, startMs);
    assert.deepEqual(credentials.alternativesTo(newer, client, startMs + 10 * minuteMs), []);
  });

  test("is exchanged for the accepted one: at once, in storage and in a report", async () => {
    const { credentials, events, stored } = await createProcess();
    credentials.noteFallback(client, { refused: newer, accepted: older, codes: [700027] }, startMs);
    assert.equal(credentials.certificateOf(client, startMs), older);
    assert.deepEqual(namesOf(stored()), ["older active", "newer staged"]);
    const { thumbprint: to } = older;
    assert.deepEqual(events, [{ event: "credential_fallback", ...facts(newer), to, codes: [700027] }]);
  });
});
