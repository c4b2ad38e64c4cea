import type { Announcement } from "../../domain/audit/notes.ts";
import { isoTime } from "../printable.ts";
import type { ResourceManager } from "../stop/stop-signing.ts";

/** Of Microsoft.AlertsManagement/actionRules, which Azure Monitor calls alert processing rules. */
const apiVersion = "2021-08-08";
const alertRuleNames = "vault-0";

/**
 * Suppresses the mails and pages of one alert rule, for one operator and one key, for a time. The alerts stay visible.
 */
export interface SuppressionRule {
  name: string;
  /** ARM id of the vault's resource group. */
  groupId: string;
  /** Text that must be in the alert's context. */
  context: string;
  /** Milliseconds since 1970. */
  fromMs: number;
  toMs: number;
}

/** The rule for an announcement. `vaultId`: the vault's ARM id. An alert may come an hour after its cause. */
export function createSuppressionRule(
  { operatorObjectId, keyName, from, to }: Announcement,
  vaultId: string | undefined,
  name: string,
): SuppressionRule {
  const [, , subscription = "<subscription>", , group = "<group>"] = (vaultId ?? "").split("/");
  return {
    name,
    groupId: `/subscriptions/${subscription}/resourceGroups/${group}`,
    // The alert's context has its dimensions in the order of the query.
    context: `"${keyName.toLowerCase()}"},{"name":"Client","value":"-"},{"name":"Caller","value":"${operatorObjectId}"`,
    fromMs: Date.parse(from),
    toMs: Date.parse(to) + 3_600_000,
  };
}

/** The Azure CLI command that creates the rule. */
export function commandOf({ name, groupId, context, fromMs, toMs }: SuppressionRule): string {
  const at = (timeMs: number) => isoTime(timeMs).slice(0, 19).replace("T", " ");
  return [
    `az monitor alert-processing-rule create --name ${name} --rule-type RemoveAllActionGroups`,
    `  --resource-group ${groupId.split("/").at(-1)} --scopes ${groupId}`,
    `  --filter-alert-rule-name Contains ${alertRuleNames}`,
    `  --filter-alert-context Contains '${context}'`,
    `  --schedule-start-datetime '${at(fromMs)}' --schedule-end-datetime '${at(toMs)}'`,
  ].join(" \\\n");
}

/** Creates the rule. Returns the status of Azure Resource Manager's answer. */
export async function setRule(
  { name, groupId, context, fromMs, toMs }: SuppressionRule,
  arm: ResourceManager,
  managementUrl: string,
): Promise<number> {
  const condition = (field: string, value: string) => ({ field, operator: "Contains", values: [value] });
  // A time without a zone; `timeZone` gives the zone.
  const at = (timeMs: number) => new Date(timeMs).toISOString().slice(0, 19);
  const properties = {
    scopes: [groupId],
    conditions: [condition("AlertRuleName", alertRuleNames), condition("AlertContext", context)],
    schedule: { effectiveFrom: at(fromMs), effectiveUntil: at(toMs), timeZone: "UTC" },
    actions: [{ actionType: "RemoveAllActionGroups" }],
    description: "keyhold rotation announce",
    enabled: true,
  };
  const url = `${managementUrl}${groupId}/providers/Microsoft.AlertsManagement/actionRules/${name}?api-version=${apiVersion}`;
  const { status } = await arm({ method: "PUT", url, body: { location: "Global", properties } });
  return status;
}
