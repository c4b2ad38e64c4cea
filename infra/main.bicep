// Keyhold in its own resource group: the app, a vault that only signs, and the monitoring of both. docs/operate/deploy.md

targetScope = 'subscription'

@description('Name of the azd environment: part of the names of all resources.')
@minLength(1)
@maxLength(32)
param environmentName string

@description('Azure region; one that has Flex Consumption.')
@metadata({
  azd: {
    type: 'location'
  }
})
param location string

@description('Client id of the app registration of Keyhold: the audience of callers\' tokens.')
@minLength(36)
@maxLength(36)
param audience string

@description('Names of the keys that sign, one for each client application of the policy.')
@minLength(1)
param clientKeyNames string[]

@description('Name of the key that signs idp.xml. Never the key of a client.')
param publisherKeyName string = 'idp-publisher'

@description('Size of the keys in bits.')
@allowed([2048, 3072, 4096])
param keySize int = 2048

@description('The tenant that callers come from; empty: the one of the subscription.')
param homeTenantId string = ''

@description('App role that a caller must hold.')
param callerRole string = 'Tokens.Issue'

@description('Origin under which callers reach the app, https; empty: its own host name.')
param publicUrl string = ''

@description('IPv4 ranges (CIDR) of callers; none: any address, with a valid token.')
param callerAddressRanges string[] = []

@description('IPv4 addresses (without /32) and ranges that can reach vault and data; none: the network only.')
param operatorAddressRanges string[] = []

@description('E-mail addresses that alerts go to.')
@minLength(1)
param alertEmails string[]

@description('Object id of the deploying identity, set by azd: its changes raise a note, not an alarm.')
param deploymentPrincipalId string = ''

@description('Signatures of one key in five minutes that always raise an alert. One instance has a budget of 6000.')
@minValue(1)
param signHardCap int = 6000

@description('Where the engineer on call finds docs/operate/runbook.md: an address in your own repository or wiki.')
param runbookUrl string = 'docs/operate/runbook.md'

@description('Whether vault, data and logs are protected against deletion.')
param preventDeletion bool = true

@description('Whether the app reaches the internet through a NAT gateway, and so from one address.')
param natGateway bool = false

@description('Days that the workspace keeps logs, including the audit log of the vault.')
@minValue(30)
@maxValue(730)
param logRetentionDays int = 90

@description('Days that the ledger is kept.')
@minValue(30)
@maxValue(3650)
param ledgerRetentionDays int = 400

@description('Redundancy of policy, ledger and audit. Standard_LRS in a region without availability zones.')
@allowed(['Standard_ZRS', 'Standard_LRS', 'Standard_GZRS', 'Standard_GRS'])
param dataStorageSku string = 'Standard_ZRS'

@description('Addresses of the virtual network, /25 or larger.')
param networkAddressPrefix string = '10.71.0.0/24'

@description('Instances that are always up, so that no token waits for a cold start.')
@minValue(1)
param alwaysReadyInstances int = 1

@description('The maximum number of instances. Flex Consumption requires at least 40.')
@minValue(40)
@maxValue(1000)
param maximumInstanceCount int = 40

@description('Concurrent requests on one instance above which the platform adds another. An instance handles ten times as many.')
@minValue(1)
@maxValue(1000)
param perInstanceConcurrency int = 100

@description('New tokens and assertions per minute, all callers, one instance.')
@minValue(1)
@maxValue(60000)
param mintsPerMinute int = 1200

@description('The same for one caller.')
@minValue(1)
@maxValue(60000)
param mintsPerMinutePerCaller int = 300

@description('The maximum number of tokens in memory.')
@minValue(1)
@maxValue(1000000)
param cacheMaxTokens int = 20000

@description('Their maximum size in bytes.')
@minValue(1048576)
@maxValue(1073741824)
param cacheMaxBytes int = 134217728

@description('Whether instances share their tokens, encrypted, in a table. Creates the key, the identity and the table.')
param sharedCache bool = false

@description('The key of the shared tokens, wrapped, as keyhold shared-cache create-key prints it; empty: not used yet.')
param sharedCacheWrappedKey string = ''

@description('Percentage of the events of cached answers that is sent. Mints, findings and faults are always sent.')
@minValue(1)
@maxValue(100)
param telemetryCachedAnswersPercent int = 100

