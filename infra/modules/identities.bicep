// Four identities of the app, so that no right that it has for one purpose serves another: only `signing` can sign, and it
// can do nothing else; only `storage` reaches blobs and tables; only `monitoring` reads the vault's log.
// `sharedCache` has no right at all until instances share their tokens. A fifth, `alerts`, is not
// the app's: with it the alert rules read the workspace, whoever edited them last.

import { Identity, Tags } from 'types.bicep'

type IdentityNames = {
  signing: string
  storage: string
  monitoring: string
  alerts: string
  sharedCache: string
}

@description('Azure region.')
param location string

@description('Their names.')
param names IdentityNames

@description('Tags of every resource.')
param tags Tags

resource signing 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: names.signing
  location: location
  tags: tags
}

resource storage 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: names.storage
  location: location
  tags: tags
}

resource monitoring 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: names.monitoring
  location: location
  tags: tags
}

resource alerts 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: names.alerts
  location: location
  tags: tags
}

resource sharedCache 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: names.sharedCache
  location: location
  tags: tags
}

@description('Signs with the client keys.')
output signing Identity = {
  id: signing.id
  clientId: signing.properties.clientId
  principalId: signing.properties.principalId
}

@description('Reads the policy, writes ledger, audit and metadata, and stores the data of the Functions host.')
output storage Identity = {
  id: storage.id
  clientId: storage.properties.clientId
  principalId: storage.properties.principalId
}

@description('Reads the audit log of the vault and sends telemetry.')
output monitoring Identity = {
  id: monitoring.id
  clientId: monitoring.properties.clientId
  principalId: monitoring.properties.principalId
}

@description('Object id of the identity that the alert rules read the workspace with.')
output alertsPrincipalId string = alerts.properties.principalId
@description('Unwraps the key of the tokens that instances share, and uses their table.')
output sharedCache Identity = {
  id: sharedCache.id
  clientId: sharedCache.properties.clientId
  principalId: sharedCache.properties.principalId
}
