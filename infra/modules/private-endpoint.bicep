// One private endpoint, with its name in DNS.

import { Tags } from 'types.bicep'

@description('Azure region.')
param location string

@description('Name of the endpoint.')
param name string

@description('Tags of every resource.')
param tags Tags

@description('The target: a vault or a storage account.')
param targetId string

@description('Which of its services: vault, blob or table.')
param groupId string

@description('Subnet that the endpoint is in.')
param subnetId string

@description('Private DNS zone of that service.')
param zoneId string

resource endpoint 'Microsoft.Network/privateEndpoints@2026-03-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    subnet: {
      id: subnetId
    }
    privateLinkServiceConnections: [
      {
        name: groupId
        properties: {
          privateLinkServiceId: targetId
          groupIds: [groupId]
        }
      }
    ]
  }
}

resource record 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2026-03-01' = {
  parent: endpoint
  name: 'default'
  properties: {
    privateDnsZoneConfigs: [
      {
        name: groupId
        properties: {
          privateDnsZoneId: zoneId
        }
      }
    ]
  }
}