@description('Whether instances also stream to the live metrics of the portal.')
param telemetryLiveMetrics bool = false

@description('Whether durations of calls are also sent as aggregated metrics.')
param telemetryStandardMetrics bool = false

var suffix = uniqueString(subscription().id, environmentName, location)
var namePrefix = 'keyhold-${environmentName}'
var tags = { 'azd-env-name': environmentName }
// All names are known before a deployment, so that a preview (what-if) can list what it does.
var identityNames = {
  signing: '${namePrefix}-signing'
  storage: '${namePrefix}-storage'
  monitoring: '${namePrefix}-monitoring'
  alerts: '${namePrefix}-alerts'
  sharedCache: '${namePrefix}-shared-cache'
}
var monitoringNames = {
  workspace: '${namePrefix}-logs'
  applicationInsights: '${namePrefix}-insights'
  actionGroup: '${namePrefix}-operators'
}
var keyNames = union(clientKeyNames, [publisherKeyName])
var vaultName = 'keyhold-${suffix}'
var appName = 'keyhold-${suffix}'
var hostAccountName = 'kholdhost${suffix}'
var dataAccountName = 'kholddata${suffix}'
var sharedCacheKeyName = 'shared-cache'
var usesSharedCache = sharedCache && !empty(sharedCacheWrappedKey)
var clouds = {
  AzureCloud: 'public'
  AzureUSGovernment: 'usgovernment'
  AzureChinaCloud: 'china'
}

resource group 'Microsoft.Resources/resourceGroups@2025-04-01' = {
  name: 'rg-${namePrefix}'
  location: location
  tags: tags
}

module identities 'modules/identities.bicep' = {
  scope: group
  params: {
    location: location
    names: identityNames
    tags: tags
  }
}

module network 'modules/network.bicep' = {
  scope: group
  params: {
    location: location
    namePrefix: namePrefix
    tags: tags
    addressPrefix: networkAddressPrefix
    natGateway: natGateway
  }
}

module monitoring 'modules/monitoring.bicep' = {
  scope: group
  params: {
    location: location
    names: monitoringNames
    tags: tags
    retentionDays: logRetentionDays
    alertEmails: alertEmails
    monitoringPrincipalId: identities.outputs.monitoring.principalId
    monitoringIdentityName: identityNames.monitoring
    alertsPrincipalId: identities.outputs.alertsPrincipalId
    alertsIdentityName: identityNames.alerts
  }
}

module deletionGuard 'modules/deletion-guard.bicep' = if (preventDeletion) {
  scope: group
  params: {
    namePrefix: namePrefix
  }
}

module storageHost 'modules/storage-host.bicep' = {
  scope: group
  params: {
    location: location
    name: hostAccountName
    tags: tags
    storagePrincipalId: identities.outputs.storage.principalId
    storageIdentityName: identityNames.storage
    subnetId: network.outputs.endpointSubnetId
    blobZoneId: network.outputs.blobZoneId
    workspaceId: monitoring.outputs.workspaceId
  }
}

module storageData 'modules/storage-data.bicep' = {
  scope: group
  params: {
    location: location
    name: dataAccountName
    tags: tags
    skuName: dataStorageSku
    storagePrincipalId: identities.outputs.storage.principalId
    storageIdentityName: identityNames.storage
    subnetId: network.outputs.endpointSubnetId
    blobZoneId: network.outputs.blobZoneId
    tableZoneId: network.outputs.tableZoneId
    operatorAddressRanges: operatorAddressRanges
    workspaceId: monitoring.outputs.workspaceId
  }
}

module workspaceTransformation 'modules/workspace-transformation.bicep' = {
  scope: group
  params: {
    location: location
    name: '${namePrefix}-transformation'
    workspaceName: monitoringNames.workspace
    tags: tags
    retentionDays: logRetentionDays
    dataAccountName: dataAccountName
    storagePrincipalId: identities.outputs.storage.principalId
  }
  dependsOn: [monitoring]
}

module vault 'modules/key-vault.bicep' = {
  scope: group
  params: {
    location: location
    name: vaultName
    tags: tags
    keyNames: keyNames
    keySize: keySize
    subnetId: network.outputs.endpointSubnetId
    vaultZoneId: network.outputs.vaultZoneId
    operatorAddressRanges: operatorAddressRanges
    workspaceId: monitoring.outputs.workspaceId
  }
}

