/** What a run of the check reports and stores, exactly: alarms and the command line depend on it. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { CredentialState } from "../../../../src/domain/credentials/credential-state.ts";
import type { KeyholdEvent } from "../../../../src/domain/events.ts";
import { Fault } from "../../../../src/domain/shared/fault.ts";
import { startMs } from "../../../support/fakes/clock.ts";
import { rejection } from "../../../support/fakes/token-endpoint.ts";
import { certificateNotAfterMs } from "../../../support/fixtures/certificates.ts";
import { keyIds, rotation } from "../../../support/fixtures/credential-check.ts";
import { newer, newest, newestKey, older, stateOf } from "../../../support/fixtures/credentials.ts";
import { clientId, homeTenantId } from "../../../support/fixtures/ids.ts";
import { certificateDocument, named } from "../../../support/fixtures/policy.ts";

const dayMs = 86_400_000;
const facts = ({ keyName, keyVersion, thumbprint }: typeof older) => ({ clientId, keyName, keyVersion, thumbprint });
const { thumbprint: olderThumbprint } = older;
type Rotation = ReturnType<typeof rotation>;

const publisher = { keyId: newest.keyId.replace("client-assertion", "publisher"), certificate: newestKey.pem };

const eventsOf = ({ world }: Rotation, name: KeyholdEvent["event"]) =>
  world.events.filter(({ event }) => event === name);

/** At each update storage first has what another instance wrote, and then, since that had come in between, this. */
function overtaken({ ports, world }: Rotation, state: CredentialState): void {
  const { update } = ports.store;
  ports.store.update = async (id, change) => {
    change(world.credentialStore.states.get(id) ?? []);
    world.credentialStore.states.set(id, state);
    return Reflect.apply(update, world.credentialStore, [id, change]);
  };
}

async function atDaysBeforeTheEnd({ world }: Rotation, days: number): Promise<void> {
  world.clock.advanceMs(certificateNotAfterMs - days * dayMs - world.clock.now());
  await world.context.currentPolicy.load(world.clock.now());
}

describe("a run", () => {
  test("reports how many clients and canaries there were, and how long it took", async () => {
    const check = rotation();
    const { requestToken } = check.world.tokenEndpoint;
    check.world.tokenEndpoint.requestToken = (input) => {
      check.world.clock.advanceMs(100);
      return Reflect.apply(requestToken, check.world.tokenEndpoint, [input]);
    };
    await check.run();
    const checked = { event: "credentials_checked", clients: 1, canaries: 2, durationMs: 200 };
    assert.deepEqual(eventsOf(check, "credentials_checked"), [checked]);
  });

  test("reports which certificate signs from now on", async () => {
    const check = rotation();
    await check.run();
    assert.deepEqual(eventsOf(check, "credential_promoted"), [{ event: "credential_promoted", ...facts(newer) }]);
  });

  test("checks all clients, eight at a time", async () => {
    const ids = Array.from({ length: 19 }, (_, i) => `30000000-0000-4000-8000-0000000001${`${i}`.padStart(2, "0")}`);
    const check = rotation((policy) => {
      const certificates = [certificateDocument()];
      policy.clients.push(
        ...ids.map((id, i) => ({ name: `client-${i}`, clientId: id, state: "active" as const, certificates })),
      );
    });
    const [asked, most, running] = [new Set<string>(), { atOnce: 0 }, new Set<string>()];
    check.ports.directory.credentialsOf = async (id) => {
      running.add(id);
      most.atOnce = Math.max(most.atOnce, running.size);
      await new Promise(setImmediate);
      running.delete(id);
      asked.add(id);
      return check.found.get(id) ?? assert.fail();
    };
    await check.run();
    assert.deepEqual([asked.size, most.atOnce], [21, 8]);
  });

  test("that fails with a value that is not an Error reports it as unknown", async () => {
    const check = rotation();
    check.ports.directory.credentialsOf = () => Promise.reject("secret text");
    await check.run();
    const [failed] = eventsOf(check, "credentials_check_failed");
    assert.ok(failed?.event === "credentials_check_failed");
    assert.deepEqual([failed.because, failed.frames?.length], ["unknown", 1]);
  });
});

