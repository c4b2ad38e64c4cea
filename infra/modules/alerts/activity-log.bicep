// Alerts on Azure's activity log: who changed what the other alerts stand on. No identity of the app can write or
// suppress it. Azure shows all of them as Sev4; the severity that we give them is in what the action group gets.

import { LogAlertContext } from 'log-rules.bicep'

@description('Where the rules lie and what they look at: LogAlertContext of log-rules.bicep.')
param context LogAlertContext

@description('Begins every name.')
param namePrefix string

@description('Resource id of the function app.')
param functionAppId string

@description('A role assigned here or below is reported. A wide one also covers what the vault inherits.')
param accessScope string

var alerts = [
  {
    id: 'access-changed'
    severity: 1
    summary: 'Roles were assigned or changed, or an identity was lent or federated.'
    consequence: 'Somebody may now sign, write the policy or the ledger, or be our identity.'
    action: 'Ask whether it was announced; if not, remove it.'
    scope: accessScope
    operations: [
      'Microsoft.Authorization/roleAssignments/write'
      'Microsoft.Authorization/roleAssignments/delete'
      'Microsoft.Authorization/roleDefinitions/write'
      'Microsoft.Authorization/elevateAccess/action'
      'Microsoft.ManagedIdentity/userAssignedIdentities/assign/action'
      'Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/write'
    ]
  }
  {
    id: 'vault-changed'
    severity: 1
    summary: 'The vault was changed or deleted, or a key written from the control plane.'
    consequence: 'Its network, its access model or its keys may not be what they were.'
    action: 'Compare with the template; deploy it again.'
    scope: context.keyVaultId
    operations: [
      'Microsoft.KeyVault/vaults/write'
      'Microsoft.KeyVault/vaults/delete'
      'Microsoft.KeyVault/vaults/keys/write'
      'Microsoft.KeyVault/vaults/accessPolicies/write'
      'Microsoft.KeyVault/vaults/privateEndpointConnections/write'
      'Microsoft.KeyVault/vaults/privateEndpointConnections/delete'
    ]
  }
  {
    id: 'log-cut-off'
    severity: 1
    summary: 'Diagnostic settings, the workspace or its rules of collection were changed or deleted.'
    consequence: 'The log of the vault may no longer arrive, or not whole.'
    action: 'Deploy the template again, find out who did it and what happened meanwhile.'
    scope: resourceGroup().id
    operations: [
      'Microsoft.Insights/diagnosticSettings/write'
      'Microsoft.Insights/diagnosticSettings/delete'
      'Microsoft.Insights/dataCollectionRules/write'
      'Microsoft.OperationalInsights/workspaces/write'
      'Microsoft.OperationalInsights/workspaces/delete'
      'Microsoft.OperationalInsights/workspaces/purge/action'
      'Microsoft.OperationalInsights/workspaces/tables/write'
      'Microsoft.OperationalInsights/workspaces/tables/delete'
    ]
  }
  {
    id: 'alerts-changed'
    severity: 1
    summary: 'Alert rules, action groups or rules that suppress notifications were changed or deleted.'
    consequence: 'What happens next may not be told.'
    action: 'Deploy the template again, find out who did it and what happened meanwhile.'
    scope: resourceGroup().id
    operations: [
      'Microsoft.Insights/scheduledQueryRules/write'
      'Microsoft.Insights/scheduledQueryRules/delete'
      'Microsoft.Insights/metricAlerts/write'
      'Microsoft.Insights/metricAlerts/delete'
      'Microsoft.Insights/activityLogAlerts/write'
      'Microsoft.Insights/activityLogAlerts/delete'
      'Microsoft.Insights/actionGroups/write'
      'Microsoft.Insights/actionGroups/delete'
      'Microsoft.AlertsManagement/actionRules/write'
    ]
  }
  {
    id: 'app-changed'
    severity: 2
    summary: 'The configuration or the code of the function app was written, or it was stopped.'
    consequence: 'Other code may now run with the identities of Keyhold.'
    action: 'Ask whether it was announced; if not, treat the app as taken over.'
    scope: functionAppId
    operations: [
      'Microsoft.Web/sites/write'
      'Microsoft.Web/sites/delete'
      'Microsoft.Web/sites/config/write'
      'Microsoft.Web/sites/extensions/write'
      'Microsoft.Web/sites/publishxml/action'
      'Microsoft.Web/sites/stop/action'
    ]
  }
]

resource rules 'Microsoft.Insights/activityLogAlerts@2026-01-01' = [
  for alert in alerts: {
    name: '${namePrefix}-${alert.id}'
    location: 'global'
    tags: context.tags
    properties: {
      description: '${alert.summary} ${alert.consequence} ${alert.action} Runbook: ${context.runbookUrl}#${alert.id}'
      enabled: true
      scopes: [
        alert.scope
      ]
      condition: {
        allOf: [
          {
            field: 'category'
            equals: 'Administrative'
          }
          {
            field: 'status'
            equals: 'Succeeded'
          }
          {
            anyOf: [
              for operation in alert.operations: {
                field: 'operationName'
                equals: operation
              }
            ]
          }
        ]
      }
      actions: {
        actionGroups: [
          {
            actionGroupId: context.actionGroupId
            webhookProperties: {
              severity: string(alert.severity)
              summary: alert.summary
              consequence: alert.consequence
              action: alert.action
              runbook: '${context.runbookUrl}#${alert.id}'
            }
          }
        ]
      }
    }
  }
]
