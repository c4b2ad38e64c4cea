// Metric alerts on the vault itself: minutes old, and out of reach for whoever has taken over the app. That it signs less is
// not visible in the metric, which has no value if nothing happens: the log alert vault-sign-rate-below covers it.

import { Tags } from '../types.bicep'

@description('Resource id of the vault.')
param keyVaultId string

@description('Prefix of every name.')
param namePrefix string

@description('Tags of every resource.')
param tags Tags

@description('Resource id of the action group that is notified.')
param actionGroupId string

@description('Address of the runbook; the id of the alert is its anchor.')
param runbookUrl string

@description('How the metric ServiceApiHit names the operation KeySign. Undocumented; taken from what portals show.')
param signActivityName string

type MetricRule = {
  id: string
  severity: int
  summary: string
  metric: string
  aggregation: 'Average' | 'Count'
  operator: 'GreaterThan' | 'LessThan'

  @description('Static threshold; none: Azure learns it from the previous days.')
  threshold: int?

  @description('Only these values of these dimensions.')
  dimensions: {
    name: string
    values: string[]
  }[]
}

var rules MetricRule[] = [
  {
    id: 'vault-availability'
    severity: 1
    summary: 'Requests to the vault fail.'
    metric: 'Availability'
    aggregation: 'Average'
    operator: 'LessThan'
    threshold: 90
    dimensions: []
  }
  {
    id: 'vault-saturation'
    severity: 2
    summary: 'The vault has nearly reached its limit of requests.'
    metric: 'SaturationShoebox'
    aggregation: 'Average'
    operator: 'GreaterThan'
    threshold: 75
    dimensions: []
  }
  {
    id: 'vault-throttled'
    severity: 2
    summary: 'The vault rejects requests because there are too many.'
    metric: 'ServiceApiResult'
    aggregation: 'Count'
    operator: 'GreaterThan'
    threshold: 10
    dimensions: [
      {
        name: 'StatusCode'
        values: ['429']
      }
    ]
  }
  {
    id: 'vault-sign-rate-above'
    severity: 2
    summary: 'The vault signs more often than it usually does.'
    metric: 'ServiceApiHit'
    aggregation: 'Count'
    operator: 'GreaterThan'
    dimensions: [
      {
        name: 'ActivityName'
        values: [signActivityName]
      }
    ]
  }
]

resource metricRules 'Microsoft.Insights/metricAlerts@2026-01-01' = [
  for rule in rules: {
    name: '${namePrefix}-${rule.id}'
    location: 'global'
    tags: tags
    properties: {
      description: '${rule.summary} Runbook: ${runbookUrl}#${rule.id}'
      severity: rule.severity
      enabled: true
      scopes: [keyVaultId]
      evaluationFrequency: 'PT5M'
      windowSize: 'PT5M'
      autoMitigate: true
      criteria: {
        'odata.type': 'Microsoft.Azure.Monitor.MultipleResourceMultipleMetricCriteria'
        allOf: [
          union(
            {
              name: rule.id
              metricNamespace: 'Microsoft.KeyVault/vaults'
              metricName: rule.metric
              timeAggregation: rule.aggregation
              operator: rule.operator
              dimensions: map(rule.dimensions, dimension => union(dimension, { operator: 'Include' }))
            },
            rule.?threshold == null
              ? {
                  criterionType: 'DynamicThresholdCriterion'
                  alertSensitivity: 'Medium'
                  failingPeriods: {
                    numberOfEvaluationPeriods: 4
                    minFailingPeriodsToAlert: 2
                  }
                }
              : {
                  criterionType: 'StaticThresholdCriterion'
                  threshold: rule.?threshold
                }
          )
        ]
      }
      actions: [
        {
          actionGroupId: actionGroupId
          webHookProperties: {
            summary: rule.summary
            runbook: '${runbookUrl}#${rule.id}'
          }
        }
      ]
    }
  }
]
