// Log alerts on the workspace: one rule for each table and severity. Its query names the alert of each row in the column
// `Alert`, which is a dimension: each combination of the dimensions is an alert of its own, and the value of `Alert` is
// the section of docs/operate/runbook.md. Each alert resolves itself when its rows have left the window.

import { Tags } from '../types.bicep'

type LogRule = {
  @description('`<table>-<severity>`; its query is infra/queries/alert-<id>.kql.')
  id: string

  @minValue(0)
  @maxValue(3)
  severity: int
  summary: string
  query: string
}

@export()
type LogRuleContext = {
  location: string
  tags: Tags
  workspaceId: string
  actionGroupId: string
  runbookUrl: string

  @description('Identity that the rules read the workspace with. Without it they have the rights of the last person who edited them.')
  identityId: string
  keyVaultId: string
  applicationInsightsId: string
  dataAccountName: string
  hostAccountName: string
  resourceGroupName: string

  @description('Object id of the deploying identity: all its changes are one alert of severity 3.')
  deploymentPrincipalId: string

  @description('Signatures of one key in five minutes that always raise an alert.')
  signHardCap: int

  @description('Values that are known only at deployment.')
  signingIdentityPrincipalId: string
  storageIdentityPrincipalId: string
  sharedCacheIdentityPrincipalId: string
  workspaceCreatedAt: string
}

@description('Where the rules are created, and the resources that their queries read.')
param context LogRuleContext

@description('Prefix of every name.')
param namePrefix string

var rules LogRule[] = [
  {
    id: 'vault-0'
    severity: 0
    summary: 'Somebody without permission used the vault or got a signature. Stop the key.'
    query: loadTextContent('../../queries/alert-vault-0.kql')
  }
  {
    id: 'vault-1'
    severity: 1
    summary: 'The vault or its keys were changed or probed, or signatures were too frequent or made without Keyhold.'
    query: loadTextContent('../../queries/alert-vault-1.kql')
  }
  {
    id: 'vault-2'
    severity: 2
    summary: 'The vault refused signatures, or a key has stopped signing.'
    query: loadTextContent('../../queries/alert-vault-2.kql')
  }
  {
    id: 'app-0'
    severity: 0
    summary: 'Keyhold reports that somebody else uses its keys or credentials. Stop the key.'
    query: loadTextContent('../../queries/alert-app-0.kql')
  }
  {
    id: 'app-1'
    severity: 1
    summary: 'Keyhold reports a problem that will soon stop tokens, or that hides attacks.'
    query: loadTextContent('../../queries/alert-app-1.kql')
  }
  {
    id: 'app-2'
    severity: 2
    summary: 'Keyhold reports a problem that can wait until working hours.'
    query: loadTextContent('../../queries/alert-app-2.kql')
  }
  {
    id: 'silence-1'
    severity: 1
    summary: 'A timer of Keyhold has not finished for too long: the app is down, or somebody disabled it.'
    query: loadTextContent('../../queries/alert-silence-1.kql')
  }
  {
    id: 'telemetry-2'
    severity: 2
    summary: 'Events of an instance did not arrive in Application Insights.'
    query: loadTextContent('../../queries/alert-telemetry-2.kql')
  }
  {
    id: 'activity-1'
    severity: 1
    summary: 'Somebody other than the deployment changed resources that Keyhold or its alerts depend on.'
    query: loadTextContent('../../queries/alert-activity-1.kql')
  }
  {
    id: 'activity-3'
    severity: 3
    summary: 'The deploying identity changed resources.'
    query: loadTextContent('../../queries/alert-activity-3.kql')
  }
  {
    id: 'blobs-1'
    severity: 1
    summary: 'Somebody wrote data that only Keyhold should write, or deleted the policy.'
    query: loadTextContent('../../queries/alert-blobs-1.kql')
  }
  {
    id: 'blobs-3'
    severity: 3
    summary: 'The policy, its suspensions or the package were written.'
    query: loadTextContent('../../queries/alert-blobs-3.kql')
  }
  {
    id: 'tables-1'
    severity: 1
    summary: 'Somebody other than Keyhold wrote to the ledger or the audit.'
    query: loadTextContent('../../queries/alert-tables-1.kql')
  }
]

// What is known before a deployment is put in here, the rest below.
var known = {
  keyVaultId: context.keyVaultId
  applicationInsightsId: context.applicationInsightsId
  dataAccountName: context.dataAccountName
  hostAccountName: context.hostAccountName
  resourceGroupName: context.resourceGroupName
  deploymentPrincipalId: context.deploymentPrincipalId
  signHardCap: string(context.signHardCap)
}
var queries = [
  for rule in rules: reduce(items(known), rule.query, (text, each) => replace(text, '<${each.key}>', each.value))
]

// Rules that page run every five minutes. Each query looks back several times as far (a test checks that):
// a late row, or a late evaluation, is caught by the next one.
var frequencies = ['PT5M', 'PT5M', 'PT15M', 'PT15M']
var dimensions = ['Alert', 'Key', 'Client', 'Caller', 'Address', 'Detail']

resource logRules 'Microsoft.Insights/scheduledQueryRules@2026-03-01' = [
  for (rule, i) in rules: {
    name: '${namePrefix}-${rule.id}'
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
      displayName: '${namePrefix} ${rule.id}'
      description: '${rule.summary} The dimension Alert names the section of the runbook: ${context.runbookUrl}'
      severity: rule.severity
      enabled: true
      scopes: [context.workspaceId]
      evaluationFrequency: frequencies[rule.severity]
      windowSize: frequencies[rule.severity]
      // The queries say themselves how far they look back; two days is the most that a rule may read.
      overrideQueryTimeRange: 'P2D'
      // Notes are reported once and need no "resolved": without state, and quiet until the rows have left the window.
      autoMitigate: rule.severity < 3
      muteActionsDuration: rule.severity < 3 ? null : 'PT2H'
      criteria: {
        allOf: [
          {
            criterionType: 'StaticThresholdCriterion'
            query: replace(
              replace(
                replace(
                  replace(queries[i], '<signingIdentityPrincipalId>', context.signingIdentityPrincipalId),
                  '<storageIdentityPrincipalId>',
                  context.storageIdentityPrincipalId
                ),
                '<sharedCacheIdentityPrincipalId>',
                context.sharedCacheIdentityPrincipalId
              ),
              '<workspaceCreatedAt>',
              context.workspaceCreatedAt
            )
            timeAggregation: 'Maximum'
            metricMeasureColumn: 'Occurrences'
            dimensions: [
              for dimension in dimensions: {
                name: dimension
                operator: 'Include'
                values: ['*']
              }
            ]
            operator: 'GreaterThan'
            threshold: 0
            failingPeriods: {
              numberOfEvaluationPeriods: 1
              minFailingPeriodsToAlert: 1
            }
          }
        ]
      }
      actions: {
        actionGroups: [context.actionGroupId]
        customProperties: {
          summary: rule.summary
          runbook: context.runbookUrl
        }
      }
    }
  }
]
