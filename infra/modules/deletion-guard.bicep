// Vault, data and logs cannot be deleted until this assignment is. A lock would do too, but a lock also keeps role
// assignments on what it locks from being deleted, and withdrawing the right to sign is the brake of an incident.

@description('Prefix of every name.')
param namePrefix string

// "Do not allow deletion of resource types", a policy of Azure's own. It denies the deletion of the resource alone.
var noDeletion = tenantResourceId('Microsoft.Authorization/policyDefinitions', '78460a36-508a-49a4-b2b2-2f5ec564f4bb')

resource guard 'Microsoft.Authorization/policyAssignments@2026-07-01' = {
  name: '${namePrefix}-no-deletion'
  properties: {
    displayName: '${namePrefix}: vault, data and logs cannot be deleted'
    policyDefinitionId: noDeletion
    parameters: {
      effect: {
        value: 'DenyAction'
      }
      listOfResourceTypesDisallowedForDeletion: {
        value: [
          'Microsoft.KeyVault/vaults'
          'Microsoft.Storage/storageAccounts'
          'Microsoft.OperationalInsights/workspaces'
        ]
      }
    }
  }
}
