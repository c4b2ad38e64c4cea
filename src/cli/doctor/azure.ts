import * as z from "zod";
import { plural, printable } from "../printable.ts";
import { type Check, green, grey, red, type Verdict } from "./check.ts";
import type { DoctorPorts } from "./ports.ts";

/** Checks the deployment around the app, through Azure Resource Manager as the operator. */
export function azureChecks(ports: DoctorPorts): Check[] {
  return [
    check(ports, "azure/vault", "the vault is protected", vaultVerdict, (vault) => `${vault}?api-version=2023-07-01`),
    check(ports, "azure/diagnostics", "the vault logs its audit events", diagnosticsVerdict, (vault) => {
      return `${vault}/providers/Microsoft.Insights/diagnosticSettings?api-version=2021-05-01-preview`;
    }),
    check(ports, "azure/alerts", "alert rules exist and are enabled", alertsVerdict, (vault) => {
      const [group = ""] = /^\/subscriptions\/[^/]+\/resourcegroups\/[^/]+/i.exec(vault) ?? [];
      return `${group}/providers/Microsoft.Insights/scheduledQueryRules?api-version=2023-12-01`;
    }),
    check(ports, "azure/metric-alert", "the fast alert on the vault's metric is enabled", alertsVerdict, (vault) => {
      const [group = ""] = /^\/subscriptions\/[^/]+\/resourcegroups\/[^/]+/i.exec(vault) ?? [];
      return `${group}/providers/Microsoft.Insights/metricAlerts?api-version=2018-03-01`;
    }),
  ];
}

function check(
  { config, resources }: DoctorPorts,
  id: string,
  title: string,
  judge: (body: unknown) => Verdict,
  pathOf: (vaultResourceId: string) => string,
): Check {
  return {
    id,
    title,
    async run(signal) {
      const { vaultResourceId, cloud } = config;
      if (vaultResourceId === undefined)
        return grey("KEYHOLD_VAULT_RESOURCE_ID is not set, so the vault cannot be checked");
      const url = `https://${cloud.managementHost}${pathOf(vaultResourceId)}`;
      const { status, body } = await resources({ method: "GET", url }, signal);
      if (status === 200) return judge(body);
      return grey(`Azure Resource Manager answered ${status}: assign yourself the role Reader on the resource group`);
    },
  };
}

const vaultShape = z.object({
  properties: z.object({
    enablePurgeProtection: z.boolean().optional(),
    enableSoftDelete: z.boolean().optional(),
    enableRbacAuthorization: z.boolean().optional(),
    publicNetworkAccess: z.string().optional(),
    networkAcls: z.object({ defaultAction: z.string().optional() }).optional(),
  }),
});

function vaultVerdict(body: unknown): Verdict {
  const parsed = vaultShape.safeParse(body);
  if (!parsed.success) return grey("the answer was not as documented");
  const { properties } = parsed.data;
  const isPublic =
    properties.publicNetworkAccess?.toLowerCase() !== "disabled" &&
    properties.networkAcls?.defaultAction?.toLowerCase() !== "deny";
  const troubles = [
    ...(properties.enablePurgeProtection === true ? [] : ["no purge protection"]),
    ...(properties.enableRbacAuthorization === true ? [] : ["access policies instead of RBAC"]),
    ...(isPublic ? ["open to every network"] : []),
  ];
  if (troubles.length === 0) return green("purge protection, RBAC, and closed to public networks");
  return red(
    troubles.join("; "),
    "keys could be purged, rights extended unnoticed, or the vault used from anywhere with a stolen token",
    "deploy infra/ again, which sets all three",
  );
}

const settingsShape = z.object({
  value: z.array(
    z.object({
      properties: z.object({
        workspaceId: z.string().nullish(),
        logs: z
          .array(
            z.object({
              category: z.string().nullish(),
              categoryGroup: z.string().nullish(),
              enabled: z.boolean().nullish(),
            }),
          )
          .nullish(),
      }),
    }),
  ),
});

function diagnosticsVerdict(body: unknown): Verdict {
  const parsed = settingsShape.safeParse(body);
  if (!parsed.success) return grey("the answer was not as documented");
  const isLogged = parsed.data.value.some(
    ({ properties: { workspaceId, logs } }) =>
      workspaceId &&
      logs?.some(
        ({ category, categoryGroup, enabled }) =>
          enabled === true && (category === "AuditEvent" || categoryGroup === "audit" || categoryGroup === "allLogs"),
      ),
  );
  if (isLogged) return green("AuditEvent goes to a Log Analytics workspace");
  return red(
    "no diagnostic setting sends AuditEvent to a workspace",
    "nobody notices a signature that bypasses Keyhold",
    "deploy infra/ again",
  );
}

const rulesShape = z.object({
  value: z.array(z.object({ name: z.string(), properties: z.object({ enabled: z.boolean().nullish() }) })),
});

function alertsVerdict(body: unknown): Verdict {
  const parsed = rulesShape.safeParse(body);
  if (!parsed.success) return grey("the answer was not as documented");
  const { value } = parsed.data;
  const disabled = value.filter(({ properties }) => properties.enabled !== true).map(({ name }) => printable(name, 60));
  const why = "nobody gets an alert when something is wrong";
  if (value.length === 0) return red("there is none in the vault's resource group", why, "deploy infra/ again");
  if (disabled.length > 0) return red(`disabled: ${disabled.join(", ")}`, why, "enable them");
  return green(`${plural(value.length, "rule")}, all enabled`);
}
