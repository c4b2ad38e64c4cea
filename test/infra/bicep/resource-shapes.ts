import { insightsShapes } from "./insights-shapes.ts";
import { any, flag, list, map, oneOf, record, type Shape, text, whole } from "./shape.ts";

/**
 * Every resource type that the templates may use, in the one API version that they use it in: what it requires and
 * what it knows. Written by hand from Microsoft's published types; a property that is missing here is added when it is
 * needed. `name`, `parent`, `scope` and `dependsOn` are added where they are checked.
 */
const tags = { "tags?": any };
const located = { location: text, ...tags };
const onOff = oneOf("Enabled", "Disabled");
const kept = record({ enabled: flag, "days?": whole, "allowPermanentDelete?": flag });
const ref = record({ id: text });
const addressRules = list(record({ value: text, "action?": oneOf("Allow") }));
const restriction = record({
  "name?": text,
  "description?": text,
  "action?": oneOf("Allow", "Deny"),
  "priority?": whole,
  "ipAddress?": text,
  "tag?": oneOf("Default", "ServiceTag", "XffProxy"),
  "vnetSubnetResourceId?": text,
});
const age = record({
  "daysAfterCreationGreaterThan?": whole,
  "daysAfterModificationGreaterThan?": whole,
});

export const resourceShapes: Readonly<Record<string, Readonly<Record<string, Shape>>>> = {
  ...insightsShapes,
  "Microsoft.Resources/resourceGroups@2025-04-01": { ...located, "properties?": record({}) },
  "Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30": {
    ...located,
    "properties?": record({ "isolationScope?": oneOf("None", "Regional") }),
  },
  "Microsoft.Authorization/roleDefinitions@2022-04-01": {
    properties: record({
      roleName: text,
      "description?": text,
      type: oneOf("CustomRole"),
      assignableScopes: list(text),
      permissions: list(
        record({
          actions: list(text),
          notActions: list(text),
          dataActions: list(text),
          notDataActions: list(text),
        }),
      ),
    }),
  },
  "Microsoft.Authorization/roleAssignments@2022-04-01": {
    properties: record({
      roleDefinitionId: text,
      principalId: text,
      principalType: oneOf("ServicePrincipal", "User", "Group"),
      "description?": text,
      "condition?": text,
      "conditionVersion?": oneOf("2.0"),
    }),
  },
  "Microsoft.Authorization/locks@2020-05-01": {
    properties: record({ level: oneOf("CanNotDelete", "ReadOnly"), "notes?": text, "owners?": any }),
  },
  "Microsoft.Network/virtualNetworks@2025-07-01": {
    ...located,
    properties: record({
      addressSpace: record({ addressPrefixes: list(text) }),
      "subnets?": list(
        record({
          name: text,
          properties: record({
            addressPrefix: text,
            "delegations?": list(record({ name: text, properties: record({ serviceName: text }) })),
            "privateEndpointNetworkPolicies?": oneOf(
              "Enabled",
              "Disabled",
              "NetworkSecurityGroupEnabled",
              "RouteTableEnabled",
            ),
            "defaultOutboundAccess?": flag,
            "networkSecurityGroup?": ref,
            "natGateway?": ref,
            "serviceEndpoints?": list(any),
          }),
        }),
      ),
    }),
  },
  "Microsoft.Network/privateDnsZones@2024-06-01": { location: oneOf("global"), ...tags, "properties?": record({}) },
  "Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01": {
    location: oneOf("global"),
    ...tags,
    properties: record({
      virtualNetwork: ref,
      registrationEnabled: flag,
      "resolutionPolicy?": oneOf("Default", "NxDomainRedirect"),
    }),
  },
  "Microsoft.Network/privateEndpoints@2025-07-01": {
    ...located,
    properties: record({
      subnet: ref,
      "customNetworkInterfaceName?": text,
      privateLinkServiceConnections: list(
        record({ name: text, properties: record({ privateLinkServiceId: text, groupIds: list(text) }) }),
      ),
    }),
  },
  "Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2025-07-01": {
    properties: record({
      privateDnsZoneConfigs: list(record({ name: text, properties: record({ privateDnsZoneId: text }) })),
    }),
  },
  "Microsoft.Storage/storageAccounts@2025-06-01": {
    ...located,
    kind: oneOf("StorageV2"),
    sku: record({ name: oneOf("Standard_LRS", "Standard_ZRS", "Standard_GRS", "Standard_GZRS") }),
    properties: record({
      "accessTier?": oneOf("Hot", "Cool"),
      "allowBlobPublicAccess?": flag,
      "allowSharedKeyAccess?": flag,
      "allowCrossTenantReplication?": flag,
      "defaultToOAuthAuthentication?": flag,
      "minimumTlsVersion?": oneOf("TLS1_2", "TLS1_3"),
      "supportsHttpsTrafficOnly?": flag,
      "publicNetworkAccess?": oneOf("Enabled", "Disabled", "SecuredByPerimeter"),
      "networkAcls?": record({
        defaultAction: oneOf("Allow", "Deny"),
        "bypass?": oneOf("None", "AzureServices", "Logging", "Metrics"),
        "ipRules?": addressRules,
        "virtualNetworkRules?": list(any),
      }),
    }),
  },
  "Microsoft.Storage/storageAccounts/blobServices@2025-06-01": {
    "properties?": record({
      "isVersioningEnabled?": flag,
      "deleteRetentionPolicy?": kept,
      "containerDeleteRetentionPolicy?": kept,
      "changeFeed?": record({ enabled: flag, "retentionInDays?": whole }),
    }),
  },
  "Microsoft.Storage/storageAccounts/blobServices/containers@2025-06-01": {
    "properties?": record({ "publicAccess?": oneOf("None"), "metadata?": map(text) }),
  },
  "Microsoft.Storage/storageAccounts/tableServices@2025-06-01": { "properties?": any },
  "Microsoft.Storage/storageAccounts/tableServices/tables@2025-06-01": { "properties?": any },
  "Microsoft.Storage/storageAccounts/managementPolicies@2025-06-01": {
    properties: record({
      policy: record({
        rules: list(
          record({
            name: text,
            type: oneOf("Lifecycle"),
            "enabled?": flag,
            definition: record({
              "filters?": record({ blobTypes: list(oneOf("blockBlob", "appendBlob")), "prefixMatch?": list(text) }),
              actions: record({
                "baseBlob?": record({ "delete?": age }),
                "version?": record({ "delete?": record({ daysAfterCreationGreaterThan: whole }) }),
                "snapshot?": record({ "delete?": record({ daysAfterCreationGreaterThan: whole }) }),
              }),
            }),
          }),
        ),
      }),
    }),
  },
  "Microsoft.KeyVault/vaults@2026-02-01": {
    ...located,
    properties: record({
      tenantId: text,
      sku: record({ family: oneOf("A"), name: oneOf("standard", "premium") }),
      "enableRbacAuthorization?": flag,
      "enableSoftDelete?": flag,
      "enablePurgeProtection?": flag,
      "softDeleteRetentionInDays?": whole,
      "enabledForDeployment?": flag,
      "enabledForDiskEncryption?": flag,
      "enabledForTemplateDeployment?": flag,
      "publicNetworkAccess?": oneOf("Enabled", "Disabled"),
      "networkAcls?": record({
        defaultAction: oneOf("Allow", "Deny"),
        bypass: oneOf("None", "AzureServices"),
        "ipRules?": list(record({ value: text })),
        "virtualNetworkRules?": list(record({ id: text, "ignoreMissingVnetServiceEndpoint?": flag })),
      }),
    }),
  },
  "Microsoft.KeyVault/vaults/keys@2026-02-01": {
    ...tags,
    properties: record({
      kty: oneOf("RSA", "RSA-HSM", "EC", "EC-HSM"),
      "keySize?": whole,
      "curveName?": text,
      keyOps: list(oneOf("sign", "verify", "encrypt", "decrypt", "wrapKey", "unwrapKey", "import", "release")),
      attributes: record({ "enabled?": flag, "exportable?": flag, "exp?": whole, "nbf?": whole }),
      "rotationPolicy?": any,
      "release_policy?": any,
    }),
  },
  "Microsoft.OperationalInsights/workspaces@2025-07-01": {
    ...located,
    properties: record({
      sku: record({ name: text }),
      "retentionInDays?": whole,
      "features?": record({
        "disableLocalAuth?": flag,
        "enableLogAccessUsingOnlyResourcePermissions?": flag,
        "immediatePurgeDataOn30Days?": flag,
      }),
      "workspaceCapping?": record({ dailyQuotaGb: whole }),
      "publicNetworkAccessForIngestion?": onOff,
      "publicNetworkAccessForQuery?": onOff,
    }),
  },
  "Microsoft.Web/serverfarms@2025-03-01": {
    ...located,
    kind: text,
    sku: record({ name: text, tier: text }),
    properties: record({ reserved: flag, "zoneRedundant?": flag }),
  },
  "Microsoft.Web/sites@2025-03-01": {
    ...located,
    kind: text,
    identity: record({ type: oneOf("UserAssigned"), userAssignedIdentities: any }),
    properties: record({
      serverFarmId: text,
      "httpsOnly?": flag,
      "clientAffinityEnabled?": flag,
      "publicNetworkAccess?": onOff,
      "virtualNetworkSubnetId?": text,
      "siteConfig?": record({
        "minTlsVersion?": oneOf("1.2", "1.3"),
        "scmMinTlsVersion?": oneOf("1.2", "1.3"),
        "http20Enabled?": flag,
        "ipSecurityRestrictions?": list(restriction),
        "ipSecurityRestrictionsDefaultAction?": oneOf("Allow", "Deny"),
        "scmIpSecurityRestrictions?": list(restriction),
        "scmIpSecurityRestrictionsDefaultAction?": oneOf("Allow", "Deny"),
        "scmIpSecurityRestrictionsUseMain?": flag,
      }),
      functionAppConfig: record({
        deployment: record({
          storage: record({
            type: oneOf("blobContainer"),
            value: text,
            authentication: record({
              type: oneOf("SystemAssignedIdentity", "UserAssignedIdentity", "StorageAccountConnectionString"),
              "userAssignedIdentityResourceId?": text,
              "storageAccountConnectionStringName?": text,
            }),
          }),
        }),
        runtime: record({ name: oneOf("node"), version: text }),
        scaleAndConcurrency: record({
          instanceMemoryMB: whole,
          maximumInstanceCount: whole,
          "alwaysReady?": list(record({ name: text, instanceCount: whole })),
          "triggers?": record({ "http?": record({ perInstanceConcurrency: whole }) }),
        }),
      }),
    }),
  },
  "Microsoft.Web/sites/config@2025-03-01": { properties: map(text) },
  "Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01": { properties: record({ allow: flag }) },
};
