import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createCurrentCredentials } from "../../../../src/domain/credentials/current-credentials.ts";
import { ApplicationDirectoryError } from "../../../../src/domain/credentials/ports.ts";
import type { KeyholdEvent } from "../../../../src/domain/events.ts";
import { issueToken } from "../../../../src/domain/issuing/issue-token.ts";
import { Fault } from "../../../../src/domain/shared/fault.ts";
import { rejection } from "../../../support/fakes/token-endpoint.ts";
import { certificateNotAfterMs, makeRsa } from "../../../support/fixtures/certificates.ts";
import { keyIds, rotation } from "../../../support/fixtures/credential-check.ts";
import { newer, older } from "../../../support/fixtures/credentials.ts";
import { clientId, homeTenantId } from "../../../support/fixtures/ids.ts";
import { named } from "../../../support/fixtures/policy.ts";
import { thrownAt, validRequest } from "../../../support/fixtures/world.ts";

const [third, fourth] = await Promise.all([makeRsa(2048), makeRsa(2048)]);

describe("a run of the check", () => {
  test("mints one canary for each active or staged certificate, and promotes the staged one", async () => {
    const { world, run, states } = rotation();
    assert.deepEqual(await run(), ["credential_promoted", "credentials_checked"]);
    assert.deepEqual(keyIds(world), [older.keyId, newer.keyId]);
    assert.deepEqual(states(), ["older retiring", "newer active"]);
  });

  test("requests a token of the client for itself in the home tenant, as a canary in the ledger, and discards it", async () => {
    const { world, run } = rotation();
    await run();
    for (const call of world.tokenEndpoint.calls) {
      assert.deepEqual([call.tenantId, call.scope], [homeTenantId, `${clientId}/.default`]);
    }
    for (const { purpose, callerName, callerObjectId } of world.ledger.intents) {
      assert.deepEqual([purpose, callerName, callerObjectId], ["canary", "keyhold", undefined]);
    }
    const issued = await issueToken(validRequest(), world.context);
    assert.equal(issued.ok && issued.value.cached, false);
  });

  test("keeps the old certificate active if Entra refuses the new one, and reports it", async () => {
    const { world, run, states } = rotation();
    world.tokenEndpoint.next.push(
      { issued: true, accessToken: "x", expiresInSeconds: 1 },
      rejection([700027], { error: "invalid_client" }),
    );
    assert.deepEqual(await run(), ["credential_canary_failed", "credentials_checked"]);
    assert.deepEqual(states(), ["older active", "newer staged"]);
    const failed = world.events.find(({ event }) => event === "credential_canary_failed");
    assert.ok(failed?.event === "credential_canary_failed");
    assert.deepEqual(
      [failed.keyVersion, failed.state, failed.reason, failed.codes],
      [newer.keyVersion, "staged", "credential_rejected", [700027]],
    );
  });

  test("promotes the certificate in a later run, once Entra accepts it", async () => {
    const { world, run, states } = rotation();
    world.tokenEndpoint.next.push(
      { issued: true, accessToken: "x", expiresInSeconds: 1 },
      rejection([700027], { error: "invalid_client" }),
    );
    await run();
    assert.deepEqual(await run(), ["credential_promoted", "credentials_checked"]);
    assert.deepEqual(states(), ["older retiring", "newer active"]);
  });

  for (const [name, answer] of [
    ["Entra is down", new Fault("token_endpoint_unavailable")],
    ["the home tenant does not know the client", rejection([700016])],
  ] as const) {
    test(`does not promote while ${name}`, async () => {
      const { world, run, states } = rotation();
      world.tokenEndpoint.always = answer;
      assert.deepEqual(await run(), ["credential_canary_failed", "credential_canary_failed", "credentials_checked"]);
      assert.deepEqual(states(), ["older active", "newer staged"]);
    });
  }

  test("measures the clock of Entra for a canary as it does for a caller", async () => {
    const { world, run } = rotation();
    const serverTimeMs = world.clock.now() + 600_000;
    world.tokenEndpoint.next.push(rejection([700024], { error: "invalid_client", serverTimeMs }));
    assert.deepEqual(await run(), ["credential_promoted", "credentials_checked"]);
  });

  test("makes no signature for a suspended client, a retiring certificate or one that is not valid yet", async () => {
    const { world, run } = rotation();
    await run();
    world.signer.calls.length = 0;
    await run();
    assert.deepEqual(keyIds(world), [newer.keyId]);
    world.clock.advanceMs(certificateNotAfterMs);
    world.signer.calls.length = 0;
    await world.context.currentPolicy.load(world.clock.now());
    await run();
    assert.deepEqual(keyIds(world), []);
  });

  test("continues with the other clients if one cannot be checked", async () => {
    const { world, ports, run } = rotation((policy) => {
      named(policy.clients, "retired").state = "active";
    });
    const { update } = ports.store;
    ports.store.update = async (...args) => {
      if (args[0] === clientId) throw new TypeError("secret text");
      return update.apply(world.credentialStore, args);
    };
    const told = await run();
    assert.deepEqual(told, ["credentials_check_failed", "credentials_checked"]);
    const failed = { event: "credentials_check_failed", clientId, because: "TypeError", frames: [thrownAt] };
    assert.deepEqual(
      world.events.find(({ event }) => event === failed.event),
      failed,
    );
    assert.doesNotMatch(JSON.stringify(world.events), /secret text/);
  });

  test("fails before anything is signed if storage does not answer", async () => {
    const { world, run } = rotation();
    world.credentialStore.failure = new TypeError("down");
    await assert.rejects(run());
    assert.deepEqual(keyIds(world), []);
  });

  test("reports in every run that a certificate expires soon, and once that one may be removed", async () => {
    const { world, run } = rotation();
    await run();
    world.clock.advanceMs(certificateNotAfterMs - 20 * 86_400_000 - world.clock.now());
    await world.context.currentPolicy.load(world.clock.now());
    assert.deepEqual(await run(), ["credential_retired", "credential_expiring", "credentials_checked"]);
    assert.deepEqual(await run(), ["credential_expiring", "credentials_checked"]);
  });
});

