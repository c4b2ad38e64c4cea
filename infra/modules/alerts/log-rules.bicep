// Log alerts on the workspace. They are stateful: a row in overlapping windows is one alert per combination of the
// dimensions, and resolves itself when the row has left the window. Resolved does not mean mended.

import { Tags } from '../types.bicep'

@description('What an alert is. `query` is a file of infra/queries with the placeholders <keyVaultId> and its like.')
type LogAlert = {
  id: string
  @minValue(0)
  @maxValue(3)
  severity: int
  summary: string
  consequence: string
  action: string
  query: string
  measure: string
  dimensions: string[]
  threshold: int
}

@export()
type LogAlertContext = {
  location: string
  @description('Identity that the rules read the workspace with. Without one they have the rights of who edited them last.')
  identityId: string
  workspaceId: string
  applicationInsightsId: string
  keyVaultId: string
  signingIdentityPrincipalId: string
  actionGroupId: string
  runbookUrl: string
  tags: Tags
}

@description('What to be told of.')
param alerts LogAlert[]

@description('Where the rules lie and what their queries look at.')
param context LogAlertContext

@description('Begins every name.')
param namePrefix string

// What wakes somebody is looked for every five minutes. Each query looks back several times as far (a test says so):
// a late row, or a late evaluation, is caught by the next one.
var frequencies = [
  'PT5M'
  'PT5M'
  'PT15M'
  'PT15M'
]

resource rules 'Microsoft.Insights/scheduledQueryRules@2026-03-01' = [
  for alert in alerts: {
    name: '${namePrefix}-${alert.id}'
    location: context.location
    kind: 'LogAlert'
    identity: {
      type: 'UserAssigned'
      userAssignedIdentities: {
        '${context.identityId}': {}
      }
    }
    tags: context.tags
    properties: {
      displayName: '${namePrefix} ${alert.id}'
      description: '${alert.summary} ${alert.consequence} ${alert.action} Runbook: ${context.runbookUrl}#${alert.id}'
      severity: alert.severity
      enabled: true
      scopes: [
        context.workspaceId
      ]
      evaluationFrequency: frequencies[alert.severity]
      windowSize: frequencies[alert.severity]
      // The queries say themselves how far they look back; two days is the most that a rule may read.
      overrideQueryTimeRange: 'P2D'
      // A table that has had no row yet is not known to a new workspace.
      skipQueryValidation: true
      autoMitigate: true
      criteria: {
        allOf: [
          {
            criterionType: 'StaticThresholdCriterion'
            query: contains(alert.query, '<signingIdentityPrincipalId>')
              ? replace(
                  replace(
                    replace(alert.query, '<keyVaultId>', context.keyVaultId),
                    '<applicationInsightsId>',
                    context.applicationInsightsId
                  ),
                  '<signingIdentityPrincipalId>',
                  context.signingIdentityPrincipalId
                )
              : replace(
                  replace(alert.query, '<keyVaultId>', context.keyVaultId),
                  '<applicationInsightsId>',
                  context.applicationInsightsId
                )
            timeAggregation: 'Maximum'
            metricMeasureColumn: alert.measure
            dimensions: [
              for dimension in alert.dimensions: {
                name: dimension
                operator: 'Include'
                values: [
                  '*'
                ]
              }
            ]
            operator: 'GreaterThan'
            threshold: alert.threshold
            failingPeriods: {
              numberOfEvaluationPeriods: 1
              minFailingPeriodsToAlert: 1
            }
          }
        ]
      }
      actions: {
        actionGroups: [
          context.actionGroupId
        ]
        customProperties: {
          summary: alert.summary
          consequence: alert.consequence
          action: alert.action
          runbook: '${context.runbookUrl}#${alert.id}'
        }
      }
    }
  }
]
