// Log alerts straight on the vault's own log (AZKVAuditLogs). Nothing that runs in the app, and nobody with its
// identities, writes or suppresses a row of it: these hold when the app is taken over. They lag up to ten minutes.

import { LogAlertContext } from 'log-rules.bicep'

@description('Where the rules lie and what they look at: LogAlertContext of log-rules.bicep.')
param context LogAlertContext

@description('Begins every name.')
param namePrefix string

@description('Signatures of one key in five minutes that no day explains. One instance has a budget of 6000.')
param signHardCap int

var alerts = [
  {
    id: 'foreign-signer'
    severity: 0
    summary: 'Somebody who is not the signing identity signed with a key of the vault.'
    consequence: 'Who signs can be the application in every customer tenant.'
    action: 'Disable the key version, find the role assignment that allowed it.'
    query: loadTextContent('../../queries/alert-foreign-signer.kql')
    measure: 'Occurrences'
    dimensions: [
      'Key'
      'Caller'
      'Address'
    ]
    threshold: 0
  }
  {
    id: 'foreign-operation'
    severity: 0
    summary: 'The signing identity did something other than sign.'
    consequence: 'The app or its identity is in other hands.'
    action: 'Stop the app, take the role from the identity, disable the key versions.'
    query: loadTextContent('../../queries/alert-foreign-operation.kql')
    measure: 'Occurrences'
    dimensions: [
      'Operation'
      'Key'
      'Address'
    ]
    threshold: 0
  }
  {
    id: 'refused-operation'
    severity: 1
    summary: 'The signing identity tried something other than sign and was refused.'
    consequence: 'Somebody tries out what the identity may do.'
    action: 'Find out who uses the identity; treat it as stolen until that is known.'
    query: loadTextContent('../../queries/alert-refused-operation.kql')
    measure: 'Occurrences'
    dimensions: [
      'Operation'
      'Key'
      'Address'
    ]
    threshold: 0
  }
  {
    id: 'sensitive-operation'
    severity: 1
    summary: 'Keys, secrets or settings of the vault were changed, copied or deleted, or somebody tried.'
    consequence: 'A deleted key stops all tokens; a new or copied one may be used by others.'
    action: 'Ask whether this was announced; if not, undo it and take the right from the caller.'
    query: loadTextContent('../../queries/alert-sensitive-operation.kql')
    measure: 'Occurrences'
    dimensions: [
      'Operation'
      'Key'
      'Caller'
      'Result'
    ]
    threshold: 0
  }
  {
    id: 'refused-sign'
    severity: 2
    summary: 'The vault refused a signature.'
    consequence: 'Keyhold cannot sign with this key version, or somebody tries to.'
    action: 'Compare caller and key version with the policy.'
    query: loadTextContent('../../queries/alert-refused-sign.kql')
    measure: 'Occurrences'
    dimensions: [
      'Key'
      'Caller'
      'Status'
    ]
    threshold: 0
  }
  {
    id: 'sign-hard-cap'
    severity: 1
    summary: 'A key signed more often in five minutes than any day explains.'
    consequence: 'Signatures are being stolen in bulk, or a caller runs wild.'
    action: 'Find the caller in the ledger and suspend it; if it is not there, disable the key version.'
    query: loadTextContent('../../queries/alert-sign-hard-cap.kql')
    measure: 'Signs'
    dimensions: [
      'Key'
    ]
    threshold: signHardCap
  }
  {
    id: 'signs-without-app'
    severity: 1
    summary: 'The signing identity signed while Keyhold told nothing at all.'
    consequence: 'Somebody signs with the identity outside of Keyhold, or its telemetry is cut off.'
    action: 'See whether the app runs; if not, disable the key versions.'
    query: loadTextContent('../../queries/alert-signs-without-app.kql')
    measure: 'Signs'
    dimensions: [
      'Key'
      'Address'
    ]
    threshold: 0
  }
  {
    id: 'vault-log-silent'
    severity: 1
    summary: 'Keyhold issues new tokens, and no signature arrives in the log of the vault.'
    consequence: 'The log was cut off: nothing that stands on it would be noticed.'
    action: 'Restore the diagnostic setting, find out who changed it.'
    query: loadTextContent('../../queries/alert-vault-log-silent.kql')
    measure: 'Minted'
    dimensions: []
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
