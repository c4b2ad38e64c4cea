// Log alerts on what the audit of signatures tells (AppEvents). It compares the vault's log with the ledger and so sees
// a single signature too many. Whoever runs code in the app can suppress or forge all of it: vault-log.bicep cannot be.

import { LogAlertContext } from 'log-rules.bicep'

@description('Where the rules lie and what they look at: LogAlertContext of log-rules.bicep.')
param context LogAlertContext

@description('Begins every name.')
param namePrefix string

@description('Minutes without a finished run of the audit, which runs every five.')
param auditSilentMinutes int

var alerts = [
  {
    id: 'unaccounted-signature'
    severity: 0
    summary: 'Our identity signed, and nothing in the ledger explains it.'
    consequence: 'Somebody signs with the stolen identity, behind the back of Keyhold.'
    action: 'Disable the key version, stop the app, find who holds the identity.'
    query: loadTextContent('../../queries/alert-unaccounted-signature.kql')
    measure: 'Occurrences'
    dimensions: [
      'Key'
      'Caller'
      'Address'
    ]
    threshold: 0
  }
  {
    id: 'audited-misuse'
    severity: 0
    summary: 'The audit found another finding of severity 0: another identity signed, or ours did something else.'
    consequence: 'A key or the identity is in other hands.'
    action: 'As for foreign-signer and foreign-operation.'
    query: loadTextContent('../../queries/alert-audited-misuse.kql')
    measure: 'Occurrences'
    dimensions: [
      'Finding'
      'Key'
      'Caller'
      'Address'
    ]
    threshold: 0
  }
  {
    id: 'missing-record'
    severity: 1
    summary: 'The ledger says signed, the log of the vault does not.'
    consequence: 'The log was cut or tampered with, and so may hide others.'
    action: 'Check the diagnostic setting and the workspace.'
    query: loadTextContent('../../queries/alert-missing-record.kql')
    measure: 'Occurrences'
    dimensions: [
      'Key'
    ]
    threshold: 0
  }
  {
    id: 'audited-refusal'
    severity: 2
    summary: 'The vault refused something that Keyhold knows nothing of.'
    consequence: 'Somebody tries out a key or our identity.'
    action: 'Look at who asked; take the identity for stolen if it is ours.'
    query: loadTextContent('../../queries/alert-audited-refusal.kql')
    measure: 'Occurrences'
    dimensions: [
      'Finding'
      'Key'
      'Caller'
    ]
    threshold: 0
  }
  {
    id: 'open-intents'
    severity: 2
    summary: 'Many signatures have no known outcome.'
    consequence: 'One stolen signature can hide behind each.'
    action: 'Find out why outcomes are lost: crashes, time-outs, storage.'
    query: loadTextContent('../../queries/alert-open-intents.kql')
    measure: 'OpenIntents'
    dimensions: []
    threshold: 0
  }
  {
    id: 'sign-rate-abnormal'
    severity: 2
    summary: 'A key signs more or less than is usual at this hour of the week.'
    consequence: 'Above: theft or a caller that runs wild. Below: Keyhold or its log is dead.'
    action: 'See who asks for tokens; compare with the findings of the audit.'
    query: loadTextContent('../../queries/alert-sign-rate-abnormal.kql')
    measure: 'Occurrences'
    dimensions: [
      'Key'
      'Verdict'
    ]
    threshold: 0
  }
  {
    id: 'sign-audit-failing'
    severity: 2
    summary: 'The audit failed three times in an hour.'
    consequence: 'Signatures are not compared with the ledger meanwhile.'
    action: 'Read why: the workspace, its permissions, or storage.'
    query: loadTextContent('../../queries/alert-sign-audit-failing.kql')
    measure: 'Occurrences'
    dimensions: [
      'Because'
    ]
    threshold: 0
  }
  {
    id: 'sign-audit-silent'
    severity: 1
    summary: 'The audit has not finished for half an hour.'
    consequence: 'Nobody compares signatures with the ledger: the app is down, or was silenced.'
    action: 'See whether the app runs and its timers are enabled.'
    query: loadTextContent('../../queries/alert-sign-audit-silent.kql')
    measure: 'SilentMinutes'
    dimensions: []
    threshold: auditSilentMinutes
  }
  {
    id: 'ledger-outcome-lost'
    severity: 2
    summary: 'The outcome of a signature could not be written to the ledger.'
    consequence: 'The intent stays open, and one stolen signature can hide behind it.'
    action: 'Check the storage account of the ledger.'
    query: loadTextContent('../../queries/alert-ledger-outcome-lost.kql')
    measure: 'Occurrences'
    dimensions: [
      'Because'
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