describe("a canary", () => {
  const failures: [what: string, fail: (check: Rotation) => void, failure: object][] = [
    [
      "that Entra refuses for its certificate",
      ({ world }) => (world.tokenEndpoint.always = rejection([700027], { error: "invalid_client" })),
      { reason: "credential_rejected", codes: [700027] },
    ],
    [
      "that Entra refuses for its tenant",
      ({ world }) => (world.tokenEndpoint.always = rejection([700016])),
      { reason: "tenant_not_consented", codes: [700016] },
    ],
    [
      "while Entra is down",
      ({ world }) => (world.tokenEndpoint.always = new Fault("token_endpoint_unavailable")),
      { reason: "token_endpoint_unavailable" },
    ],
    [
      "with an error that nobody expects",
      ({ world }) => (world.signer.failure = new TypeError("secret text")),
      { reason: "TypeError" },
    ],
  ];
  for (const [what, fail, failure] of failures) {
    test(`fails ${what}: reported and stored with its reason`, async () => {
      const check = rotation();
      fail(check);
      await check.run();
      assert.deepEqual(eventsOf(check, "credential_canary_failed"), [
        { event: "credential_canary_failed", ...facts(older), state: "active", ...failure },
        { event: "credential_canary_failed", ...facts(newer), state: "staged", ...failure },
      ]);
      const stored = check.world.credentialStore.states.get(clientId);
      for (const { canary } of stored ?? assert.fail()) {
        const { atMs, ...rest } = canary ?? assert.fail();
        assert.ok(atMs >= startMs && atMs <= check.world.clock.now());
        assert.deepEqual(rest, { ok: false, ...failure });
      }
    });
  }

  test("that succeeds is stored with its time", async () => {
    const check = rotation();
    await check.run();
    assert.deepEqual(
      check.world.credentialStore.states.get(clientId)?.map(({ canary }) => canary),
      [
        { atMs: startMs, ok: true },
        { atMs: startMs, ok: true },
      ],
    );
  });

  test("is not requested with a certificate that is not valid yet", async () => {
    const check = rotation();
    const policy = await check.world.context.currentPolicy.at(check.world.clock.now());
    const client = policy.clients.get(clientId) ?? assert.fail();
    Object.assign(client.certificates[1] ?? assert.fail(), { notBeforeMs: startMs + 1 });
    await check.run();
    assert.deepEqual(keyIds(check.world), [older.keyId]);
  });
});

describe("a change that another instance has stored meanwhile", () => {
  test("is respected: a certificate that it promoted is not reported as promoted again", async () => {
    const check = rotation();
    overtaken(check, stateOf([older, "retiring"], [newer, "active"]));
    assert.deepEqual(await check.run(), ["credentials_checked"]);
    assert.deepEqual(check.states(), ["older retiring", "newer active"]);
  });

  test("causes no duplicate report", async () => {
    const check = rotation((policy) => {
      policy.publisher = { certificates: [{ ...publisher, state: "active" }] };
    });
    await check.run();
    await atDaysBeforeTheEnd(check, 20);
    overtaken(check, check.world.credentialStore.states.get(clientId) ?? []);
    assert.deepEqual(await check.run(), [
      "credential_retired",
      "credential_expiring",
      "credential_expiring",
      "credentials_checked",
    ]);
  });

  test("is reported by the instance that noticed it, and by this one from its next run on", async () => {
    const check = rotation();
    const mark = { refusedAtMs: startMs, disabledAtMs: startMs };
    check.world.credentialStore.states.set(clientId, stateOf([older, "active"]));
    overtaken(check, stateOf([older, "active"], [newer, "staged", mark]));
    const told = async () => (await check.run()).filter((name) => /disabled|fallback|failed/.test(name));
    assert.deepEqual([await told(), await told()], [[], ["credential_disabled", "credential_fallback"]]);
  });
});

