import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { drillAlerts, evaluateAll, play } from "../../local/drills/alerts/drill.ts";
import { type LogRule, logRules } from "../../local/drills/alerts/rules.ts";
import { type Scenario, scenarios } from "../../local/drills/alerts/scenarios.ts";
import { healthyWorkspace, stranger, Workspace } from "../../local/drills/alerts/workspace.ts";
import { problemsOf } from "./alert-checks.ts";
import { activityAlerts, alerts, alertsIn, metricAlerts } from "./alert-definitions.ts";
import { deployed, queries } from "./queries.ts";
import { theResource } from "./templates.ts";

const nowMs = Date.UTC(2026, 0, 31, 12);
const queryOf = ({ id }: Pick<LogRule, "id">) => queries.get(`alert-${id}.kql`) ?? "";
const ruleOf = (id: string) => logRules.find((rule) => rule.id === id) ?? assert.fail(id);

describe("the log rules", () => {
  test("are at most 13, one for each table and severity, each with a query of its name that has what it looks at", () => {
    assert.ok(logRules.length > 0 && logRules.length <= 13);
    const files = [...queries.keys()].filter((name) => name.startsWith("alert-"));
    assert.deepEqual(files.sort(), logRules.map(({ id }) => `alert-${id}.kql`).sort());
    for (const rule of logRules) {
      assert.equal(rule.id.split("-")[1], `${rule.severity}`);
      assert.equal(rule.query, deployed(queryOf(rule)), rule.id);
      assert.deepEqual(problemsOf(rule, queryOf(rule)), [], rule.id);
    }
  });

  test("split by the alert first: its value is the section of the runbook", () => {
    for (const { id, dimensions } of logRules) assert.equal(dimensions[0], "Alert", id);
  });

  test("are evaluated every five minutes if they wake somebody; news have no state and are quiet once they are told", () => {
    for (const { id, severity, everyMinutes, isStateful } of logRules) {
      assert.equal(everyMinutes, severity < 2 ? 5 : 15, id);
      assert.equal(isStateful, severity < 3, id);
      const { muteActionsDuration } = theResource("Microsoft.Insights/scheduledQueryRules", id).properties;
      assert.equal(muteActionsDuration, severity < 3 ? null : "PT2H", id);
    }
  });

  test("are checked by Azure when they are deployed: no query is exempted from it", () => {
    for (const { id } of logRules)
      assert.equal(theResource("Microsoft.Insights/scheduledQueryRules", id).properties.skipQueryValidation, undefined);
  });
});

describe("the drill: each alert raised once, on a workspace in which all is well", () => {
  test("has every alert that a query can name", () => {
    for (const rule of logRules) {
      const played = scenarios.filter((scenario) => scenario.rule === rule.id).map(({ alert }) => alert);
      assert.deepEqual(alertsIn(rule.query).sort(), played.sort(), rule.id);
    }
  });

  test("without any of it nothing fires", () => {
    assert.deepEqual(evaluateAll(healthyWorkspace(nowMs)), []);
  });

  for (const scenario of scenarios) {
    test(`${scenario.rule} fires ${scenario.alert}, and nothing else does`, () => {
      assert.deepEqual(
        play(scenario, nowMs).map(({ rule, alert }) => ({ rule, alert })),
        [{ rule: scenario.rule, alert: scenario.alert }],
      );
    });
  }
});

/** Reported by the hourly timers, again as long as it lasts. */
const hourly = new Set([
  ...["credential-drift", "credential-missing", "credential-not-working", "credential-canary-failed"],
  ...["credential-fallback", "credential-disabled", "credential-expiring-soon", "credential-expiring"],
  ...["metadata-discontinuous", "metadata-keys-replaced", "metadata-known-key-changed", "metadata-record-refused"],
  ...["metadata-tls-not-trusted", "metadata-stale"],
]);

describe("an alert on what a timer reports every hour does not end before the next report, so nobody is paged again:", () => {
  const played = scenarios.filter(({ alert }) => hourly.has(alert));
  assert.equal(played.length, hourly.size);
  for (const { rule, alert, raise } of played) {
    test(alert, () => {
      const workspace = healthyWorkspace(nowMs);
      const asItHappens = workspace.event.bind(workspace);
      // An hour, and what the timer and the log take.
      workspace.event = (minutesAgo, event, times) => asItHappens(minutesAgo + 65, event, times);
      const fired = evaluateAll(raise(workspace), [ruleOf(rule)]).map((each) => each.alert);
      assert.deepEqual(fired, [alert]);
    });
  }
});

