// Three identities, so that no right that the app has for one purpose serves another: only `signing` can sign, and it
// can do nothing else; only `storage` reaches blobs and tables; only `monitoring` reads the vault's log.

@description('Azure region.')
param location string

@description('Start of every name.')
param namePrefix string

@description('Tags of every resource.')
param tags object

resource signing 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: '${namePrefix}-signing'
  location: location
  tags: tags
}

resource storage 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: '${namePrefix}-storage'
  location: location
  tags: tags
}

resource monitoring 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: '${namePrefix}-monitoring'
  location: location
  tags: tags
}

@description('Signs with the client keys.')
output signing object = {
  id: signing.id
  clientId: signing.properties.clientId
  principalId: signing.properties.principalId
}

@description('Reads the policy, writes ledger, audit and metadata, and keeps what the Functions host keeps.')
output storage object = {
  id: storage.id
  clientId: storage.properties.clientId
  principalId: storage.properties.principalId
}

@description('Reads the audit log of the vault and sends telemetry.')
output monitoring object = {
  id: monitoring.id
  clientId: monitoring.properties.clientId
  principalId: monitoring.properties.principalId
}
