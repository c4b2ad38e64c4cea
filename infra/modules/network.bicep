// The network through which the app reaches vault and storage, which are reachable only through private endpoints.

import { Tags } from 'types.bicep'

@description('Azure region.')
param location string

@description('Prefix of every name.')
param namePrefix string

@description('Tags of every resource.')
param tags Tags

@description('Addresses of the network, /25 or larger. Choose others if you peer it.')
param addressPrefix string

@description('Whether the app reaches the internet through a NAT gateway.')
param natGateway bool

var zoneNames = [
  'privatelink${replace(environment().suffixes.keyvaultDns, '.vault.', '.vaultcore.')}'
  'privatelink.blob.${environment().suffixes.storage}'
  'privatelink.table.${environment().suffixes.storage}'
]

resource gatewayAddress 'Microsoft.Network/publicIPAddresses@2026-03-01' = if (natGateway) {
  name: '${namePrefix}-outbound'
  location: location
  tags: tags
  sku: {
    name: 'Standard'
  }
  properties: {
    publicIPAllocationMethod: 'Static'
  }
}

resource gateway 'Microsoft.Network/natGateways@2026-03-01' = if (natGateway) {
  name: '${namePrefix}-nat'
  location: location
  tags: tags
  sku: {
    name: 'Standard'
  }
  properties: {
    publicIpAddresses: [
      {
        id: gatewayAddress.id
      }
    ]
  }
}

resource network 'Microsoft.Network/virtualNetworks@2026-03-01' = {
  name: '${namePrefix}-network'
  location: location
  tags: tags
  properties: {
    addressSpace: {
      addressPrefixes: [addressPrefix]
    }
    subnets: [
      {
        name: 'app'
        properties: {
          addressPrefix: cidrSubnet(addressPrefix, 26, 0)
          // Entra is on the internet. Explicit, because the API's default has become false.
          defaultOutboundAccess: !natGateway
          natGateway: natGateway
            ? {
                id: gateway.id
              }
            : null
          delegations: [
            {
              name: 'flex-consumption'
              properties: {
                serviceName: 'Microsoft.App/environments'
              }
            }
          ]
        }
      }
      {
        name: 'endpoints'
        properties: {
          addressPrefix: cidrSubnet(addressPrefix, 27, 2)
          // Nothing runs in it, so nothing has to reach the internet from it.
          defaultOutboundAccess: false
        }
      }
    ]
  }
}

resource zones 'Microsoft.Network/privateDnsZones@2024-06-01' = [
  for name in zoneNames: {
    name: name
    location: 'global'
    tags: tags
  }
]

resource links 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = [
  for (name, i) in zoneNames: {
    parent: zones[i]
    name: 'network'
    location: 'global'
    tags: tags
    properties: {
      virtualNetwork: {
        id: network.id
      }
      registrationEnabled: false
    }
  }
]

@description('Subnet of the app.')
output appSubnetId string = network.properties.subnets[0].id

@description('Subnet of the private endpoints.')
output endpointSubnetId string = network.properties.subnets[1].id

@description('Private DNS zone of vaults.')
output vaultZoneId string = zones[0].id

@description('Private DNS zone of blobs.')
output blobZoneId string = zones[1].id

@description('Private DNS zone of tables.')
output tableZoneId string = zones[2].id
