// Log alerts on Entra's metadata (AppEvents): with a forged key set somebody could sign callers' tokens. They stand on
// what the app tells of itself.

import { LogAlertContext } from 'log-rules.bicep'

@description('Where the rules lie and what they look at: LogAlertContext of log-rules.bicep.')
param context LogAlertContext

@description('Begins every name.')
param namePrefix string

@description('Minutes without a finished refresh of metadata, which is hourly.')
param metadataSilentMinutes int

var alerts = [
  {
    id: 'metadata-discontinuous'
    severity: 1
    summary: 'New keys of Entra are vouched for by nothing that was known before.'
    consequence: 'An emergency rollover, or forged keys with which callers can be imitated.'
    action: 'Compare the keys from another network; if they differ, set hold.'
    query: loadTextContent('../../queries/alert-metadata-discontinuous.kql')
    measure: 'Occurrences'
    dimensions: [
      'Source'
      'Document'
      'Action'
    ]
    threshold: 0
  }
  {
    id: 'metadata-keys-replaced'
    severity: 1
    summary: 'All keys of a source changed at once.'
    consequence: 'As for metadata-discontinuous.'
    action: 'Compare the keys from another network.'
    query: loadTextContent('../../queries/alert-metadata-keys-replaced.kql')
    measure: 'Occurrences'
    dimensions: [
      'Source'
      'Document'
    ]
    threshold: 0
  }
  {
    id: 'metadata-known-key-changed'
    severity: 1
    summary: 'A key set has another key under the name of a known one.'
    consequence: 'Forged keys. They are refused, and last-known-good ones are used.'
    action: 'Somebody can answer for Entra: compare the keys from another network.'
    query: loadTextContent('../../queries/alert-metadata-known-key-changed.kql')
    measure: 'Occurrences'
    dimensions: [
      'Source'
      'Kid'
    ]
    threshold: 0
  }
  {
    id: 'metadata-record-refused'
    severity: 1
    summary: 'What is stored of a source of metadata does not verify.'
    consequence: 'It is not used; a new instance must believe the first answer.'
    action: 'See who wrote to the container, then delete the blob.'
    query: loadTextContent('../../queries/alert-metadata-record-refused.kql')
    measure: 'Occurrences'
    dimensions: [
      'Source'
      'Rule'
    ]
    threshold: 0
  }
  {
    id: 'metadata-tls-not-trusted'
    severity: 1
    summary: 'Whoever answered for Entra did not prove to be Entra.'
    consequence: 'Somebody stands between, or Entra has changed its root.'
    action: 'See what the host presents, from this network and another.'
    query: loadTextContent('../../queries/alert-metadata-tls-not-trusted.kql')
    measure: 'Occurrences'
    dimensions: [
      'Source'
      'Code'
    ]
    threshold: 0
  }
  {
    id: 'metadata-refused'
    severity: 2
    summary: 'A document of Entra is refused again and again.'
    consequence: 'Last-known-good keys are used; after six hours they are stale.'
    action: 'The reason names the rule that the document breaks.'
    query: loadTextContent('../../queries/alert-metadata-refused.kql')
    measure: 'Occurrences'
    dimensions: [
      'Source'
      'Document'
      'Reason'
    ]
    threshold: 0
  }
  {
    id: 'metadata-stale'
    severity: 1
    summary: 'A source was not confirmed for six hours.'
    consequence: 'After 24 hours none of its keys is trusted, and all callers get 503.'
    action: 'See why the source is refused or cannot be reached.'
    query: loadTextContent('../../queries/alert-metadata-stale.kql')
    measure: 'Occurrences'
    dimensions: [
      'Source'
    ]
    threshold: 0
  }
  {
    id: 'metadata-store-unavailable'
    severity: 2
    summary: 'Last-known-good metadata cannot be read or written.'
    consequence: 'A new instance starts without it, and must believe the first answer.'
    action: 'Check the container and the role of the storage identity.'
    query: loadTextContent('../../queries/alert-metadata-store-unavailable.kql')
    measure: 'Occurrences'
    dimensions: [
      'Operation'
    ]
    threshold: 0
  }
  {
    id: 'metadata-not-republished'
    severity: 2
    summary: 'The re-signed document could not be made.'
    consequence: 'Relying parties keep the old one, which is valid for a week.'
    action: 'The code says why, usually the key or certificate of the publisher.'
    query: loadTextContent('../../queries/alert-metadata-not-republished.kql')
    measure: 'Occurrences'
    dimensions: [
      'Source'
      'Code'
    ]
    threshold: 0
  }
  {
    id: 'metadata-refresh-silent'
    severity: 2
    summary: 'No refresh of metadata has finished for hours.'
    consequence: 'Changed keys are noticed by requests only, withdrawn ones not at all.'
    action: 'See whether the app runs and its timers are enabled.'
    query: loadTextContent('../../queries/alert-metadata-refresh-silent.kql')
    measure: 'SilentMinutes'
    dimensions: []
    threshold: metadataSilentMinutes
  }
]

module rules 'log-rules.bicep' = {
  params: {
    alerts: alerts
    context: context
    namePrefix: namePrefix
  }
}
