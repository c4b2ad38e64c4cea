// The app, on Flex Consumption. It holds no secret: all that it reaches it reaches as one of its identities.

import { Identity, Tags } from 'types.bicep'

@description('Settings of the app, by name.')
type Settings = {
  *: string
}

@description('Azure region.')
param location string

@description('Name of the app, unique in all of Azure.')
param name string

@description('Tags of every resource.')
param tags Tags

@description('Identity that signs: id, clientId.')
param signingIdentity Identity

@description('Identity for storage: id, clientId.')
param storageIdentity Identity

@description('Identity that sends telemetry: id, clientId.')
param monitoringIdentity Identity

@description('ARM ids of the app\'s other identities.')
param moreIdentityIds string[] = []

@description('Subnet through which the app makes connections.')
param subnetId string

@description('Blob endpoint of the storage account of the host.')
param hostBlobServiceUri string

@description('Container of the deployment package.')
param packageContainerUrl string

@description('Connection string of Application Insights.')
param applicationInsightsConnectionString string

@description('Settings of Keyhold, by name.')
param settings Settings

@description('Instances that are always up, so that no token waits for a cold start.')
param alwaysReadyInstances int

@description('The maximum number of instances.')
param maximumInstanceCount int

@description('Requests that one instance handles at a time.')
param perInstanceConcurrency int

@description('IPv4 ranges of callers; none: any address, with a valid token.')
param callerAddressRanges string[]

@description('IPv4 addresses and ranges that the app is deployed from, once callers or operators are restricted.')
param operatorAddressRanges string[]

resource plan 'Microsoft.Web/serverfarms@2025-03-01' = {
  name: '${name}-plan'
  location: location
  tags: tags
  kind: 'functionapp'
  sku: {
    name: 'FC1'
    tier: 'FlexConsumption'
  }
  properties: {
    reserved: true
  }
}

resource app 'Microsoft.Web/sites@2025-03-01' = {
  name: name
  location: location
  // By this tag azd finds where to deploy.
  tags: union(tags, { 'azd-service-name': 'keyhold' })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: toObject(
      concat([signingIdentity.id, storageIdentity.id, monitoringIdentity.id], moreIdentityIds),
      id => id,
      _ => {}
    )
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    clientAffinityEnabled: false
    virtualNetworkSubnetId: subnetId
    siteConfig: {
      minTlsVersion: '1.2'
      scmMinTlsVersion: '1.2'
      http20Enabled: true
      ipSecurityRestrictionsDefaultAction: empty(callerAddressRanges) ? 'Allow' : 'Deny'
      ipSecurityRestrictions: [
        for (addressRange, i) in callerAddressRanges: {
          name: 'callers-${i}'
          action: 'Allow'
          priority: 100 + i
          ipAddress: addressRange
        }
      ]
      // Deployments come from no more addresses than callers.
      scmIpSecurityRestrictionsUseMain: false
      scmIpSecurityRestrictionsDefaultAction: empty(callerAddressRanges) && empty(operatorAddressRanges)
        ? 'Allow'
        : 'Deny'
      scmIpSecurityRestrictions: [
        for (addressRange, i) in operatorAddressRanges: {
          name: 'operators-${i}'
          action: 'Allow'
          priority: 100 + i
          ipAddress: contains(addressRange, '/') ? addressRange : '${addressRange}/32'
        }
      ]
    }
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: packageContainerUrl
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: storageIdentity.id
          }
        }
      }
      runtime: {
        name: 'node'
        version: '24'
      }
      scaleAndConcurrency: {
        instanceMemoryMB: 2048
        maximumInstanceCount: maximumInstanceCount
        alwaysReady: [
          {
            name: 'http'
            instanceCount: alwaysReadyInstances
          }
        ]
        triggers: {
          http: {
            perInstanceConcurrency: perInstanceConcurrency
          }
        }
      }
    }
  }
}

resource appSettings 'Microsoft.Web/sites/config@2025-03-01' = {
  parent: app
  name: 'appsettings'
  properties: union(settings, {
    // The host's own page at / names the platform: callers get 404 there.
    AzureWebJobsDisableHomepage: 'true'
    AzureWebJobsStorage__credential: 'managedidentity'
    AzureWebJobsStorage__clientId: storageIdentity.clientId
    AzureWebJobsStorage__blobServiceUri: hostBlobServiceUri
    APPLICATIONINSIGHTS_CONNECTION_STRING: applicationInsightsConnectionString
    APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${monitoringIdentity.clientId};Authorization=AAD'
  })
}

// Publishing by password is off. Flex Consumption has no FTP, and does not take `ftpsState`.
resource noPasswordForDeployment 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01' = {
  parent: app
  name: 'scm'
  properties: {
    allow: false
  }
}

resource noPasswordForFtp 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01' = {
  parent: app
  name: 'ftp'
  properties: {
    allow: false
  }
}

@description('Name of the app.')
output name string = app.name

@description('Host name of the app.')
output hostName string = app.properties.defaultHostName