describe("the publisher's certificates", () => {
  const inPolicy = (state: "staged" | "active" | "retiring", version: string) => ({
    ...{ keyId: newer.keyId.replace("client-assertion", "publisher").replace(/.$/, version), state },
    certificate: { a: third, b: fourth }[version]?.pem ?? "",
  });
  const expiring = (events: readonly KeyholdEvent[]) =>
    events.flatMap((each) => (each.event === "credential_expiring" && !each.clientId ? [each.daysLeft] : []));

  test("are reported before they expire, including the staged one, in every run; a canary promotes none of them", async () => {
    const { world, run } = rotation((policy) => {
      policy.publisher = { certificates: [inPolicy("active", "a"), inPolicy("staged", "b")] };
    });
    await run();
    assert.deepEqual(expiring(world.events), []);
    world.clock.advanceMs(certificateNotAfterMs - 20 * 86_400_000 - world.clock.now());
    await world.context.currentPolicy.load(world.clock.now());
    await run();
    assert.deepEqual(expiring(world.events), [20, 20]);
    await run();
    assert.deepEqual(expiring(world.events), [20, 20]);
    assert.deepEqual(
      world.credentialStore.states.get(homeTenantId)?.map(({ state }) => state),
      ["active", "staged"],
    );
    assert.ok(keyIds(world).every((keyId) => !keyId.includes("publisher")));
  });

  test("a retiring one may expire without a report", async () => {
    const { world, run } = rotation((policy) => {
      policy.publisher = { certificates: [inPolicy("retiring", "a"), inPolicy("active", "b")] };
    });
    world.clock.advanceMs(certificateNotAfterMs - 20 * 86_400_000 - world.clock.now());
    await world.context.currentPolicy.load(world.clock.now());
    await run();
    assert.deepEqual(expiring(world.events), [20]);
  });
});

describe("drift", () => {
  test("is reported in every run while it lasts, for suspended clients too", async () => {
    const { run, found } = rotation();
    await run();
    for (const [id, each] of found) found.set(id, { ...each, passwords: [{ on: "application", keyId: "p" }] });
    const told = ["credential_drift", "credential_drift", "credentials_checked"];
    assert.deepEqual(await run(), told);
    assert.deepEqual(await run(), told);
  });

  test("names the client, the difference and its severity", async () => {
    const { world, run, found } = rotation();
    await run();
    const ours = found.get(clientId) ?? assert.fail();
    found.set(clientId, { ...ours, isInstanceLocked: false });
    await run();
    const [drift] = world.events.filter(({ event }) => event === "credential_drift");
    assert.ok(drift?.event === "credential_drift");
    assert.deepEqual(
      [drift.clientId, drift.client, drift.finding, drift.severity],
      [clientId, "broker", "instance_lock_off", 1],
    );
  });

  test("that cannot be checked is reported too, and the other checks continue", async () => {
    const { world, ports, run } = rotation();
    ports.directory.credentialsOf = async () => {
      throw new ApplicationDirectoryError("graph_forbidden");
    };
    assert.deepEqual(await run(), [
      "credential_promoted",
      "credentials_check_failed",
      "credentials_check_failed",
      "credentials_checked",
    ]);
    const failed = world.events.filter((event) => event.event === "credentials_check_failed");
    assert.ok(failed.every(({ because }) => because === "graph_forbidden"));
    assert.ok(
      failed.every((event) => !("frames" in event)),
      "what is expected has no stack frames",
    );
  });
});

