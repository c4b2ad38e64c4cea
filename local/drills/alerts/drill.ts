/**
 * `npm run drill -- alerts`: raises each alert once on an emulated workspace and shows which rule fires. It needs no stack:
 * events go through the telemetry's own attributes and the emulated ingestion endpoint, and the queries are those of the
 * deployed rules, evaluated by `local/kusto`. Alerts on metrics and on the activity log itself are evaluated by Azure alone.
 */
import { evaluateRule, type LogRule, logRules } from "./rules.ts";
import { type Scenario, scenarios } from "./scenarios.ts";
import { healthyWorkspace, type Workspace } from "./workspace.ts";

/** `rule: alert`, and the dimensions that add detail. */
export interface Fired {
  rule: string;
  alert: string;
  details: string;
}

/** Returns everything that fires on a workspace. */
export function evaluateAll(workspace: Workspace, rules: readonly LogRule[] = logRules): Fired[] {
  return rules.flatMap((rule) =>
    evaluateRule(rule, workspace.tables, workspace.nowMs).map((row) => {
      const others = rule.dimensions.filter((name) => name !== "Alert" && row[name] !== "-");
      return {
        rule: rule.id,
        alert: String(row.Alert),
        details: others.map((name) => `${name}=${row[name]}`).join(" "),
      };
    }),
  );
}

/** Returns what fires for a scenario. It should be only the scenario's own alert. */
export function play({ raise }: Scenario, nowMs: number): Fired[] {
  return evaluateAll(raise(healthyWorkspace(nowMs)));
}

/** Prints one line for each alert. @returns the number of scenarios whose alert did not fire alone. */
export function drillAlerts(
  nowMs: number,
  write: (line: string) => void,
  played: readonly Scenario[] = scenarios,
): number {
  let wrong = 0;
  for (const scenario of played) {
    const fired = play(scenario, nowMs);
    const [only] = fired;
    const isRight = fired.length === 1 && only?.rule === scenario.rule && only.alert === scenario.alert;
    if (!isRight) wrong += 1;
    const what =
      fired.map(({ rule, alert, details }) => `${rule} fires ${alert} ${details}`).join("; ") || "nothing fires";
    write(`${isRight ? "ok  " : "FAIL"} ${scenario.alert.padEnd(28)} ${what}`);
  }
  write(`${played.length} alerts of ${logRules.length} rules, ${wrong} did not fire alone`);
  return wrong;
}
