// Alerts on Azure's activity log itself, for what must not depend on the workspace. They have no state: each matching
// operation is a mail, and they cannot tell who acted. So they are few, and a deployment meets one of them only, twice;
// the log rule activity-1 knows who acted. Azure shows them as Sev4; our severity is in what the action group gets.

import { Tags } from '../types.bicep'

@description('Prefix of every name.')
param namePrefix string

@description('Tags of every resource.')
param tags Tags

@description('Resource id of the action group that is notified.')
param actionGroupId string

@description('Address of the runbook; the id of the alert is its anchor.')
param runbookUrl string

@description('The log rule that reports who changed rules.')
param activityRuleId string

@description('The diagnostic setting that exports the activity log to the workspace.')
param activityExportId string

type ActivityRule = {
  id: string
  severity: int
  summary: string
  scope: string
  operations: string[]

  @description('Only for these resources; none: for all in the scope.')
  resourceIds: string[]
}

var rules ActivityRule[] = [
  {
    id: 'watch-changed'
    severity: 1
    summary: 'The rule that reports changes, or the export that it reads, was itself changed or deleted. A deployment writes both.'
    scope: subscription().id
    operations: [
      'Microsoft.Insights/scheduledQueryRules/write'
      'Microsoft.Insights/scheduledQueryRules/delete'
      'Microsoft.Insights/diagnosticSettings/write'
      'Microsoft.Insights/diagnosticSettings/delete'
    ]
    resourceIds: [
      activityRuleId
      activityExportId
    ]
  }
  {
    id: 'log-deleted'
    severity: 1
    summary: 'A diagnostic setting, the workspace or one of its tables was deleted, or its rows were purged.'
    scope: resourceGroup().id
    operations: [
      'Microsoft.Insights/diagnosticSettings/delete'
      'Microsoft.OperationalInsights/workspaces/delete'
      'Microsoft.OperationalInsights/workspaces/purge/action'
      'Microsoft.OperationalInsights/workspaces/tables/delete'
    ]
    resourceIds: []
  }
  {
    id: 'vault-deleted'
    severity: 1
    summary: 'The vault was deleted. No new token can be issued until it is recovered.'
    scope: resourceGroup().id
    operations: ['Microsoft.KeyVault/vaults/delete']
    resourceIds: []
  }
  {
    id: 'alert-rule-gone'
    severity: 1
    summary: 'An alert rule was deleted, or disabled by the system because its query failed for a week.'
    scope: resourceGroup().id
    operations: [
      'Microsoft.Insights/scheduledQueryRules/disable/action'
      'Microsoft.Insights/scheduledQueryRules/delete'
      'Microsoft.Insights/metricAlerts/delete'
      'Microsoft.Insights/activityLogAlerts/delete'
      'Microsoft.Insights/actionGroups/delete'
    ]
    resourceIds: []
  }
]

resource activityRules 'Microsoft.Insights/activityLogAlerts@2026-01-01' = [
  for rule in rules: {
    name: '${namePrefix}-${rule.id}'
    location: 'global'
    tags: tags
    properties: {
      description: '${rule.summary} Runbook: ${runbookUrl}#${rule.id}'
      enabled: true
      scopes: [rule.scope]
      condition: {
        allOf: concat(
          [
            {
              field: 'category'
              equals: 'Administrative'
            }
            {
              field: 'status'
              equals: 'Succeeded'
            }
            {
              anyOf: map(rule.operations, operation => {
                field: 'operationName'
                equals: operation
              })
            }
          ],
          empty(rule.resourceIds)
            ? []
            : [
                {
                  anyOf: map(rule.resourceIds, id => {
                    field: 'resourceId'
                    equals: id
                  })
                }
              ]
        )
      }
      actions: {
        actionGroups: [
          {
            actionGroupId: actionGroupId
            webhookProperties: {
              severity: string(rule.severity)
              summary: rule.summary
              runbook: '${runbookUrl}#${rule.id}'
            }
          }
        ]
      }
    }
  }
]

resource unhealthy 'Microsoft.Insights/activityLogAlerts@2026-01-01' = {
  name: '${namePrefix}-alert-rule-unhealthy'
  location: 'global'
  tags: tags
  properties: {
    description: 'Azure cannot evaluate an alert rule, so its alerts do not fire. Runbook: ${runbookUrl}#alert-rule-unhealthy'
    enabled: true
    scopes: [resourceGroup().id]
    condition: {
      allOf: [
        {
          field: 'category'
          equals: 'ResourceHealth'
        }
        {
          field: 'resourceType'
          equals: 'Microsoft.Insights/scheduledQueryRules'
        }
        {
          anyOf: [
            {
              field: 'properties.currentHealthStatus'
              equals: 'Degraded'
            }
            {
              field: 'properties.currentHealthStatus'
              equals: 'Unavailable'
            }
          ]
        }
      ]
    }
    actions: {
      actionGroups: [
        {
          actionGroupId: actionGroupId
          webhookProperties: {
            severity: '1'
            summary: 'Azure cannot evaluate an alert rule, so its alerts do not fire.'
            runbook: '${runbookUrl}#alert-rule-unhealthy'
          }
        }
      ]
    }
  }
}
