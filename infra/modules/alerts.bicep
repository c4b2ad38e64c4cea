// Every alert of Keyhold, by the source that it stands on. Each has a section of its id in docs/operate/runbook.md.

import { Tags } from 'types.bicep'

@description('Region of the resources.')
param location string

@description('Begins every name.')
param namePrefix string

@description('Name of the workspace that has the log of the vault and the events of the app.')
param workspaceName string

@description('Name of the Application Insights that the app writes to.')
param applicationInsightsName string

@description('Name of the vault.')
param vaultName string

@description('Name of the action group that is notified.')
param actionGroupName string

@description('Object id of the identity that may sign, and nothing else.')
param signingIdentityPrincipalId string

@description('Name of the identity that the rules read the workspace with.')
param alertsIdentityName string

@description('Name of the function app.')
param functionAppName string

@description('Tags of every resource.')
param tags Tags

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

resource workspace 'Microsoft.OperationalInsights/workspaces@2026-03-01' existing = {
  name: workspaceName
}

resource insights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: applicationInsightsName
}

resource vault 'Microsoft.KeyVault/vaults@2026-05-15' existing = {
  name: vaultName
}

resource operators 'Microsoft.Insights/actionGroups@2023-01-01' existing = {
  name: actionGroupName
}

resource app 'Microsoft.Web/sites@2025-03-01' existing = {
  name: functionAppName
}

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: alertsIdentityName
}

var context = {
  identityId: identity.id
  location: location
  workspaceId: workspace.id
  applicationInsightsId: insights.id
  keyVaultId: vault.id
  signingIdentityPrincipalId: signingIdentityPrincipalId
  actionGroupId: operators.id
  runbookUrl: runbookUrl
  tags: tags
}

module vaultMetric 'alerts/vault-metric.bicep' = {
  params: {
    context: context
    namePrefix: namePrefix
    signActivityName: signActivityName
  }
}

module vaultLog 'alerts/vault-log.bicep' = {
  params: {
    context: context
    namePrefix: namePrefix
    signHardCap: signHardCap
  }
}

module signAudit 'alerts/sign-audit.bicep' = {
  params: {
    context: context
    namePrefix: namePrefix
    auditSilentMinutes: auditSilentMinutes
  }
}

module requests 'alerts/requests.bicep' = {
  params: {
    context: context
    namePrefix: namePrefix
  }
}

module metadata 'alerts/metadata.bicep' = {
  params: {
    context: context
    namePrefix: namePrefix
    metadataSilentMinutes: metadataSilentMinutes
  }
}

module credentials 'alerts/credentials.bicep' = {
  params: {
    context: context
    namePrefix: namePrefix
    credentialsSilentMinutes: credentialsSilentMinutes
  }
}

module activityLog 'alerts/activity-log.bicep' = {
  params: {
    context: context
    namePrefix: namePrefix
    functionAppId: app.id
    accessScope: accessScope
  }
}
