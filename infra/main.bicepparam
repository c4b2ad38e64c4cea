// A sample, from which main.snapshot.json is made. azd takes main.parameters.json.

using 'main.bicep'

param environmentName = 'sample'
param location = 'westeurope'
param audience = '00000000-0000-4000-8000-00000000a0d1'
param clientKeyNames = ['billing']
param alertEmails = ['oncall@contoso.com']
param sharedCache = true
param sharedCacheWrappedKey = 'sample'
param deploymentPrincipalId = '00000000-0000-4000-8000-0000000de910'
