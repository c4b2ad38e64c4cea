import { ofType, type Resource, scopeOf, valueAt } from "./templates.ts";

/** What must hold of every resource of a type, and which attacker it is for. */
interface Rule {
  type: string;
  path: string;
  /** One of these; undefined: it must not be there. */
  allowed: readonly unknown[];
  why: string;
}

function rule(type: string, path: string, allowed: unknown, why: string): Rule {
  return { type, path, allowed: Array.isArray(allowed) ? allowed : [allowed], why };
}

const vault = "Microsoft.KeyVault/vaults";
const key = `${vault}/keys`;
const account = "Microsoft.Storage/storageAccounts";
const site = "Microsoft.Web/sites";
const elsewhere = "a stolen token is of no use from elsewhere";

export const rules: readonly Rule[] = [
  rule(vault, "properties.enableRbacAuthorization", true, "who may sign is decided by roles on keys"),
  rule(vault, "properties.enableSoftDelete", true, "a deleted key can be recovered"),
  rule(vault, "properties.softDeleteRetentionInDays", 90, "it is as long as Azure allows"),
  rule(vault, "properties.enablePurgeProtection", true, "nobody can destroy a key before that"),
  rule(vault, "properties.publicNetworkAccess", "Disabled", elsewhere),
  rule(vault, "properties.networkAcls.defaultAction", "Deny", elsewhere),
  rule(vault, "properties.networkAcls.bypass", "None", "other services of Azure are elsewhere too"),
  rule(vault, "properties.sku.name", "premium", "the keys are in hardware"),
  rule(key, "properties.kty", "RSA-HSM", "the keys are in hardware"),
  rule(key, "properties.keyOps.0", "sign", "the key is for one thing"),
  rule(key, "properties.keyOps.length", 1, "the key is for one thing"),
  rule(key, "properties.attributes.exportable", false, "the key never leaves the vault"),
  rule(key, "properties.rotationPolicy", undefined, "Entra would not know the new key"),
  rule(key, "properties.release_policy", undefined, "the key never leaves the vault"),
  rule(account, "properties.allowSharedKeyAccess", false, "a shared key has every right and no name"),
  rule(account, "properties.allowBlobPublicAccess", false, "the policy names customers"),
  rule(account, "properties.minimumTlsVersion", "TLS1_2", "what is older is broken"),
  rule(account, "properties.publicNetworkAccess", "Disabled", elsewhere),
  rule(account, "properties.networkAcls.defaultAction", "Deny", elsewhere),
  rule("Microsoft.Insights/components", "properties.DisableLocalAuth", true, "else anybody can write false events"),
  rule(site, "properties.httpsOnly", true, "tokens must not be sent in the clear"),
  rule(site, "properties.siteConfig.minTlsVersion", ["1.2", "1.3"], "what is older is broken"),
  rule(site, "properties.siteConfig.scmMinTlsVersion", ["1.2", "1.3"], "what is older is broken"),
  rule(
    site,
    "properties.functionAppConfig.deployment.storage.authentication.type",
    "UserAssignedIdentity",
    "there is no secret to steal",
  ),
  rule(`${site}/basicPublishingCredentialsPolicies`, "properties.allow", false, "nobody deploys with a password"),
];

/** Doors that are open, one line each. */
export function checkHardening(resources: readonly Resource[]): string[] {
  return [
    ...rules.flatMap(({ type, path, allowed, why }) =>
      ofType(type, resources)
        .filter((each) => !allowed.includes(valueAt(each, path)))
        .map(({ name }) => `${name}: ${path} must be ${allowed.map(String).join(" or ")}, since ${why}`),
    ),
    ...ofType(vault, resources)
      .filter(({ id }) => !isAudited(id, resources))
      .map(({ name }) => `${name} has no diagnostic setting that sends its audit log to a table of its own`),
  ];
}

function isAudited(id: string, resources: readonly Resource[]): boolean {
  return ofType("Microsoft.Insights/diagnosticSettings", resources).some((setting) => {
    const { logs, logAnalyticsDestinationType } = setting.properties;
    const isOn = JSON.stringify(logs) === JSON.stringify([{ categoryGroup: "audit", enabled: true }]);
    return scopeOf(setting) === id && isOn && logAnalyticsDestinationType === "Dedicated";
  });
}

/** Functions of ARM that read a secret, in the compiled template. */
export function checkSecrets(template: string): string[] {
  const found = template.matchAll(/\blist(?:Keys|AccountSas|ServiceSas|Secrets|Credentials)\b|\bAccountKey=/g);
  return [...found].map(([name]) => `${name} reads a secret: use an identity and a role`);
}