describe("the drill as a command", () => {
  const [first, second] = scenarios.filter(({ rule }) => rule === "vault-0");
  const drill = (change: Partial<Scenario>) => {
    const lines: string[] = [];
    assert.ok(first);
    const wrong = drillAlerts(nowMs, (line) => lines.push(line), [{ ...first, ...change }]);
    return [wrong, lines[0]?.slice(0, 4)];
  };

  test("is content with an alert that its rule fires, alone, under its name", () => {
    assert.deepEqual(drill({}), [0, "ok  "]);
  });

  for (const [what, change] of Object.entries({
    "another rule fires": { rule: "vault-1" },
    "the rule fires with another value of the dimension Alert": { alert: second?.alert ?? "" },
    "a second alert of the same rule fires too": {
      raise: (it) => second?.raise(first?.raise(it) ?? it) ?? it,
    },
    "nothing fires": { raise: (it) => it },
  } satisfies Record<string, Partial<Scenario>>)) {
    test(`fails where ${what}`, () => {
      assert.deepEqual(drill(change), [1, "FAIL"]);
    });
  }
});

describe("a log rule", () => {
  const fires = (change: (it: ReturnType<typeof healthyWorkspace>) => void) => {
    const workspace = healthyWorkspace(nowMs);
    change(workspace);
    return evaluateAll(workspace).map(({ alert }) => alert);
  };

  test("makes an alert of its own of each key, caller and address", () => {
    const found = fires((it) => {
      it.vault(3, "KeySign", { caller: stranger, times: 5 }).vault(3, "KeySign", { caller: stranger, key: "another" });
    });
    assert.deepEqual(found, ["foreign-signer", "foreign-signer"]);
  });

  test("waits for more where one is repaired by the next", () => {
    const failed = { event: "sign_audit_failed", because: "forbidden" } as const;
    assert.deepEqual(
      fires((it) => it.event(2, failed, 2)),
      [],
    );
    assert.deepEqual(
      fires((it) => it.event(2, failed, 3)),
      ["sign-audit-failing"],
    );
    const out = (times: number) =>
      fires((it) => {
        const fault = { code: "ledger_unavailable" } as const;
        const facts = { operation: "token", correlationId: "c", durationMs: 9 } as const;
        it.event(2, { event: "request_answered", outcome: "fault", fault, ...facts }, times);
      });
    assert.deepEqual(out(9), []);
    assert.deepEqual(out(10), ["dependency-outage"]);
  });

  test("takes a row without a status for one that was done, and the challenge of a first request for nothing", () => {
    const status = null as unknown as number;
    assert.deepEqual(
      fires((it) => it.vault(3, "KeyCreate", { caller: stranger, status })),
      ["sensitive-operation"],
    );
    assert.deepEqual(
      fires((it) => it.vault(3, "KeyCreate", { caller: stranger, status: 401 })),
      [],
    );
    assert.deepEqual(
      fires((it) => it.vault(3, "KeySign", { caller: stranger, status })),
      ["foreign-signer"],
    );
  });

  test("knows the harmless operations of a vault", () => {
    for (const operation of [
      "CertificateContactsGet",
      "CertificateIssuerGet",
      "CertificateIssuersList",
      "CertificatePendingGet",
    ])
      assert.deepEqual(
        fires((it) => it.vault(3, operation, { caller: stranger })),
        [],
        operation,
      );
  });

  test("of silence counts a deployment that never ran from when its workspace was made, and waits an hour", () => {
    const query = ruleOf("silence-1").query;
    const madeAt = (minutesAgo: number) => {
      const time = new Date(nowMs - minutesAgo * 60_000).toUTCString();
      const fresh = { ...ruleOf("silence-1"), query: query.replace("Thu, 01 Jan 2026 09:00:00 GMT", time) };
      return evaluateAll(new Workspace(nowMs), [fresh]);
    };
    assert.deepEqual(madeAt(59), []);
    assert.deepEqual(
      madeAt(61).map(({ alert }) => alert),
      ["sign-audit-silent"],
    );
  });
});