describe("a lasting condition is reported in every run", () => {
  /** Both key versions sign; the table says otherwise of the one that waits. */
  async function reported(more: object, name: KeyholdEvent["event"], before: object = more) {
    const check = rotation();
    check.world.credentialStore.states.set(clientId, stateOf([older, "active", before], [newer, "staged", more]));
    check.world.tokenEndpoint.always = new Fault("token_endpoint_unavailable");
    check.world.signer.failure = new Fault("signer_unavailable");
    await check.run();
    return eventsOf(check, name);
  }

  test("a disabled key version", async () => {
    const event = "credential_disabled";
    assert.deepEqual(await reported({ disabledAtMs: startMs }, event, {}), [{ event, ...facts(newer) }]);
  });

  test("a certificate that another one replaces, but not the replacement", async () => {
    const event = "credential_fallback";
    const refused = { refusedAtMs: startMs };
    const expected = { event, ...facts(newer), to: olderThumbprint, codes: [] };
    assert.deepEqual(await reported(refused, event), [expected]);
  });

  test("with Entra's answer to its last canary", async () => {
    const check = rotation();
    check.world.credentialStore.states.set(
      clientId,
      stateOf([older, "active"], [newer, "staged", { refusedAtMs: startMs }]),
    );
    check.world.tokenEndpoint.always = rejection([700027], { error: "invalid_client" });
    await check.run();
    const expected = { event: "credential_fallback", ...facts(newer), to: olderThumbprint, codes: [700027] };
    assert.deepEqual(eventsOf(check, "credential_fallback"), [expected]);
  });

  test("a certificate that expires soon, but not a retiring one, which may be removed", async () => {
    const check = rotation();
    await check.run();
    await atDaysBeforeTheEnd(check, 20);
    await check.run();
    const warning = { daysLeft: 20, threshold: 30, severity: 3 };
    assert.deepEqual(eventsOf(check, "credential_expiring"), [
      { event: "credential_expiring", ...facts(newer), ...warning },
    ]);
    assert.deepEqual(eventsOf(check, "credential_retired"), [{ event: "credential_retired", ...facts(older) }]);
    assert.deepEqual(
      check.world.credentialStore.states.get(clientId)?.map(({ isRetiredTold }) => isRetiredTold),
      [true, undefined],
    );
  });
});

describe("the publisher's certificates", () => {
  test("are stored with the time since which the policy assigns their state", async () => {
    const check = rotation((policy) => {
      policy.publisher = { certificates: [{ ...publisher, state: "active" }] };
    });
    const { x5tS256 } = newest;
    const stored = () => check.world.credentialStore.states.get(homeTenantId);
    await check.run();
    assert.deepEqual(stored(), [{ x5tS256, state: "active", sinceMs: startMs }]);
    check.world.clock.advanceMs(dayMs);
    await check.world.context.currentPolicy.load(check.world.clock.now());
    await check.run();
    assert.deepEqual(stored(), [{ x5tS256, state: "active", sinceMs: startMs }]);
    check.world.credentialStore.states.set(homeTenantId, [{ x5tS256, state: "staged", sinceMs: startMs }]);
    await check.run();
    assert.deepEqual(stored(), [{ x5tS256, state: "active", sinceMs: startMs + dayMs }]);
  });

  test("are reported under the vault's names, without a client", async () => {
    const check = rotation((policy) => {
      policy.publisher = { certificates: [{ ...publisher, state: "active" }] };
    });
    await atDaysBeforeTheEnd(check, 7);
    await check.run();
    const { thumbprint, keyVersion } = newest;
    const names = { keyName: "publisher", keyVersion, thumbprint };
    const warning = { daysLeft: 7, threshold: 7, severity: 1 };
    const events = eventsOf(check, "credential_expiring").filter((event) => !("clientId" in event));
    assert.deepEqual(events, [{ event: "credential_expiring", ...names, ...warning }]);
  });
});

test("drift is reported completely: the client, the credential and the difference in words", async () => {
  const check = rotation();
  await check.run();
  const ours = check.found.get(clientId) ?? assert.fail();
  check.found.set(clientId, { ...ours, passwords: [{ on: "application", keyId: "p" }] });
  await check.run();
  assert.deepEqual(eventsOf(check, "credential_drift"), [
    {
      ...{ event: "credential_drift", clientId, client: "broker", finding: "foreign_password", severity: 0 },
      ...{ on: "application", keyId: "p", difference: "a client secret is registered: Keyhold uses none" },
    },
  ]);
});

test("a suspended client has no canary, and its certificates stay unchanged", async () => {
  const check = rotation((policy) => {
    named(policy.clients, "broker").state = "suspended";
  });
  await check.run();
  assert.deepEqual([keyIds(check.world), check.states()], [[], []]);
});