module signingRole 'modules/signing-role.bicep' = {
  scope: group
  // By name, not by output: a preview cannot list the assignments of keys that it does not know.
  dependsOn: [vault]
  params: {
    vaultName: vaultName
    keyNames: keyNames
    signingPrincipalId: identities.outputs.signing.principalId
    signingIdentityName: identityNames.signing
  }
}

module sharedTokens 'modules/shared-cache.bicep' = if (sharedCache) {
  scope: group
  dependsOn: [vault, storageData]
  params: {
    principalId: identities.outputs.sharedCache.principalId
    identityName: identityNames.sharedCache
    vaultName: vaultName
    keyName: sharedCacheKeyName
    keySize: keySize
    accountName: dataAccountName
  }
}

module functionApp 'modules/function-app.bicep' = {
  scope: group
  params: {
    location: location
    name: appName
    tags: tags
    signingIdentity: identities.outputs.signing
    storageIdentity: identities.outputs.storage
    monitoringIdentity: identities.outputs.monitoring
    moreIdentityIds: sharedCache ? [identities.outputs.sharedCache.id] : []
    subnetId: network.outputs.appSubnetId
    hostBlobServiceUri: storageHost.outputs.blobServiceUri
    packageContainerUrl: storageHost.outputs.packageContainerUrl
    applicationInsightsConnectionString: monitoring.outputs.connectionString
    alwaysReadyInstances: alwaysReadyInstances
    maximumInstanceCount: maximumInstanceCount
    perInstanceConcurrency: perInstanceConcurrency
    callerAddressRanges: callerAddressRanges
    operatorAddressRanges: operatorAddressRanges
    settings: {
      KEYHOLD_CLOUD: clouds[environment().name]
      KEYHOLD_HOME_TENANT_ID: empty(homeTenantId) ? tenant().tenantId : homeTenantId
      KEYHOLD_AUDIENCE: audience
      KEYHOLD_CALLER_ROLE: callerRole
      KEYHOLD_PUBLIC_URL: publicUrl
      KEYHOLD_POLICY_BLOB_URL: '${storageData.outputs.policyContainerUrl}/policy.json'
      KEYHOLD_LEDGER_TABLE_URL: storageData.outputs.ledgerTableUrl
      KEYHOLD_LEDGER_RETENTION_DAYS: string(ledgerRetentionDays)
      KEYHOLD_AUDIT_TABLE_URL: storageData.outputs.auditTableUrl
      KEYHOLD_LOG_WORKSPACE_ID: monitoring.outputs.workspaceCustomerId
      KEYHOLD_VAULT_RESOURCE_ID: vault.outputs.id
      KEYHOLD_METADATA_CONTAINER_URL: storageData.outputs.metadataContainerUrl
      KEYHOLD_SIGNING_IDENTITY_CLIENT_ID: identities.outputs.signing.clientId
      KEYHOLD_SIGNING_IDENTITY_OBJECT_ID: identities.outputs.signing.principalId
      KEYHOLD_MONITORING_IDENTITY_CLIENT_ID: identities.outputs.monitoring.clientId
      KEYHOLD_STORAGE_IDENTITY_CLIENT_ID: identities.outputs.storage.clientId
      KEYHOLD_MINTS_PER_MINUTE: string(mintsPerMinute)
      KEYHOLD_MINTS_PER_MINUTE_PER_CALLER: string(mintsPerMinutePerCaller)
      KEYHOLD_MAX_REQUESTS_IN_FLIGHT: string(min(10 * perInstanceConcurrency, 4000))
      KEYHOLD_CACHE_MAX_TOKENS: string(cacheMaxTokens)
      KEYHOLD_CACHE_MAX_BYTES: string(cacheMaxBytes)
      // All four or none: without the wrapped key the shared cache is off.
      KEYHOLD_SHARED_CACHE_TABLE_URL: usesSharedCache ? sharedTokens!.outputs.tableUrl : ''
      KEYHOLD_SHARED_CACHE_KEY_ID: usesSharedCache ? sharedTokens!.outputs.keyId : ''
      KEYHOLD_SHARED_CACHE_WRAPPED_KEY: usesSharedCache ? sharedCacheWrappedKey : ''
      KEYHOLD_SHARED_CACHE_IDENTITY_CLIENT_ID: usesSharedCache ? identities.outputs.sharedCache.clientId : ''
      KEYHOLD_TELEMETRY_CACHED_ANSWERS_PERCENT: string(telemetryCachedAnswersPercent)
      KEYHOLD_TELEMETRY_LIVE_METRICS: telemetryLiveMetrics ? 'true' : 'false'
      KEYHOLD_TELEMETRY_STANDARD_METRICS: telemetryStandardMetrics ? 'true' : 'false'
    }
  }
}

