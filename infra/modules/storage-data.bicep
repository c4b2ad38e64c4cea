// The storage account of what Keyhold keeps: the policy with its suspensions (which the app cannot write), the ledger and the audit (tables),
// and the last metadata that was verified.

import { Tags } from 'types.bicep'

@description('Azure region.')
param location string

@description('Name of the account.')
param name string

@description('Tags of every resource.')
param tags Tags

@description('Redundancy. Standard_ZRS, or Standard_LRS in a region without availability zones.')
param skuName string

@description('Object id of the identity for storage.')
param storagePrincipalId string

@description('Its name, from which the names of the assignments derive.')
param storageIdentityName string

@description('Subnet of the private endpoints.')
param subnetId string

@description('Private DNS zone of blobs.')
param blobZoneId string

@description('Private DNS zone of tables.')
param tableZoneId string

@description('IPv4 addresses and ranges from which operators may reach it; none: private endpoints only.')
param operatorAddressRanges string[]

@description('Workspace that logs who wrote and deleted blobs.')
param workspaceId string

var storageBlobDataReader = '2a2b9908-6ea1-4ae2-8e65-a410df84e7d1'
var storageBlobDataContributor = 'ba92f5b4-2d11-453d-a403-e96b0029c9fe'
var storageTableDataContributor = '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3'

resource account 'Microsoft.Storage/storageAccounts@2026-06-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: {
    name: skuName
  }
  properties: {
    allowBlobPublicAccess: false
    allowSharedKeyAccess: false
    allowCrossTenantReplication: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    publicNetworkAccess: empty(operatorAddressRanges) ? 'Disabled' : 'Enabled'
    networkAcls: {
      // Lifecycle rules are run by a service of Azure's, which the firewall would keep out.
      bypass: 'AzureServices'
      defaultAction: 'Deny'
      ipRules: [
        for addressRange in operatorAddressRanges: {
          value: addressRange
          action: 'Allow'
        }
      ]
    }
  }
}

// Every policy that was ever in force can be read again.
resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2026-06-01' = {
  parent: account
  name: 'default'
  properties: {
    isVersioningEnabled: true
    deleteRetentionPolicy: {
      enabled: true
      days: 90
    }
    containerDeleteRetentionPolicy: {
      enabled: true
      days: 90
    }
  }
}

// Metadata is rewritten every hour; of it, old versions are of no use.
resource oldVersions 'Microsoft.Storage/storageAccounts/managementPolicies@2026-06-01' = {
  parent: account
  name: 'default'
  properties: {
    policy: {
      rules: [
        {
          name: 'old-metadata'
          type: 'Lifecycle'
          enabled: true
          definition: {
            filters: {
              blobTypes: ['blockBlob']
              prefixMatch: ['${metadata.name}/']
            }
            actions: {
              version: {
                delete: {
                  daysAfterCreationGreaterThan: 30
                }
              }
            }
          }
        }
      ]
    }
  }
}

resource policy 'Microsoft.Storage/storageAccounts/blobServices/containers@2026-06-01' = {
  parent: blobs
  name: 'policy'
}

resource metadata 'Microsoft.Storage/storageAccounts/blobServices/containers@2026-06-01' = {
  parent: blobs
  name: 'metadata'
}

resource tables 'Microsoft.Storage/storageAccounts/tableServices@2026-06-01' = {
  parent: account
  name: 'default'
}

resource ledger 'Microsoft.Storage/storageAccounts/tableServices/tables@2026-06-01' = {
  parent: tables
  name: 'ledger'
}

resource audit 'Microsoft.Storage/storageAccounts/tableServices/tables@2026-06-01' = {
  parent: tables
  name: 'audit'
}

resource readsPolicy 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: policy
  name: guid(policy.id, storageIdentityName, storageBlobDataReader)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', storageBlobDataReader)
    principalId: storagePrincipalId
    principalType: 'ServicePrincipal'
  }
}

resource writesMetadata 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: metadata
  name: guid(metadata.id, storageIdentityName, storageBlobDataContributor)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', storageBlobDataContributor)
    principalId: storagePrincipalId
    principalType: 'ServicePrincipal'
  }
}

resource writesLedger 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: ledger
  name: guid(ledger.id, storageIdentityName, storageTableDataContributor)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', storageTableDataContributor)
    principalId: storagePrincipalId
    principalType: 'ServicePrincipal'
  }
}

resource writesAudit 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: audit
  name: guid(audit.id, storageIdentityName, storageTableDataContributor)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', storageTableDataContributor)
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

module tableEndpoint 'private-endpoint.bicep' = {
  params: {
    location: location
    name: '${name}-table'
    tags: tags
    targetId: account.id
    groupId: 'table'
    subnetId: subnetId
    zoneId: tableZoneId
  }
}

// Who wrote or deleted what: policy, metadata.
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

// Who wrote or deleted what: ledger, audit.
// No stable version has categories by group or tables by service.
#disable-next-line use-recent-api-versions
resource rowsLogged 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: tables
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

@description('ARM id of the account.')
output id string = account.id

@description('Name of the account.')
output name string = account.name

@description('Container of the policy.')
output policyContainerUrl string = '${account.properties.primaryEndpoints.blob}${policy.name}'

@description('Container of metadata.')
output metadataContainerUrl string = '${account.properties.primaryEndpoints.blob}${metadata.name}'

@description('Table of the ledger.')
output ledgerTableUrl string = '${account.properties.primaryEndpoints.table}${ledger.name}'

@description('Table of the audit.')
output auditTableUrl string = '${account.properties.primaryEndpoints.table}${audit.name}'
