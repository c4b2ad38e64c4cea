// What instances need to share their tokens: a key, a table, and an identity that may unwrap with that key, use that
// table, and do nothing else. Deployed on request only.

@description('Object id of the identity.')
param principalId string

@description('Its name, from which the names of the assignments derive.')
param identityName string

@description('Name of the vault.')
param vaultName string

@description('Name of the key that wraps the key of the tokens.')
param keyName string

@description('Size of the key in bits.')
param keySize int

@description('Name of the storage account.')
param accountName string

var storageTableDataContributor = '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3'

resource vault 'Microsoft.KeyVault/vaults@2026-05-15' existing = {
  name: vaultName
}

resource key 'Microsoft.KeyVault/vaults/keys@2026-05-15' = {
  parent: vault
  name: keyName
  properties: {
    kty: 'RSA-HSM'
    keySize: keySize
    keyOps: ['unwrapKey']
    attributes: {
      enabled: true
      exportable: false
    }
  }
}

resource unwrapper 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(resourceGroup().id, 'keyhold-unwrapper')
  properties: {
    // Names of roles are unique in a tenant.
    roleName: 'Keyhold unwrapper ${uniqueString(resourceGroup().id)}'
    description: 'May unwrap a key with a key, and nothing else.'
    type: 'CustomRole'
    assignableScopes: [resourceGroup().id]
    permissions: [
      {
        actions: []
        notActions: []
        dataActions: ['Microsoft.KeyVault/vaults/keys/unwrap/action']
        notDataActions: []
      }
    ]
  }
}

resource unwraps 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: key
  name: guid(key.id, identityName, unwrapper.id)
  properties: {
    roleDefinitionId: unwrapper.id
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

resource account 'Microsoft.Storage/storageAccounts@2026-06-01' existing = {
  name: accountName

  resource tables 'tableServices' existing = {
    name: 'default'
  }
}

resource tokens 'Microsoft.Storage/storageAccounts/tableServices/tables@2026-06-01' = {
  parent: account::tables
  name: 'tokens'
}

resource usesTokens 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: tokens
  name: guid(tokens.id, identityName, storageTableDataContributor)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', storageTableDataContributor)
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

@description('The key with its version.')
output keyId string = key.properties.keyUriWithVersion

@description('Table of the tokens.')
output tableUrl string = '${account.properties.primaryEndpoints.table}${tokens.name}'
