import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type {
  CanaryRecord,
  CertificateRecord,
  CredentialState,
} from "../../../../src/domain/credentials/credential-state.ts";
import {
  align,
  alternativesTo,
  applyCanaries,
  chooseCertificate,
  fallBack,
  isRetiredNow,
  isStopped,
  markDisabled,
  recordOf,
} from "../../../../src/domain/credentials/life-cycle.ts";
import type { SigningCertificate } from "../../../../src/domain/signing/certificate.ts";
import { startMs } from "../../../support/fakes/clock.ts";
import { certificateNotAfterMs } from "../../../support/fixtures/certificates.ts";
import { all, namesOf, newer, newest, older, stateOf } from "../../../support/fixtures/credentials.ts";
import { holds } from "../../../support/fixtures/property.ts";

const hourMs = 3_600_000;
const ok: CanaryRecord = { atMs: startMs, ok: true };
const failed: CanaryRecord = { atMs: startMs, ok: false, reason: "credential_rejected", codes: [700027] };
const canaries = (...each: [SigningCertificate, CanaryRecord][]) =>
  new Map(each.map(([{ x5tS256 }, canary]) => [x5tS256, canary]));

describe("which certificate signs", () => {
  test("with no stored state the first of the policy signs, and the others wait", () => {
    assert.deepEqual(namesOf(align([older, newer], [], startMs)), ["older active", "newer staged"]);
  });

  test("one that is newly in the policy waits", () => {
    const state = align(all, stateOf([older, "active"]), startMs);
    assert.deepEqual(namesOf(state), ["older active", "newer staged", "newest staged"]);
  });

  test("one that is removed from the policy is forgotten, and the previous one signs again", () => {
    const state = stateOf([older, "retiring"], [newer, "active"], [newest, "staged"]);
    assert.deepEqual(namesOf(align([older, newest], state, startMs)), ["older active", "newest staged"]);
  });

  test("of several that signed before, the last one, in any order of the policy", () => {
    const state = stateOf([older, "retiring", { sinceMs: startMs - hourMs }], [newest, "retiring"]);
    for (const registered of [all, all.toReversed()]) {
      const active = align(registered, state, startMs).filter((record) => record.state === "active");
      assert.deepEqual(active, [{ x5tS256: newest.x5tS256, state: "active", sinceMs: startMs }]);
    }
  });

  test("without certificates none signs, and nothing is stopped", () => {
    assert.deepEqual(align([], stateOf([older, "active"]), startMs), []);
    assert.equal(chooseCertificate([], [], startMs), undefined);
    assert.equal(isStopped([], stateOf([older, "active", { disabledAtMs: startMs }]), startMs), false);
  });

  test("from the moment that it is valid by its dates", () => {
    const state = stateOf([older, "retiring"], [newer, "active"]);
    const from = (notBeforeMs: number) => chooseCertificate([older, { ...newer, notBeforeMs }], state, startMs);
    assert.equal(from(startMs)?.keyId, newer.keyId);
    assert.equal(from(startMs + 1), older);
  });

  test("while the active one is not valid by its dates, another valid one signs", () => {
    const expired = { ...newer, notAfterMs: startMs };
    const state = stateOf([older, "retiring"], [newer, "active"]);
    assert.equal(chooseCertificate([older, expired], state, startMs), older);
  });

  test("if none is valid it is still the active one, so that the fault names it", () => {
    const state = stateOf([older, "active"]);
    assert.equal(chooseCertificate([older], state, certificateNotAfterMs), older);
  });

  test("a state written by an attacker cannot introduce a certificate that the policy does not list", () => {
    const state = stateOf([newest, "active"], [older, "staged"]);
    assert.equal(chooseCertificate([older, newer], state, startMs), older);
  });
});