describe("issuing after a promotion", () => {
  test("signs with the new certificate on every instance that has read the state", async () => {
    const { world, run } = rotation();
    await run();
    world.signer.calls.length = 0;
    await issueToken(validRequest(), world.context);
    assert.deepEqual(keyIds(world), [newer.keyId]);
  });

  test("falls back once to the previous certificate if Entra refuses the new one after all, and keeps it", async () => {
    const { world, run, states } = rotation();
    await run();
    world.signer.calls.length = 0;
    world.tokenEndpoint.next.push(rejection([700027], { error: "invalid_client" }));
    const issued = await issueToken(validRequest(), world.context);
    assert.equal(issued.ok, true);
    await world.settled();
    assert.deepEqual(keyIds(world), [newer.keyId, older.keyId]);
    assert.deepEqual(states(), ["older active", "newer staged"]);
    assert.ok(world.events.some(({ event }) => event === "credential_fallback"));
    await issueToken(validRequest({ scope: validRequest().scope, tenantId: validRequest().tenantId }), world.context);
    assert.equal(world.signer.calls.length, 2);
  });

  test("reports the fallback in every run for six hours, until a canary promotes the certificate again", async () => {
    const { world, run } = rotation();
    await run();
    world.tokenEndpoint.next.push(rejection([700027], { error: "invalid_client" }));
    await issueToken(validRequest(), world.context);
    await world.settled();
    const told = async () => {
      await run();
      return world.events.filter(({ event }) => event === "credential_fallback");
    };
    const [event] = await told();
    assert.ok(event?.event === "credential_fallback");
    assert.deepEqual([event.keyName, event.to], [newer.keyName, older.thumbprint]);
    world.clock.advanceMs(5 * 3_600_000);
    assert.equal((await told()).length, 1);
    world.clock.advanceMs(3_600_000);
    assert.equal((await told()).length, 0);
  });

  test("does not fall back twice, and remembers the failure", async () => {
    const { world, run, states } = rotation();
    await run();
    world.signer.calls.length = 0;
    world.tokenEndpoint.always = rejection([700027], { error: "invalid_client" });
    for (let i = 0; i < 3; i++) await assert.rejects(issueToken(validRequest(), world.context), Fault);
    assert.deepEqual(keyIds(world), [newer.keyId, older.keyId]);
    assert.deepEqual(states(), ["older retiring", "newer active"]);
  });
});

describe("a disabled key version is a kill switch", () => {
  const disabled = new Fault("signer_key_disabled", { codes: [403] });

  test("cached tokens are no longer returned once the vault has reported it, even if there is another certificate", async () => {
    const { world, run } = rotation();
    await run();
    assert.equal((await issueToken(validRequest(), world.context)).ok, true);
    world.signer.failure = disabled;
    await run();
    await assert.rejects(
      issueToken(validRequest(), world.context),
      (error) => error instanceof Fault && error.code === "signer_key_disabled",
    );
    assert.ok(world.events.some(({ event }) => event === "credential_disabled"));
  });

  test("a disabled version is reported in every run, even by an instance that never asked the vault", async () => {
    const { world, ports, run } = rotation();
    await run();
    world.signer.failure = disabled;
    const told = () => world.events.filter(({ event }) => event === "credential_disabled").length;
    await run();
    assert.equal(told(), 1);
    await run();
    assert.equal(told(), 1);
    ports.credentials = createCurrentCredentials(world.credentialStore, world.record);
    await ports.credentials.reload();
    await run();
    assert.equal(told(), 1);
    world.signer.failure = undefined;
    await run();
    await run();
    assert.equal(told(), 0);
  });

  test("another instance refuses as soon as it has read the state", async () => {
    const { world, run } = rotation();
    await run();
    assert.equal((await issueToken(validRequest(), world.context)).ok, true);
    const [record] = world.credentialStore.states.get(clientId)?.slice(1) ?? [];
    assert.ok(record);
    world.credentialStore.states.set(clientId, [{ ...record, disabledAtMs: 1 }]);
    assert.equal((await issueToken(validRequest(), world.context)).ok, true);
    await world.credentials.reload();
    world.signer.failure = disabled;
    await assert.rejects(issueToken(validRequest(), world.context), Fault);
  });

  test("cached tokens are served again when the vault signs again", async () => {
    const { world, run } = rotation();
    await run();
    await issueToken(validRequest(), world.context);
    world.signer.failure = disabled;
    await run();
    await assert.rejects(issueToken(validRequest(), world.context), Fault);
    world.signer.failure = undefined;
    assert.ok((await run()).includes("credential_enabled"));
    world.clock.advanceSeconds(61);
    assert.equal((await issueToken(validRequest(), world.context)).ok, true);
  });

  test("it is reported once, however many requests it affects", async () => {
    const { world } = rotation();
    world.signer.failure = disabled;
    for (let i = 0; i < 3; i++) {
      await assert.rejects(issueToken(validRequest(), world.context), Fault);
      world.clock.advanceSeconds(61);
    }
    assert.equal(world.events.filter(({ event }) => event === "credential_disabled").length, 1);
  });
});