describe("what a taken over app cannot suppress", () => {
  test("is asked of the logs of the vault, of storage and of Azure, without the app's own events", () => {
    const independent = logRules.filter(({ query }) => !/\bApp(Events|Metrics)\b/.test(query)).map(({ id }) => id);
    assert.deepEqual(independent.sort(), [
      "activity-1",
      "activity-3",
      "blobs-1",
      "blobs-3",
      "tables-1",
      "vault-0",
      "vault-2",
    ]);
  });

  test("includes the vault's metrics: availability, saturation, refusals, and a rate of signatures above the usual", () => {
    const criteria = metricAlerts.map(({ properties }) => properties.criteria.allOf[0]);
    assert.deepEqual(
      criteria.map(({ metricName, operator }) => `${metricName} ${operator}`),
      [
        "Availability LessThan",
        "SaturationShoebox GreaterThan",
        "ServiceApiResult GreaterThan",
        "ServiceApiHit GreaterThan",
      ],
    );
    assert.equal(criteria[3].criterionType, "DynamicThresholdCriterion");
  });

  test("includes what the activity log must say without the workspace", () => {
    const of = (id: string) =>
      JSON.stringify(activityAlerts.find(({ name }) => name.endsWith(id))?.properties.condition);
    assert.match(of("log-deleted"), /diagnosticSettings\/delete.*workspaces\/delete/);
    assert.match(of("vault-deleted"), /KeyVault\/vaults\/delete/);
    assert.match(of("alert-rule-gone"), /scheduledQueryRules\/disable\/action/);
    assert.match(of("alert-rule-unhealthy"), /ResourceHealth.*scheduledQueryRules/);
    assert.match(of("watch-changed"), /keyhold-sample-activity-1.*keyhold-sample-activity"/);
    // It stands in the log of the directory, not of a subscription.
    assert.doesNotMatch(JSON.stringify(activityAlerts), /elevateAccess/);
  });
});

test("every alert has an id of its own that can be an anchor, and a severity", () => {
  assert.ok(alerts.length > 60, "the alerts were found");
  for (const { id, severity } of alerts) {
    assert.match(id, /^[a-z]+(-[a-z]+)*$/);
    assert.ok([0, 1, 2, 3].includes(severity), id);
  }
});

describe("the checks", () => {
  const rule = ruleOf("vault-0");
  const query = queryOf(rule);
  const seeded: [fault: string, dimensions: string[], query: string, expected: RegExp][] = [
    ["a dimension that the query has not", ["Kee"], query, /Kee/],
    ["a dimension that is a number", ["Occurrences"], query, /no text column/],
    ["a column that is no dimension", rule.dimensions.slice(1), query, /Alert is no dimension/],
    ["no measure", rule.dimensions, query.replace("Occurrences", "Count"), /no numeric column/],
    ["a misspelt column", rule.dimensions, query.replace("HttpStatusCode", "HttpStatus"), /HttpStatus'/],
    ["a span that a late row slips through", rule.dimensions, query.replace("ago(20m)", "ago(5m)"), /looks back 5 min/],
    ["a span that a rule cannot have", rule.dimensions, query.replace("ago(20m)", "ago(3d)"), /further/],
    ["no span at all", rule.dimensions, query.replace(/\| where ingestion_time.*\n/, ""), /looks back/],
    ["another vault's rows", rule.dimensions, query.replace(/\| where _ResourceId.*\n/, ""), /beyond our own/],
    ["a placeholder that nothing fills", rule.dimensions, query.replaceAll("<signing", "<sining"), /nothing is put in/],
    [
      "times in the result",
      rule.dimensions,
      query.replace("by Alert,", "by bin(TimeGenerated, 5m), Alert,"),
      /TimeGenerated/,
    ],
    ["tables side by side", rule.dimensions, `union ${query}`, /union/],
  ];
  for (const [fault, dimensions, text, expected] of seeded) {
    test(`find ${fault}`, () => {
      assert.match(problemsOf({ ...rule, dimensions }, text).join("\n"), expected);
    });
  }

  test("find nothing in what they are seeded into", () => {
    assert.deepEqual(problemsOf(rule, query), []);
  });
});
