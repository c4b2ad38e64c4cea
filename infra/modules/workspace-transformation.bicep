// What the workspace leaves out as it takes rows in. A rule of transformation needs a workspace that is there, and the
// workspace names the rule: so the workspace is declared once more, with the rule.

import { Tags } from 'types.bicep'

@description('Azure region.')
param location string

@description('Name of the rule.')
param name string

@description('Name of the workspace, which exists.')
param workspaceName string

@description('Tags of every resource.')
param tags Tags

@description('Days that the workspace keeps its logs, 30 to 730. As in monitoring.bicep.')
param retentionDays int

@description('Storage account of the ledger.')
param dataAccountName string

@description('Object id of the identity that writes the ledger.')
param storagePrincipalId string

var destination = 'workspace'

resource rule 'Microsoft.Insights/dataCollectionRules@2024-03-11' = {
  name: name
  location: location
  tags: tags
  kind: 'WorkspaceTransforms'
  properties: {
    destinations: {
      logAnalytics: [
        {
          name: destination
          workspaceResourceId: resourceId('Microsoft.OperationalInsights/workspaces', workspaceName)
        }
      ]
    }
    dataFlows: [
      {
        streams: ['Microsoft-Table-StorageTableLogs']
        destinations: [destination]
        // What the app itself writes to the ledger: at 400 signatures a second 70 GB a day. Its deletions, and all that anybody
        // else does, are kept.
        transformKql: replace(
          replace(loadTextContent('../queries/transform-tables.kql'), '<dataAccountName>', dataAccountName),
          '<storageIdentityPrincipalId>',
          storagePrincipalId
        )
      }
    ]
  }
}

resource workspace 'Microsoft.OperationalInsights/workspaces@2026-03-01' = {
  name: workspaceName
  location: location
  tags: tags
  properties: {
    sku: {
      name: 'PerGB2018'
    }
    retentionInDays: retentionDays
    features: {
      disableLocalAuth: true
    }
    defaultDataCollectionRuleResourceId: rule.id
  }
}
