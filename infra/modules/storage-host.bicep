// The storage account of the Functions host: the deployment package, leases of timers and keys of functions. It is an
// account of its own because the host must own its blobs, and whoever owns them must not reach the policy.

import { Tags } from 'types.bicep'

@description('Azure region.')
param location string

@description('Name of the account.')
param name string

@description('Tags of every resource.')
param tags Tags

@description('Object id of the identity for storage.')
param storagePrincipalId string

@description('Its name, from which the names of the assignments derive.')
param storageIdentityName string

@description('Subnet of the private endpoints.')
param subnetId string

@description('Private DNS zone of blobs.')
param blobZoneId string

@description('Workspace that logs who wrote and deleted blobs.')
param workspaceId string

var packageContainer = 'app-package'
var storageBlobDataOwner = 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'

resource account 'Microsoft.Storage/storageAccounts@2026-06-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: {
    name: 'Standard_LRS'
  }
  properties: {
    allowBlobPublicAccess: false
    allowSharedKeyAccess: false
    allowCrossTenantReplication: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    publicNetworkAccess: 'Disabled'
    networkAcls: {
      bypass: 'None'
      defaultAction: 'Deny'
    }
  }
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2026-06-01' = {
  parent: account
  name: 'default'
}

resource package 'Microsoft.Storage/storageAccounts/blobServices/containers@2026-06-01' = {
  parent: blobs
  name: packageContainer
}

// The host creates containers itself, so the scope is the account. There is nothing in it that is not the host's.
resource hostOwnsBlobs 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: account
  name: guid(account.id, storageIdentityName, storageBlobDataOwner)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', storageBlobDataOwner)
    principalId: storagePrincipalId
    principalType: 'ServicePrincipal'
  }
}

module blobEndpoint 'private-endpoint.bicep' = {
  params: {
    location: location
    name: '${name}-blob'
    tags: tags
    targetId: account.id
    groupId: 'blob'
    subnetId: subnetId
    zoneId: blobZoneId
  }
}

// Who wrote the package that runs.
// No stable version has categories by group or tables by service.
#disable-next-line use-recent-api-versions
resource writesLogged 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: blobs
  name: 'to-workspace'
  properties: {
    workspaceId: workspaceId
    logAnalyticsDestinationType: 'Dedicated'
    logs: [
      {
        category: 'StorageWrite'
        enabled: true
      }
      {
        category: 'StorageDelete'
        enabled: true
      }
    ]
  }
}

@description('Blob endpoint, with a slash at its end.')
output blobServiceUri string = account.properties.primaryEndpoints.blob

@description('Container of the deployment package.')
output packageContainerUrl string = '${account.properties.primaryEndpoints.blob}${package.name}'