describe("a canary that succeeds promotes", () => {
  const before = stateOf([older, "active"], [newer, "staged"]);

  test("the staged certificate, and the previous one retires", () => {
    const { state, promoted } = applyCanaries([older, newer], before, canaries([older, ok], [newer, ok]), startMs);
    assert.deepEqual(namesOf(state), ["older retiring", "newer active"]);
    assert.equal(promoted, newer);
  });

  test("of several, the last one in the policy", () => {
    const { promoted } = applyCanaries(all, before, canaries([newer, ok], [newest, ok]), startMs);
    assert.equal(promoted, newest);
  });

  for (const [name, results] of [
    ["one whose canary failed", canaries([older, ok], [newer, failed])],
    ["one that had no canary in this run, whatever the last one said", canaries([older, ok])],
  ] as const) {
    test(`but not ${name}`, () => {
      const known = stateOf([older, "active"], [newer, "staged", { canary: ok }]);
      const { state, promoted } = applyCanaries([older, newer], known, results, startMs);
      assert.deepEqual(namesOf(state), ["older active", "newer staged"]);
      assert.equal(promoted, undefined);
    });
  }

  test("and its answer is kept until the next one", () => {
    const known = stateOf([older, "active", { canary: ok }], [newer, "staged", { canary: ok }]);
    const { state } = applyCanaries([older, newer], known, canaries([newer, failed]), startMs);
    assert.deepEqual(
      state.map(({ canary }) => canary),
      [ok, failed],
    );
  });

  test("but not, for six hours, one that Entra refused in production", () => {
    const refused = stateOf([older, "active"], [newer, "staged", { refusedAtMs: startMs }]);
    const at = (nowMs: number) => applyCanaries([older, newer], refused, canaries([newer, ok]), nowMs).promoted;
    assert.equal(at(startMs + 6 * hourMs - 1), undefined);
    assert.equal(at(startMs + 6 * hourMs), newer);
  });

  test("and does not affect a retiring certificate", () => {
    const state = stateOf([older, "retiring"], [newer, "active"]);
    assert.equal(applyCanaries([older, newer], state, canaries([older, ok]), startMs).promoted, undefined);
  });
});

describe("when Entra refuses the active certificate", () => {
  test("the one that signed before is tried first, then a staged one", () => {
    const state = stateOf([older, "staged"], [newer, "active"], [newest, "retiring"]);
    assert.deepEqual(alternativesTo(newer, all, state, startMs), [newest, older]);
  });

  test("if another one than the active was refused, the active one is tried first", () => {
    const state = stateOf([older, "retiring"], [newer, "active"], [newest, "staged"]);
    assert.deepEqual(alternativesTo(older, all, state, startMs), [newer, newest]);
  });

  test("they are exchanged, and the refused one is staged again", () => {
    const state = fallBack(stateOf([older, "retiring"], [newer, "active"]), newer, older, startMs);
    assert.deepEqual(namesOf(state), ["older active", "newer staged"]);
    assert.equal(state[1]?.refusedAtMs, startMs);
  });

  test("an instance that notices it later does not change the time since which the other one signs", () => {
    const once = fallBack(stateOf([older, "retiring"], [newer, "active"]), newer, older, startMs);
    const [first, second] = fallBack(once, newer, older, startMs + 1);
    assert.deepEqual([first?.state, first?.sinceMs], ["active", startMs]);
    assert.deepEqual([second?.state, second?.sinceMs], ["staged", startMs + 1]);
  });

  for (const [name, mark] of [
    ["the vault has called disabled", { disabledAtMs: startMs - 24 * hourMs }],
    ["Entra has refused in the last ten minutes", { refusedAtMs: startMs - hourMs / 6 + 1 }],
  ] as const) {
    test(`one that ${name} to this process is not an alternative`, () => {
      const state = stateOf([older, "retiring"], [newer, "active"]);
      const seen = new Map([[older.x5tS256, mark]]);
      assert.deepEqual(alternativesTo(newer, [older, newer], state, startMs, seen), []);
    });
  }

  test("one that Entra refused to this process ten minutes ago is tried again", () => {
    const state = stateOf([older, "retiring"], [newer, "active"]);
    const seen = new Map([[older.x5tS256, { refusedAtMs: startMs - hourMs / 6 }]]);
    assert.deepEqual(alternativesTo(newer, [older, newer], state, startMs, seen), [older]);
  });

  test("one that is not valid by its dates is not an alternative", () => {
    const expired = { ...older, notAfterMs: startMs };
    const state = stateOf([older, "retiring"], [newer, "active"]);
    assert.deepEqual(alternativesTo(newer, [expired, newer], state, startMs), []);
  });
});

