// Every alert of Keyhold, by its source. Each has a section in docs/operate/runbook.md.

import { Tags } from 'types.bicep'

@description('Region of the resources.')
param location string

@description('Prefix of every name.')
param namePrefix string

@description('Name of the workspace that has the log of the vault and the events of the app.')
param workspaceName string

@description('When the workspace was created, in the format of Azure.')
param workspaceCreatedAt string

@description('Name of the Application Insights that the app writes to.')
param applicationInsightsName string

@description('Name of the vault.')
param vaultName string

@description('Name of the action group that is notified.')
param actionGroupName string

@description('Name of the identity that the rules read the workspace with.')
param alertsIdentityName string

@description('Name of the storage account of policy, ledger, audit and metadata.')
param dataAccountName string

@description('Name of the storage account of the host.')
param hostAccountName string

@description('Object id of the identity that may sign, and nothing else.')
param signingIdentityPrincipalId string

@description('Object id of the identity for storage.')
param storageIdentityPrincipalId string

@description('Object id of the identity of the shared tokens; empty: there is none.')
param sharedCacheIdentityPrincipalId string

@description('Object id of the identity that deploys; empty: every change is reported as made by somebody else.')
param deploymentPrincipalId string

@description('The diagnostic setting that exports the activity log to the workspace.')
param activityExportId string

@description('Tags of every resource.')
param tags Tags

@description('Address of the runbook; the id of the alert is its anchor.')
param runbookUrl string

@description('How the metric ServiceApiHit names KeySign. Not documented: look at the metric once after deployment.')
param signActivityName string = 'keysign'

@description('Signatures of one key in five minutes that always raise an alert. One instance has a budget of 6000.')
param signHardCap int

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

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: alertsIdentityName
}

module logRules 'alerts/log-rules.bicep' = {
  params: {
    namePrefix: namePrefix
    context: {
      location: location
      tags: tags
      workspaceId: workspace.id
      actionGroupId: operators.id
      runbookUrl: runbookUrl
      identityId: identity.id
      keyVaultId: vault.id
      applicationInsightsId: insights.id
      dataAccountName: dataAccountName
      hostAccountName: hostAccountName
      resourceGroupName: resourceGroup().name
      deploymentPrincipalId: deploymentPrincipalId
      signHardCap: signHardCap
      signingIdentityPrincipalId: signingIdentityPrincipalId
      storageIdentityPrincipalId: storageIdentityPrincipalId
      sharedCacheIdentityPrincipalId: sharedCacheIdentityPrincipalId
      workspaceCreatedAt: workspaceCreatedAt
    }
  }
}

module vaultMetrics 'alerts/vault-metrics.bicep' = {
  params: {
    keyVaultId: vault.id
    namePrefix: namePrefix
    tags: tags
    actionGroupId: operators.id
    runbookUrl: runbookUrl
    signActivityName: signActivityName
  }
}

module activityLog 'alerts/activity-log.bicep' = {
  params: {
    namePrefix: namePrefix
    tags: tags
    actionGroupId: operators.id
    runbookUrl: runbookUrl
    activityRuleId: resourceId('Microsoft.Insights/scheduledQueryRules', '${namePrefix}-activity-1')
    activityExportId: activityExportId
  }
}