// Who changed what, in a place that queries can read: an alert on the activity log itself cannot tell who acted. Costs nothing.
// No stable version has categories by group or tables by service.
#disable-next-line use-recent-api-versions
resource activityExport 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: '${namePrefix}-activity'
  properties: {
    workspaceId: monitoring.outputs.workspaceId
    logs: [
      {
        category: 'Administrative'
        enabled: true
      }
    ]
  }
}

module alerts 'modules/alerts.bicep' = {
  scope: group
  dependsOn: [vault]
  params: {
    location: location
    namePrefix: namePrefix
    tags: tags
    workspaceName: monitoringNames.workspace
    applicationInsightsName: monitoringNames.applicationInsights
    vaultName: vaultName
    actionGroupName: monitoringNames.actionGroup
    workspaceCreatedAt: monitoring.outputs.workspaceCreatedAt
    dataAccountName: dataAccountName
    hostAccountName: hostAccountName
    signingIdentityPrincipalId: identities.outputs.signing.principalId
    storageIdentityPrincipalId: identities.outputs.storage.principalId
    sharedCacheIdentityPrincipalId: sharedCache ? identities.outputs.sharedCache.principalId : ''
    alertsIdentityName: identityNames.alerts
    deploymentPrincipalId: deploymentPrincipalId
    activityExportId: activityExport.id
    signHardCap: signHardCap
    runbookUrl: runbookUrl
  }
}

module workbook 'modules/workbook.bicep' = {
  scope: group
  dependsOn: [monitoring, vault]
  params: {
    location: location
    namePrefix: namePrefix
    tags: tags
    workspaceName: monitoringNames.workspace
    applicationInsightsName: monitoringNames.applicationInsights
    vaultName: vaultName
  }
}

@description('Resource group of the deployment.')
output AZURE_RESOURCE_GROUP string = group.name

@description('The tenant of the subscription.')
output AZURE_TENANT_ID string = tenant().tenantId

@description('Host name of the app.')
output AZURE_APP_HOST_NAME string = functionApp.outputs.hostName

@description('Name of the app.')
output AZURE_APP_NAME string = functionApp.outputs.name

@description('Name of the vault.')
output AZURE_KEY_VAULT_NAME string = vault.outputs.name

@description('ARM id of the vault.')
output AZURE_KEY_VAULT_ID string = vault.outputs.id

@description('Address of the vault, as the policy names keys.')
output AZURE_KEY_VAULT_URI string = vault.outputs.uri

@description('The keys with their versions, as the policy names them.')
output AZURE_KEY_IDS string[] = vault.outputs.keyIds

@description('Storage account of policy, ledger, audit and metadata.')
output AZURE_DATA_STORAGE_NAME string = storageData.outputs.name

@description('ARM id of that account.')
output AZURE_DATA_STORAGE_ID string = storageData.outputs.id

@description('Container that the policy is uploaded to, as policy.json.')
output AZURE_POLICY_CONTAINER_URL string = storageData.outputs.policyContainerUrl

@description('The role that may sign and nothing else.')
output AZURE_SIGNER_ROLE_ID string = signingRole.outputs.roleDefinitionId

@description('Client id of the identity that signs.')
output KEYHOLD_SIGNING_IDENTITY_CLIENT_ID string = identities.outputs.signing.clientId

@description('Object id of the identity that signs.')
output KEYHOLD_SIGNING_IDENTITY_OBJECT_ID string = identities.outputs.signing.principalId

@description('Client id of the identity for storage.')
output KEYHOLD_STORAGE_IDENTITY_CLIENT_ID string = identities.outputs.storage.clientId

@description('Client id of the identity that reads logs and sends telemetry.')
output KEYHOLD_MONITORING_IDENTITY_CLIENT_ID string = identities.outputs.monitoring.clientId