describe("a disabled key version", () => {
  const state = stateOf([older, "retiring"], [newer, "active"]);

  test("stops its client, and the client does not fall back to another certificate", () => {
    const disabled = markDisabled(state, newer, startMs);
    assert.equal(isStopped([older, newer], disabled, startMs), true);
    assert.equal(chooseCertificate([older, newer], disabled, startMs), newer);
  });

  test("that is not the active one stops nothing", () => {
    assert.equal(isStopped([older, newer], markDisabled(state, older, startMs), startMs), false);
  });

  test("keeps the time at which it was first seen, until the vault signs again", () => {
    const twice = markDisabled(markDisabled(state, newer, startMs), newer, startMs + 1);
    assert.equal(twice[1]?.disabledAtMs, startMs);
    assert.equal(isStopped([older, newer], markDisabled(twice, newer, undefined), startMs), false);
  });

  test("does not give way to a certificate that was added at the same time", () => {
    const disabled = markDisabled(stateOf([older, "active"], [newer, "staged"]), older, startMs);
    assert.equal(applyCanaries([older, newer], disabled, canaries([newer, ok]), startMs + 1).promoted, undefined);
  });

  test("gives way to a new certificate whose canary succeeds", () => {
    const disabled = markDisabled(state, newer, startMs);
    const { state: after } = applyCanaries(all, disabled, canaries([newest, ok]), startMs + 1);
    assert.equal(isStopped(all, after, startMs + 1), false);
  });

  test("does not give way to a certificate that was staged before the version was disabled", () => {
    const waiting = stateOf([older, "retiring"], [newer, "active"], [newest, "staged"]);
    const disabled = markDisabled(waiting, newer, startMs + hourMs);
    const { state: after, promoted } = applyCanaries(all, disabled, canaries([newest, ok]), startMs + 2 * hourMs);
    assert.equal(promoted, undefined);
    assert.equal(isStopped(all, after, startMs + 2 * hourMs), true);
  });

  test("still stops its client when its certificate also expires", () => {
    const expired = { ...newer, notAfterMs: startMs + hourMs };
    const disabled = markDisabled(state, newer, startMs);
    const seen = new Map([[newer.x5tS256, { disabledAtMs: startMs }]]);
    assert.equal(isStopped([older, expired], disabled, startMs + hourMs, seen), true);
    assert.equal(chooseCertificate([older, expired], disabled, startMs + hourMs, seen), expired);
  });

  test("stops its client whatever else this process has seen", () => {
    const seen = new Map([
      [older.x5tS256, { refusedAtMs: startMs }],
      [newer.x5tS256, { disabledAtMs: startMs }],
    ]);
    assert.equal(isStopped([older, newer], state, startMs, seen), true);
  });

  test("that this process has seen stops its client even if the table does not have it", () => {
    const seen = new Map([[newer.x5tS256, { disabledAtMs: startMs }]]);
    assert.equal(isStopped([older, newer], state, startMs, seen), true);
    assert.equal(
      isStopped([older, newer], state, startMs, new Map([[older.x5tS256, { disabledAtMs: startMs }]])),
      false,
    );
  });
});

