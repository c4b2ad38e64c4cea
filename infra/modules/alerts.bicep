// Every alert of Keyhold, by the source that it stands on. Each has a section of its id in docs/operate/runbook.md.

@description('Region of the resources.')
param location string

@description('Begins every name.')
param namePrefix string

@description('Resource id of the workspace that has the log of the vault and the events of the app.')
param workspaceId string

@description('Resource id of the Application Insights that the app writes to.')
param applicationInsightsId string

@description('Resource id of the vault.')
param keyVaultId string

@description('Resource id of the action group that is told.')
param actionGroupId string

@description('Object id of the identity that may sign, and nothing else.')
param signingIdentityPrincipalId string

@description('Resource id of the function app.')
param functionAppId string

@description('Tags of every resource.')
param tags object

@description('Where whoever is woken finds the runbook; the id of the alert is its anchor.')
param runbookUrl string

@description('How the metric ServiceApiHit names KeySign. Not documented: look at the metric once after deployment.')
param signActivityName string = 'keysign'

@description('Signatures of one key in five minutes that no day explains. One instance has a budget of 6000.')
param signHardCap int = 6000

@description('Where a role that is assigned is reported. Assignments of management groups are not in it.')
param accessScope string = subscription().id

@description('The audit runs every five minutes.')
param auditSilentMinutes int = 30

@description('Metadata is refreshed hourly.')
param metadataSilentMinutes int = 150

@description('Credentials are checked hourly.')
param credentialsSilentMinutes int = 180

var context = {
  location: location
  namePrefix: namePrefix
  workspaceId: workspaceId
  applicationInsightsId: applicationInsightsId
  keyVaultId: keyVaultId
  signingIdentityPrincipalId: signingIdentityPrincipalId
  actionGroupId: actionGroupId
  runbookUrl: runbookUrl
  tags: tags
}

module vaultMetric 'alerts/vault-metric.bicep' = {
  name: 'alerts-vault-metric'
  params: {
    context: context
    signActivityName: signActivityName
  }
}

module vaultLog 'alerts/vault-log.bicep' = {
  name: 'alerts-vault-log'
  params: {
    context: context
    signHardCap: signHardCap
  }
}

module signAudit 'alerts/sign-audit.bicep' = {
  name: 'alerts-sign-audit'
  params: {
    context: context
    auditSilentMinutes: auditSilentMinutes
  }
}

module requests 'alerts/requests.bicep' = {
  name: 'alerts-requests'
  params: {
    context: context
  }
}

module metadata 'alerts/metadata.bicep' = {
  name: 'alerts-metadata'
  params: {
    context: context
    metadataSilentMinutes: metadataSilentMinutes
  }
}

module credentials 'alerts/credentials.bicep' = {
  name: 'alerts-credentials'
  params: {
    context: context
    credentialsSilentMinutes: credentialsSilentMinutes
  }
}

module activityLog 'alerts/activity-log.bicep' = {
  name: 'alerts-activity-log'
  params: {
    context: context
    functionAppId: functionAppId
    accessScope: accessScope
  }
}
