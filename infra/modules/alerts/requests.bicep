// Log alerts on requests, policy and telemetry (AppEvents, AppMetrics): whether callers are served, and by which rules.
// They stand on what the app tells of itself.

import { LogAlertContext } from 'log-rules.bicep'

@description('Where the rules lie and what they look at: LogAlertContext of log-rules.bicep.')
param context LogAlertContext

@description('Begins every name.')
param namePrefix string

var alerts = [
  {
    id: 'credential-refused'
    severity: 1
    summary: 'Our own credential is not accepted by the vault or by Entra.'
    consequence: 'No new token for this application; cached ones last for an hour at most.'
    action: 'Look at the code: role, key version, certificate.'
    query: loadTextContent('../../queries/alert-credential-refused.kql')
    measure: 'Occurrences'
    dimensions: [
      'Code'
      'Client'
    ]
    threshold: 0
  }
  {
    id: 'signature-not-ours'
    severity: 0
    summary: 'The vault answered with a signature that the registered certificate does not verify.'
    consequence: 'Somebody stands between Keyhold and the vault, or a key was exchanged.'
    action: 'Stop issuing for this application; check the vault, its DNS and private endpoint.'
    query: loadTextContent('../../queries/alert-signature-not-ours.kql')
    measure: 'Occurrences'
    dimensions: [
      'Client'
    ]
    threshold: 0
  }
  {
    id: 'dependency-outage'
    severity: 1
    summary: 'Callers get 503: something that Keyhold needs does not answer.'
    consequence: 'No new tokens; cached ones are served until they expire.'
    action: 'See which one it is, and the status of Azure.'
    query: loadTextContent('../../queries/alert-dependency-outage.kql')
    measure: 'Occurrences'
    dimensions: [
      'Code'
    ]
    threshold: 0
  }
  {
    id: 'unexpected-fault'
    severity: 2
    summary: 'A bug, a clock that is off, or an answer of Entra that Keyhold does not know.'
    consequence: 'Some requests fail.'
    action: 'Open the file at the line that the alert names, and report the bug.'
    query: loadTextContent('../../queries/alert-unexpected-fault.kql')
    measure: 'Occurrences'
    dimensions: [
      'Code'
      'Line'
    ]
    threshold: 0
  }
  {
    id: 'telemetry-lost'
    severity: 2
    summary: 'Events of an instance never arrived in Application Insights.'
    consequence: 'Alerts that stand on the events of Keyhold may have missed something.'
    action: 'Read the JSON lines of the instance; check Application Insights.'
    query: loadTextContent('../../queries/alert-telemetry-lost.kql')
    measure: 'Lost'
    dimensions: [
      'Instance'
    ]
    threshold: 0
  }
  {
    id: 'policy-rejected'
    severity: 2
    summary: 'The policy, or the suspensions beside it, is not valid, and the last valid version holds.'
    consequence: 'What was changed is not in force. After an hour nothing is issued any more.'
    action: 'Correct the document; the event names it and each problem.'
    query: loadTextContent('../../queries/alert-policy-rejected.kql')
    measure: 'Occurrences'
    dimensions: [
      'Etag'
    ]
    threshold: 0
  }
  {
    id: 'policy-not-readable'
    severity: 1
    summary: 'The policy, or the suspensions beside it, cannot be read.'
    consequence: 'After an hour nothing is issued any more, and suspensions are not seen meanwhile.'
    action: 'Check the storage account and the role of the storage identity.'
    query: loadTextContent('../../queries/alert-policy-not-readable.kql')
    measure: 'Occurrences'
    dimensions: [
      'Because'
    ]
    threshold: 0
  }
  {
    id: 'policy-changed'
    severity: 3
    summary: 'A new policy is in force, or new suspensions are.'
    consequence: 'Whoever can write the policy decides who gets tokens.'
    action: 'Compare with what was agreed.'
    query: loadTextContent('../../queries/alert-policy-changed.kql')
    measure: 'Occurrences'
    dimensions: [
      'Etag'
    ]
    threshold: 0
  }
]

module rules 'log-rules.bicep' = {
  params: {
    alerts: alerts
    context: context
    namePrefix: namePrefix
  }
}
