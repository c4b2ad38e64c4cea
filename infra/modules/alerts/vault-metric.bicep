// Metric alerts on the vault itself: minutes old, and out of reach for whoever has taken over the app. The threshold
// learns; it needs some days to, and tells nothing of who signs. Exact are the log alerts.

import { LogAlertContext } from 'log-rules.bicep'

@description('Where the rules lie and what they look at: LogAlertContext of log-rules.bicep.')
param context LogAlertContext

@description('Begins every name.')
param namePrefix string

@description('How the metric ServiceApiHit names the operation KeySign. Documentation does not say; portals show it so.')
param signActivityName string

var alerts = [
  {
    id: 'vault-sign-rate-above'
    severity: 2
    summary: 'The vault signs more often than it usually does.'
    consequence: 'Signatures may be stolen in bulk, or a caller runs wild.'
    action: 'See in the log of the vault who signs.'
    operator: 'GreaterThan'
    periods: 4
    failing: 2
  }
  {
    id: 'vault-sign-rate-below'
    severity: 2
    summary: 'The vault signs less often than it usually does.'
    consequence: 'Keyhold or what it needs may be dead.'
    action: 'See whether callers are served.'
    operator: 'LessThan'
    periods: 6
    failing: 6
  }
]

resource rules 'Microsoft.Insights/metricAlerts@2026-01-01' = [
  for alert in alerts: {
    name: '${namePrefix}-${alert.id}'
    location: 'global'
    tags: context.tags
    properties: {
      description: '${alert.summary} ${alert.consequence} ${alert.action} Runbook: ${context.runbookUrl}#${alert.id}'
      severity: alert.severity
      enabled: true
      scopes: [
        context.keyVaultId
      ]
      evaluationFrequency: 'PT5M'
      windowSize: 'PT5M'
      autoMitigate: true
      criteria: {
        'odata.type': 'Microsoft.Azure.Monitor.MultipleResourceMultipleMetricCriteria'
        allOf: [
          {
            criterionType: 'DynamicThresholdCriterion'
            name: 'signs'
            metricNamespace: 'Microsoft.KeyVault/vaults'
            metricName: 'ServiceApiHit'
            timeAggregation: 'Count'
            operator: alert.operator
            alertSensitivity: 'Medium'
            failingPeriods: {
              numberOfEvaluationPeriods: alert.periods
              minFailingPeriodsToAlert: alert.failing
            }
            dimensions: [
              {
                name: 'ActivityName'
                operator: 'Include'
                values: [
                  signActivityName
                ]
              }
            ]
          }
        ]
      }
      actions: [
        {
          actionGroupId: context.actionGroupId
          webHookProperties: {
            summary: alert.summary
            consequence: alert.consequence
            action: alert.action
            runbook: '${context.runbookUrl}#${alert.id}'
          }
        }
      ]
    }
  }
]
