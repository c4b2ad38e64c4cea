// Log alerts on the credentials of our applications (AppEvents): theirs is the right that all of this protects. They
// stand on what the app tells of itself; the audit log of Entra is the source that it cannot suppress.

import { LogAlertContext } from 'log-rules.bicep'

@description('Where the rules lie and what they look at: LogAlertContext of log-rules.bicep.')
param context LogAlertContext

@description('Begins every name.')
param namePrefix string

@description('Minutes without a finished check of credentials, which is hourly.')
param credentialsSilentMinutes int

var alerts = [
  {
    id: 'credential-drift'
    severity: 0
    summary: 'An application has a credential that the policy does not list.'
    consequence: 'Whoever holds it gets tokens of every customer tenant without Keyhold.'
    action: 'Remove it in Entra, find out who added it.'
    query: loadTextContent('../../queries/alert-credential-drift.kql')
    measure: 'Occurrences'
    dimensions: [
      'Client'
      'Finding'
      'On'
      'Credential'
    ]
    threshold: 0
  }
  {
    id: 'credential-missing'
    severity: 1
    summary: 'An application lacks a credential that the policy lists, or its lock against new ones.'
    consequence: 'Tokens may fail, or a customer may add a credential to the application in its own tenant.'
    action: 'Ask who changed the application; register it again, or switch the lock on.'
    query: loadTextContent('../../queries/alert-credential-missing.kql')
    measure: 'Occurrences'
    dimensions: [
      'Client'
      'Finding'
      'On'
      'Credential'
    ]
    threshold: 0
  }
  {
    id: 'credential-canary-failed'
    severity: 2
    summary: 'A staged certificate got no token, and is not promoted.'
    consequence: 'The active one goes on; the rotation stands still.'
    action: 'Register the certificate at the application, or mend its key version.'
    query: loadTextContent('../../queries/alert-credential-canary-failed.kql')
    measure: 'Occurrences'
    dimensions: [
      'Client'
      'Key'
      'KeyVersion'
      'Reason'
    ]
    threshold: 0
  }
  {
    id: 'credential-not-working'
    severity: 1
    summary: 'A certificate that signs got no token for its canary.'
    consequence: 'New tokens for this application fail, or will when cached ones expire.'
    action: 'Look at the reason: role, key version, certificate, Entra.'
    query: loadTextContent('../../queries/alert-credential-not-working.kql')
    measure: 'Occurrences'
    dimensions: [
      'Client'
      'Key'
      'KeyVersion'
      'Reason'
    ]
    threshold: 0
  }
  {
    id: 'credential-fallback'
    severity: 1
    summary: 'A certificate was refused in production; another registered one is used.'
    consequence: 'Tokens are issued still; if that one fails too, none are.'
    action: 'Find out why: removed in Entra, expired, disabled.'
    query: loadTextContent('../../queries/alert-credential-fallback.kql')
    measure: 'Occurrences'
    dimensions: [
      'Client'
      'Refused'
      'Used'
    ]
    threshold: 0
  }
  {
    id: 'credential-disabled'
    severity: 1
    summary: 'The vault says that a key version which we sign with is disabled.'
    consequence: 'No tokens with this certificate, not even cached ones.'
    action: 'Ask who disabled it, and why; do not enable it before that is known.'
    query: loadTextContent('../../queries/alert-credential-disabled.kql')
    measure: 'Occurrences'
    dimensions: [
      'Client'
      'Key'
      'KeyVersion'
    ]
    threshold: 0
  }
  {
    id: 'credential-expiring'
    severity: 2
    summary: 'A certificate ends within 30 days.'
    consequence: 'When it ends, no new tokens for this application.'
    action: 'Stage its successor now.'
    query: loadTextContent('../../queries/alert-credential-expiring.kql')
    measure: 'Occurrences'
    dimensions: [
      'Client'
      'Key'
      'Thumbprint'
    ]
    threshold: 0
  }
  {
    id: 'credential-expiring-soon'
    severity: 1
    summary: 'A certificate ends within a week, or has ended.'
    consequence: 'When it ends, no new tokens for this application.'
    action: 'Stage its successor today, and see it promoted.'
    query: loadTextContent('../../queries/alert-credential-expiring-soon.kql')
    measure: 'Occurrences'
    dimensions: [
      'Client'
      'Key'
      'Thumbprint'
    ]
    threshold: 0
  }
  {
    id: 'credentials-check-failing'
    severity: 2
    summary: 'The check of credentials failed more than once.'
    consequence: 'A foreign credential would not be noticed, nor a certificate promoted.'
    action: 'Read why: permission at Entra, storage, vault.'
    query: loadTextContent('../../queries/alert-credentials-check-failing.kql')
    measure: 'Occurrences'
    dimensions: [
      'Client'
      'Because'
    ]
    threshold: 0
  }
  {
    id: 'credentials-check-silent'
    severity: 2
    summary: 'No check of credentials has finished for hours.'
    consequence: 'As for credentials-check-failing.'
    action: 'See whether the app runs and its timers are enabled.'
    query: loadTextContent('../../queries/alert-credentials-check-silent.kql')
    measure: 'SilentMinutes'
    dimensions: []
    threshold: credentialsSilentMinutes
  }
]

module rules 'log-rules.bicep' = {
  params: {
    alerts: alerts
    context: context
    namePrefix: namePrefix
  }
}
