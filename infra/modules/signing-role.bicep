// The right to sign, on each key by itself. No built-in role is that narrow: Key Vault Crypto User also decrypts, wraps,
// verifies and reads keys. Assigned on a key, a key that is added to the vault later is not included.

@description('Name of the vault.')
param vaultName string

@description('Names of the keys that the identity may sign with.')
param keyNames string[]

@description('Object id of the identity that signs.')
param signingPrincipalId string

@description('Its name, from which the names of the assignments derive.')
param signingIdentityName string

resource signer 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(resourceGroup().id, 'keyhold-signer')
  properties: {
    // Names of roles are unique in a tenant.
    roleName: 'Keyhold signer ${uniqueString(resourceGroup().id)}'
    description: 'May sign a digest with a key, and nothing else.'
    type: 'CustomRole'
    assignableScopes: [resourceGroup().id]
    permissions: [
      {
        actions: []
        notActions: []
        dataActions: ['Microsoft.KeyVault/vaults/keys/sign/action']
        notDataActions: []
      }
    ]
  }
}

resource vault 'Microsoft.KeyVault/vaults@2026-05-15' existing = {
  name: vaultName
}

resource keys 'Microsoft.KeyVault/vaults/keys@2026-05-15' existing = [
  for keyName in keyNames: {
    parent: vault
    name: keyName
  }
]

resource signs 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (keyName, i) in keyNames: {
    scope: keys[i]
    name: guid(keys[i].id, signingIdentityName, signer.id)
    properties: {
      roleDefinitionId: signer.id
      principalId: signingPrincipalId
      principalType: 'ServicePrincipal'
    }
  }
]

@description('The role, for an operator who makes a certificate.')
output roleDefinitionId string = signer.id
