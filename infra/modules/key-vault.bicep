// The vault: keys that can sign and nothing else, made in its HSM, never to leave it. They are created through ARM, so
// that nobody needs a right inside the vault to deploy.

import { Tags } from 'types.bicep'

@description('Azure region.')
param location string

@description('Name of the vault.')
param name string

@description('Tags of every resource.')
param tags Tags

@description('Names of the keys to create.')
param keyNames string[]

@description('Size of the keys in bits: 2048, 3072 or 4096. Larger keys sign more slowly and are throttled earlier.')
param keySize int

@description('Subnet of the private endpoint.')
param subnetId string

@description('Private DNS zone of vaults.')
param vaultZoneId string

@description('IPv4 addresses and ranges from which operators may reach it; none: the private endpoint only.')
param operatorAddressRanges string[]

@description('Workspace that every operation is logged to.')
param workspaceId string

resource vault 'Microsoft.KeyVault/vaults@2026-05-15' = {
  name: name
  location: location
  // By this tag `keyhold doctor` knows which size the keys should have: what exists is not changed by a deployment.
  tags: union(tags, { 'keyhold-key-size': string(keySize) })
  properties: {
    tenantId: tenant().tenantId
    sku: {
      family: 'A'
      name: 'premium'
    }
    enableRbacAuthorization: true
    enableSoftDelete: true
    softDeleteRetentionInDays: 90
    enablePurgeProtection: true
    publicNetworkAccess: empty(operatorAddressRanges) ? 'Disabled' : 'Enabled'
    networkAcls: {
      bypass: 'None'
      defaultAction: 'Deny'
      ipRules: [
        for addressRange in operatorAddressRanges: {
          value: addressRange
        }
      ]
    }
  }
}

// No rotation policy: a new version would have a public key that Entra does not know (docs/reference/policy.md: the version is
// part of the policy). A key that exists is left as it is.
resource keys 'Microsoft.KeyVault/vaults/keys@2026-05-15' = [
  for keyName in keyNames: {
    parent: vault
    name: keyName
    properties: {
      kty: 'RSA-HSM'
      keySize: keySize
      keyOps: ['sign']
      attributes: {
        enabled: true
        exportable: false
      }
    }
  }
]

module endpoint 'private-endpoint.bicep' = {
  params: {
    location: location
    name: '${name}-vault'
    tags: tags
    targetId: vault.id
    groupId: 'vault'
    subnetId: subnetId
    zoneId: vaultZoneId
  }
}

// Dedicated: to AZKVAuditLogs, which the audit and the alerts read.
// No stable version has categories by group or tables by service.
#disable-next-line use-recent-api-versions
resource everyOperation 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: vault
  name: 'to-workspace'
  properties: {
    workspaceId: workspaceId
    logAnalyticsDestinationType: 'Dedicated'
    logs: [
      {
        categoryGroup: 'audit'
        enabled: true
      }
    ]
    metrics: [
      {
        category: 'AllMetrics'
        enabled: true
      }
    ]
  }
}

@description('ARM id of the vault.')
output id string = vault.id

@description('Name of the vault.')
output name string = vault.name

@description('Address of the vault.')
output uri string = vault.properties.vaultUri

@description('The keys with their versions, as the policy names them.')
output keyIds string[] = [for (keyName, i) in keyNames: keys[i].properties.keyUriWithVersion]
