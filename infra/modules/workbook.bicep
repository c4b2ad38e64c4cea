// The workbook: what was signed, for whom, and whether it is accounted for. In the JSON a query is the name of its file
// in infra/queries; its text is put in here, so that each query is in one place.

import { Tags } from 'types.bicep'

@description('Region of the resources.')
param location string

@description('Prefix of every name.')
param namePrefix string

@description('Name of the workspace that has the log of the vault and the events of the app.')
param workspaceName string

@description('Name of the Application Insights that the app writes to.')
param applicationInsightsName string

@description('Name of the vault.')
param vaultName string

@description('Tags of every resource.')
param tags Tags

resource workspace 'Microsoft.OperationalInsights/workspaces@2026-03-01' existing = {
  name: workspaceName
}

resource insights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: applicationInsightsName
}

resource vault 'Microsoft.KeyVault/vaults@2026-05-15' existing = {
  name: vaultName
}

var queries = {
  'workbook-keys.kql': loadTextContent('../queries/workbook-keys.kql')
  'workbook-sign-rate.kql': loadTextContent('../queries/workbook-sign-rate.kql')
  'workbook-findings.kql': loadTextContent('../queries/workbook-findings.kql')
  'workbook-vault-callers.kql': loadTextContent('../queries/workbook-vault-callers.kql')
  'workbook-callers.kql': loadTextContent('../queries/workbook-callers.kql')
  'workbook-mint-latency.kql': loadTextContent('../queries/workbook-mint-latency.kql')
  'workbook-cache-hits.kql': loadTextContent('../queries/workbook-cache-hits.kql')
  'workbook-answers.kql': loadTextContent('../queries/workbook-answers.kql')
  'workbook-health.kql': loadTextContent('../queries/workbook-health.kql')
  'workbook-metadata.kql': loadTextContent('../queries/workbook-metadata.kql')
  'workbook-certificates.kql': loadTextContent('../queries/workbook-certificates.kql')
}

// As JSON text: an array of one string, without its brackets.
var quoted = mapValues(queries, text => substring(string([text]), 1, max(length(string([text])) - 2, 0)))

var notebook = reduce(
  items(quoted),
  loadTextContent('../workbook/keyhold.workbook.json'),
  (text, query) => replace(text, '"${query.key}"', query.value)
)
var forWorkspace = replace(notebook, '<workspaceId>', workspace.id)
var forApp = replace(forWorkspace, '<applicationInsightsId>', insights.id)
var forVault = replace(forApp, '<keyVaultId>', vault.id)

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(resourceGroup().id, namePrefix, 'workbook')
  location: location
  kind: 'shared'
  tags: tags
  properties: {
    displayName: '${namePrefix} signatures and tokens'
    category: 'workbook'
    version: 'Notebook/1.0'
    sourceId: workspace.id
    serializedData: forVault
  }
}
