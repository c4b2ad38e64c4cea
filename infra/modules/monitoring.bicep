// The workspace of logs and telemetry, who may read and write it, and who gets the alerts.

import { Tags } from 'types.bicep'

type MonitoringNames = {
  workspace: string
  applicationInsights: string
  actionGroup: string
}

@description('Azure region.')
param location string

@description('Their names.')
param names MonitoringNames

@description('Tags of every resource.')
param tags Tags

@description('Days that the workspace keeps its logs, 30 to 730.')
param retentionDays int

@description('E-mail addresses that alerts go to.')
param alertEmails string[]

@description('Object id of the identity that reads the log of the vault and sends telemetry.')
param monitoringPrincipalId string

@description('Its name, from which the names of the assignments derive.')
param monitoringIdentityName string

@description('Object id of the identity that the alert rules read the workspace with.')
param alertsPrincipalId string

@description('Its name, from which the names of the assignments derive.')
param alertsIdentityName string

var monitoringMetricsPublisher = '3913510d-42f4-4e42-8a64-420c390055eb'
var logAnalyticsReader = '73c42c96-874c-492b-b04d-ab87d138a893'
var logAnalyticsDataReader = '3b03c2da-16b3-4a49-8834-0f8130efdd3b'

resource workspace 'Microsoft.OperationalInsights/workspaces@2026-03-01' = {
  name: names.workspace
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
  }
}

resource insights 'Microsoft.Insights/components@2020-02-02' = {
  name: names.applicationInsights
  location: location
  tags: tags
  kind: 'web'
  properties: {
    Application_Type: 'web'
    WorkspaceResourceId: workspace.id
    // Otherwise whoever learns the connection string can write false events.
    DisableLocalAuth: true
  }
}

resource operators 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: names.actionGroup
  location: 'global'
  tags: tags
  properties: {
    groupShortName: 'keyhold'
    enabled: true
    emailReceivers: [
      for (address, i) in alertEmails: {
        name: 'operator-${i}'
        emailAddress: address
        useCommonAlertSchema: true
      }
    ]
  }
}

resource sendsTelemetry 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: insights
  name: guid(insights.id, monitoringIdentityName, monitoringMetricsPublisher)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', monitoringMetricsPublisher)
    principalId: monitoringPrincipalId
    principalType: 'ServicePrincipal'
  }
}

resource readsLogs 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: workspace
  name: guid(workspace.id, monitoringIdentityName, logAnalyticsDataReader)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', logAnalyticsDataReader)
    principalId: monitoringPrincipalId
    principalType: 'ServicePrincipal'
  }
}

resource alertsReadLogs 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: workspace
  name: guid(workspace.id, alertsIdentityName, logAnalyticsReader)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', logAnalyticsReader)
    principalId: alertsPrincipalId
    principalType: 'ServicePrincipal'
  }
}

@description('ARM id of the workspace.')
output workspaceId string = workspace.id

@description('When the workspace was created.')
output workspaceCreatedAt string = workspace.properties.createdDate

@description('"Workspace ID", as queries name it.')
output workspaceCustomerId string = workspace.properties.customerId

@description('Where telemetry is sent. Not a secret: without the role nobody can write with it.')
output connectionString string = insights.properties.ConnectionString