describe("what an attacker writes into the table", () => {
  for (const [name, mark] of [
    ["disabled in the vault", { disabledAtMs: startMs }],
    ["refused in the last six hours", { refusedAtMs: startMs - 6 * hourMs + 1 }],
  ] as const) {
    test(`does not remove a certificate that it marks as ${name}: it is tried last`, () => {
      const state = stateOf([older, "retiring", mark], [newer, "active"], [newest, "staged"]);
      assert.deepEqual(alternativesTo(newer, all, state, startMs), [newest, older]);
    });

    test(`cannot make an expired certificate sign by marking it as ${name}`, () => {
      const expired = { ...newer, notAfterMs: startMs };
      const state = stateOf([older, "retiring", mark], [newer, "active", mark]);
      assert.equal(chooseCertificate([older, expired], state, startMs), older);
    });
  }

  test("does not last longer by using times in the future", () => {
    const farMs = startMs + 1_000 * hourMs;
    const state = stateOf(
      [older, "active", { disabledAtMs: farMs }],
      [newer, "staged", { refusedAtMs: farMs, sinceMs: farMs }],
    );
    const { state: after, promoted } = applyCanaries([older, newer], state, canaries([newer, ok]), startMs);
    assert.equal(promoted, newer);
    assert.deepEqual(namesOf(after), ["older retiring", "newer active"]);
    assert.equal(isStopped([older, newer], state, startMs), false);
  });

  test("counts once for each certificate: the first record is used", () => {
    const twice = stateOf([older, "active"], [newer, "staged"], [newer, "active"], [older, "retiring"]);
    assert.deepEqual(namesOf(align([older, newer], twice, startMs)), ["older active", "newer staged"]);
    assert.equal(recordOf(twice, newer)?.state, "staged");
  });

  test("is accepted if its time is ahead by no more than the allowed clock difference", () => {
    const aheadMs = hourMs / 12;
    const at = (disabledAtMs: number) => isStopped([older], stateOf([older, "active", { disabledAtMs }]), startMs);
    assert.deepEqual([at(startMs + aheadMs), at(startMs + aheadMs + 1)], [true, false]);
    const since = (sinceMs: number) => align([older], stateOf([older, "active", { sinceMs }]), startMs)[0]?.sinceMs;
    assert.deepEqual(
      [since(startMs + aheadMs), since(startMs + aheadMs + 1), since(Number.NaN)],
      [startMs + aheadMs, startMs, startMs],
    );
  });
});

describe("a replaced certificate may be removed", () => {
  const retiring: CertificateRecord = { x5tS256: older.x5tS256, state: "retiring", sinceMs: startMs };

  test("after a day, which is reported once", () => {
    assert.equal(isRetiredNow(retiring, startMs + 24 * hourMs - 1), false);
    assert.equal(isRetiredNow(retiring, startMs + 24 * hourMs), true);
    assert.equal(isRetiredNow({ ...retiring, isRetiredTold: true }, startMs + 48 * hourMs), false);
  });

  for (const state of ["active", "staged"] as const) {
    test(`but not one that is ${state}`, () => {
      assert.equal(isRetiredNow({ ...retiring, state }, startMs + 48 * hourMs), false);
    });
  }

  test("is reported again when it is replaced again", () => {
    const told = stateOf([older, "active", { isRetiredTold: true }]);
    const { state } = applyCanaries([older, newer], told, canaries([newer, ok]), startMs);
    assert.equal(state[0] && isRetiredNow(state[0], startMs + 24 * hourMs), true);
  });
});

test("after any events in any order, exactly one certificate is active and all are in the policy", async (t) => {
  const certificate = fc.constantFrom(...all);
  const step = fc.oneof(
    fc.record({ kind: fc.constant("canary" as const), certificate, ok: fc.boolean() }),
    fc.record({ kind: fc.constant("fallback" as const), certificate, other: certificate }),
    fc.record({ kind: fc.constant("disabled" as const), certificate, on: fc.boolean() }),
    fc.record({ kind: fc.constant("policy" as const), registered: fc.subarray(all, { minLength: 1 }) }),
  );
  const property = fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
    let registered: readonly SigningCertificate[] = all;
    let state: CredentialState = [];
    let nowMs = startMs;
    for (const each of steps) {
      nowMs += hourMs;
      state = align(registered, state, nowMs);
      if (each.kind === "policy") registered = each.registered;
      else if (each.kind === "disabled") state = markDisabled(state, each.certificate, each.on ? nowMs : undefined);
      else if (each.kind === "canary") {
        state = applyCanaries(registered, state, canaries([each.certificate, each.ok ? ok : failed]), nowMs).state;
      } else if (registered.includes(each.other) && each.other !== each.certificate) {
        state = fallBack(state, each.certificate, each.other, nowMs);
      }
      state = align(registered, state, nowMs);
      assert.equal(state.filter((record) => record.state === "active").length, 1);
      assert.deepEqual(
        state.map(({ x5tS256 }) => x5tS256),
        registered.map(({ x5tS256 }) => x5tS256),
      );
    }
  });
  await holds(t, property);
});
