/** The deployed log rule that fires in Azure for an alarm of this page, from infra/main.snapshot.json. */
import { type LogRule, logRules } from "../drills/alerts/rules.ts";

/** The condition in words, for a section of the runbook. Undefined if no log rule raises it. */
export function firesWhen(section: string, rules: readonly LogRule[] = logRules): string | undefined {
  const rule = rules.find(({ query }) => query.includes(`"${section}"`));
  if (!rule) return undefined;
  const times = leastOccurrences(section, rule.query);
  const count = times === 1 ? "finds it once" : `finds it ${times} times or more`;
  return `In Azure this fires when the rule ${rule.id} ${count}. It looks every ${rule.everyMinutes} minutes.`;
}

/** The threshold at the end of a rule: `| where Occurrences >= case(Alert == "a", 10, Alert in ("b", "c"), 3, 1)`. */
function leastOccurrences(section: string, query: string): number {
  const [, cases = ""] = /\| where Occurrences >= case\(([\s\S]*)\)\s*$/.exec(query) ?? [];
  for (const [, condition = "", times] of cases.matchAll(/(Alert [\s\S]*?), (\d+),/g)) {
    if (condition.includes(`"${section}"`)) return Number(times);
  }
  return 1;
}
