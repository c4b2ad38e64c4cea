import type { Finding } from "./finding.ts";
import type { BicepFile } from "./parse.ts";
import { at, loopBody, show } from "./value.ts";

/** What must hold of every resource of a type, and which attacker it is for. */
interface Rule {
  type: string;
  path: string;
  allowed: readonly string[];
  why: string;
}

const operatorsOnly = ["'Disabled'", "empty(operatorAddressRanges) ? 'Disabled' : 'Enabled'"];
const tls = ["'1.2'", "'1.3'"];

function rule(type: string, path: string, allowed: string | readonly string[], why: string): Rule {
  return { type, path, allowed: [allowed].flat(), why };
}

const vault = "Microsoft.KeyVault/vaults";
const key = "Microsoft.KeyVault/vaults/keys";
const account = "Microsoft.Storage/storageAccounts";
const site = "Microsoft.Web/sites";
const storage = "properties.functionAppConfig.deployment.storage.authentication.type";
const signing = "permissions of the one who signs are roles on keys";

export const rules: readonly Rule[] = [
  rule(vault, "properties.enableRbacAuthorization", "true", signing),
  rule(vault, "properties.enableSoftDelete", "true", "a key that is deleted can be had back"),
  rule(vault, "properties.softDeleteRetentionInDays", "90", "as long as Azure allows"),
  rule(vault, "properties.enablePurgeProtection", "true", "nobody can destroy a key before that"),
  rule(vault, "properties.publicNetworkAccess", operatorsOnly, "a stolen token is of no use from elsewhere"),
  rule(vault, "properties.networkAcls.defaultAction", "'Deny'", "a stolen token is of no use from elsewhere"),
  rule(vault, "properties.networkAcls.bypass", "'None'", "other services of Azure are elsewhere too"),
  rule(vault, "properties.sku.name", "'premium'", "the keys are in hardware"),
  rule(key, "properties.kty", "'RSA-HSM'", "the keys are in hardware"),
  rule(key, "properties.keyOps", "['sign']", "the key is for one thing"),
  rule(key, "properties.attributes.exportable", "false", "the key never leaves the vault"),
  rule(key, "properties.rotationPolicy", "undefined", "Entra would not know the new key"),
  rule(key, "properties.release_policy", "undefined", "the key never leaves the vault"),
  rule(account, "properties.allowSharedKeyAccess", "false", "a shared key has every right and no name"),
  rule(account, "properties.allowBlobPublicAccess", "false", "the policy names customers"),
  rule(account, "properties.minimumTlsVersion", "'TLS1_2'", "what is older is broken"),
  rule(account, "properties.publicNetworkAccess", operatorsOnly, "a stolen token is of no use from elsewhere"),
  rule(account, "properties.networkAcls.defaultAction", "'Deny'", "a stolen token is of no use from elsewhere"),
  rule(account, "properties.networkAcls.bypass", "'None'", "other services of Azure are elsewhere too"),
  rule("Microsoft.Insights/components", "properties.DisableLocalAuth", "true", "else anybody can write false events"),
  rule(
    "Microsoft.Insights/diagnosticSettings",
    "properties.logAnalyticsDestinationType",
    "'Dedicated'",
    "the audit reads AZKVAuditLogs",
  ),
  rule(site, "properties.httpsOnly", "true", "tokens must not be sent in the clear"),
  rule(site, "properties.siteConfig.minTlsVersion", tls, "what is older is broken"),
  rule(site, "properties.siteConfig.scmMinTlsVersion", tls, "what is older is broken"),
  rule(site, storage, "'UserAssignedIdentity'", "there is no secret to steal"),
  rule(`${site}/basicPublishingCredentialsPolicies`, "properties.allow", "false", "nobody deploys with a password"),
];

export function checkHardening(file: BicepFile): Finding[] {
  const findings: Finding[] = [];
  for (const { symbol, type, line, existing, body } of file.resources) {
    if (existing) continue;
    for (const { path, allowed, why } of rules.filter((each) => type.startsWith(`${each.type}@`))) {
      const value = at(body, path);
      if (allowed.includes(show(value))) continue;
      const must = allowed[0] === "undefined" ? "not be there" : `be ${allowed.join(" or ")}`;
      const text = `${symbol}: ${path} must ${must}, since ${why}: correct it`;
      findings.push({ file: file.path, line: value?.line ?? line, text });
    }
  }
  for (const match of file.code.matchAll(/\blist(?:Keys|AccountSas|ServiceSas|Secrets|Credentials)\b|\bAccountKey=/g)) {
    const line = file.code.slice(0, match.index).split("\n").length;
    findings.push({ file: file.path, line, text: `${match[0]} reads a secret: use an identity and a role` });
  }
  for (const { symbol, type, line, existing } of file.resources) {
    if (existing || !type.startsWith(`${vault}@`) || isAudited(file, symbol)) continue;
    const text = `${symbol} has no diagnostic setting for the category group audit in this file: add it`;
    findings.push({ file: file.path, line, text });
  }
  return findings;
}

function isAudited(file: BicepFile, symbol: string): boolean {
  return file.resources.some(({ type, body }) => {
    const isOfVault = type.startsWith("Microsoft.Insights/diagnosticSettings@") && show(at(body, "scope")) === symbol;
    return isOfVault && show(loopBody(at(body, "properties.logs"))) === "{ categoryGroup: 'audit', enabled: true }";
  });
}
