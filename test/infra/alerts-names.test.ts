import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { logRules } from "../../local/drills/alerts/rules.ts";
import { attributesOf } from "../../src/adapters/telemetry/attributes.ts";
import { metricNames } from "../../src/adapters/telemetry/names.ts";
import type { FindingKind } from "../../src/domain/audit/findings.ts";
import type { FaultReport } from "../../src/domain/issuing/events.ts";
import { eventNames, samples } from "../unit/adapters/telemetry/telemetry-world.ts";
import { eventProperties } from "./event-properties.ts";
import { namesIn, problemsOfNames } from "./kql-names.ts";
import { queries } from "./queries.ts";

/** Events that nobody is told of. */
const silent: Readonly<Record<string, string>> = {
  metadata_promoted: "routine; what is wrong with it has events of its own",
  metadata_keys_differ: "a warning: it is not documented that the two documents must agree",
  sign_audit_resolved: "good news; the workbook shows it",
  sign_audit_noted: "writing the note is policy-changed, which stands on the storage account's log",
  sign_audit_covered: "a crash leaves one; many at once are open_intents, which is alerted on",
  sign_rate_judged: "routine; sign_rate_abnormal is the alarm",
  credential_promoted: "an operator staged it, and it works",
  credential_retired: "an operator's doing, or the end of a rotation",
  telemetry_load_failed: "arrives only once a later attempt has succeeded; the JSON line has it at once",
  signing_key_withdrawn: "explains a burst of signatures; metadata_keys_replaced or a promotion says why",
  policy_applied: "the storage account's own log says who wrote it (policy-changed)",
  suspensions_applied: "likewise",
  credential_enabled: "the KeyUpdate behind it is reported from the vault's own log (sensitive-operation)",
};
/** The rest of the metrics are counted from events that are alerted on, and a minute of them may be missing. */
const alertedMetrics = ["keyhold.telemetry.lost"];

const alertTexts = logRules.map(({ query }) => query);
const alerted = new Set(alertTexts.flatMap((text) => namesIn(text).names));
const literals = new Set(alertTexts.flatMap((text) => [...text.matchAll(/"(\w+)"/g)].map((match) => match[1])));

/** Equal answers from the cache are one event: whoever counts answers leaves them out or adds up their `count`. */
function miscountsAnswers(text: string): boolean {
  if (!text.includes('"request_answered"')) return false;
  const isFiltered = /^\| where .*(?:outcome\) (?:!= "issued"|== "fault")|cached\) != "true")/m.test(text);
  if (isFiltered || text.includes("fault.code")) return false;
  return !text.includes("coalesce(tolong(Properties.count), 1)");
}

describe("what is asked of the app's own events and metrics", () => {
  for (const [name, text] of queries) {
    if (!/\bApp(Events|Metrics)\b/.test(text)) continue;
    test(`${name} asks for nothing that is never sent`, () => {
      assert.deepEqual(problemsOfNames(text), []);
    });
  }

  test("no query takes the events of cached answers for their number", () => {
    assert.deepEqual(
      [...queries].filter(([, text]) => miscountsAnswers(text)).map(([name]) => name),
      [],
    );
  });

  test("a query that does is found", () => {
    const text = queries.get("workbook-callers.kql") ?? assert.fail();
    assert.equal(miscountsAnswers(text), false);
    assert.equal(miscountsAnswers(text.replace("coalesce(tolong(Properties.count), 1)", "1")), true);
  });

  test("the properties of an event are those that it is sent with", () => {
    for (const [name, sample] of Object.entries(samples)) {
      const sent = Object.keys(attributesOf(sample)).filter((property) => !/^refusal\./.test(property));
      const unknown = sent.filter((property) => !eventProperties.get(name)?.has(property));
      assert.deepEqual(unknown, [], name);
    }
  });

  test("a name, a property or a dimension that does not exist is found", () => {
    const about = (name: string, property: string) =>
      problemsOfNames(`AppEvents | where Name == "${name}" | project tostring(Properties.${property})`);
    assert.deepEqual(about("sign_audit_failed", "because"), []);
    assert.match(about("sign_audit_faild", "because").join(), /sign_audit_faild/);
    assert.match(about("sign_audit_failed", "becuase").join(), /becuase/);
    assert.match(about("keyhold.signs.rate", "keyname").join(), /keyname/);
    assert.match(problemsOfNames('AppEvents | where Name in ("policy_applied", "x_y")').join(), /x_y/);
  });
});

describe("trouble", () => {
  test("every event is alerted on, or it is said why not", () => {
    const unwatched = eventNames.filter((name) => !alerted.has(name) && !(name in silent));
    assert.deepEqual(unwatched, []);
  });

  test("what is said not to be alerted on exists and is not", () => {
    for (const name of Object.keys(silent)) {
      assert.ok((eventNames as readonly string[]).includes(name), `${name} exists`);
      assert.ok(!alerted.has(name), `${name} is not alerted on`);
    }
  });

  test("every fault is alerted on by its code", () => {
    const codes: Record<FaultReport["code"], true> = {
      ...{
        signer_unauthorized: true,
        signer_forbidden: true,
        signer_key_disabled: true,
        signer_key_not_found: true,
        signer_rejected: true,
      },
      ...{ signer_throttled: true, signer_unavailable: true, signature_not_ours: true, certificate_not_valid: true },
      ...{ credential_rejected: true, clock_skewed: true, token_endpoint_rejected: true, unexpected: true },
      ...{ token_endpoint_throttled: true, token_endpoint_unavailable: true, token_not_as_asked: true },
      ...{ ledger_unavailable: true, policy_unavailable: true, caller_keys_unavailable: true },
      ...{ identity_unavailable: true },
    };
    assert.deepEqual(
      Object.keys(codes).filter((code) => !literals.has(code)),
      [],
    );
  });

  test("every kind of finding is alerted on", () => {
    const kinds: Record<FindingKind, true> = {
      ...{ unaccounted_signature: true, foreign_identity: true, foreign_operation: true, missing_record: true },
      ...{ unaccounted_refusal: true, open_intents: true },
    };
    assert.deepEqual(
      Object.keys(kinds).filter((kind) => !literals.has(kind)),
      [],
    );
  });

  test("of metrics only a total is alerted on, which survives that an export is lost", () => {
    assert.deepEqual(
      metricNames.filter((name) => alerted.has(name)),
      alertedMetrics,
    );
  });
});
