import { ofType, type Resource, scopeOf, valueAt } from "./templates.ts";

/** What must hold of every resource of a type, and which attacker it is for. */
interface Rule {
  type: string;
  path: string;
  /** One of these; undefined: it must not be there. */
  allowed: readonly unknown[];
  why: string;
  /** Of resources with such a name only. */
  name?: RegExp;
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
  { ...rule(key, "properties.keyOps.0", "sign", "the key is for one thing"), name: /(?<!\/shared-cache)$/ },
  { ...rule(key, "properties.keyOps.0", "unwrapKey", "the key is for one thing"), name: /\/shared-cache$/ },
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

/** Doors that are open, and what would not work or not be noticed, one line each. */
export function checkHardening(resources: readonly Resource[]): string[] {
  return [
    ...ofType(account, resources).flatMap((each) => checkAccount(each, resources)),
    ...ofType("Microsoft.Network/virtualNetworks", resources).flatMap(checkOutbound),
    ...ofType("Microsoft.Insights/scheduledQueryRules", resources)
      .filter(({ identity }) => identity?.type !== "UserAssigned")
      .map(({ name }) => `${name} has no identity: it would read with the rights of whoever edited it last`),
    // A lock on a resource also keeps role assignments on it from being withdrawn, which is the brake of an incident.
    ...ofType("Microsoft.Authorization/locks", resources).map(({ id }) => `${id} is a lock: remove it`),
    ...rules.flatMap(({ type, path, allowed, why, name: ofName }) =>
      ofType(type, resources)
        .filter(({ name }) => ofName?.test(name) ?? true)
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

/** Lifecycle rules are run by a service that the firewall keeps out unless it is let in; nothing else needs the exception. */
function checkAccount({ id, name, properties }: Resource, resources: readonly Resource[]): string[] {
  const hasRules = resources.some((each) => each.type === `${account}/managementPolicies` && each.id.startsWith(id));
  const bypass = hasRules ? "AzureServices" : "None";
  const logged = ofType("Microsoft.Insights/diagnosticSettings", resources).filter((each) => {
    const { logs, logAnalyticsDestinationType } = each.properties;
    const categories = logs.map(({ category, enabled }: Resource) => enabled && category).join();
    return categories === "StorageWrite,StorageDelete" && logAnalyticsDestinationType === "Dedicated";
  });
  const services = resources.filter((each) => /\/(blob|table)Services$/.test(each.type) && each.id.startsWith(id));
  return [
    ...(properties.networkAcls.bypass === bypass ? [] : [`${name}: networkAcls.bypass must be ${bypass}`]),
    ...services
      .filter((service) => !logged.some((setting) => scopeOf(setting) === service.id))
      .map((service) => `${service.type} of ${name}: nobody records who writes and deletes`),
  ];
}

/** The app reaches Entra on the internet: by default, or through a NAT gateway. Both are said, as APIs change their minds. */
function checkOutbound({ properties }: Resource): string[] {
  return properties.subnets
    .filter(({ properties: { delegations, defaultOutboundAccess, natGateway } }: Resource) => {
      const needsInternet = delegations !== undefined && !natGateway;
      return defaultOutboundAccess !== needsInternet;
    })
    .map(({ name }: Resource) => `subnet ${name}: defaultOutboundAccess must be said, and fit its use`);
}

/** Functions of ARM that read a secret, in the compiled template. */
export function checkSecrets(template: string): string[] {
  const found = template.matchAll(/\blist(?:Keys|AccountSas|ServiceSas|Secrets|Credentials)(?=\()|\bAccountKey=/g);
  return [...found].map(([name]) => `${name} reads a secret: use an identity and a role`);
}
