// A workbook that tells the same story as `geocatalog status`, from logs and metrics.
param location string
param tags object
param workspaceId string
param runbookUrl string

var panels = [
  { title: 'Outcomes', shows: 'areachart', query: loadTextContent('../queries/workbook/outcomes.kql') }
  { title: 'Collections', shows: 'table', query: loadTextContent('../queries/workbook/collections.kql') }
  { title: 'What waits, and why', shows: 'table', query: loadTextContent('../queries/workbook/waiting.kql') }
  { title: 'Tries again, by reason', shows: 'areachart', query: loadTextContent('../queries/workbook/retries.kql') }
  { title: 'Failures by error code', shows: 'table', query: loadTextContent('../queries/workbook/failures.kql') }
  { title: 'Dead letters and crashes', shows: 'table', query: loadTextContent('../queries/workbook/dead-letters.kql') }
  { title: 'Ingestion sources', shows: 'table', query: loadTextContent('../queries/workbook/sources.kql') }
  { title: 'Minutes left of each SAS', shows: 'linechart', query: loadTextContent('../queries/workbook/source-time-left.kql') }
  { title: 'Age of the oldest open operation, in seconds', shows: 'linechart', query: loadTextContent('../queries/workbook/operations.kql') }
  { title: 'Queues', shows: 'table', query: loadTextContent('../queries/workbook/queues.kql') }
  { title: 'Messages in all queues of the account, hourly', shows: 'linechart', query: loadTextContent('../queries/workbook/account-queue-depth.kql') }
  { title: 'Moves to poison queues', shows: 'barchart', query: loadTextContent('../queries/workbook/poison.kql') }
  { title: 'Functions', shows: 'table', query: loadTextContent('../queries/workbook/functions.kql') }
  { title: 'Executions, as Azure counts them', shows: 'barchart', query: loadTextContent('../queries/workbook/executions.kql') }
]

var heading = {
  type: 1
  name: 'heading'
  content: {
    json: '# GeoCatalog ingestion\n\nWhat to do about what you see here: ${runbookUrl}'
  }
}

var timeRange = {
  type: 9
  name: 'time range'
  content: {
    version: 'KqlParameterItem/1.0'
    parameters: [
      {
        version: 'KqlParameterItem/1.0'
        name: 'TimeRange'
        type: 4
        isRequired: true
        value: { durationMs: 86400000 }
        typeSettings: {
          selectableValues: [
            { durationMs: 3600000 }
            { durationMs: 86400000 }
            { durationMs: 604800000 }
            { durationMs: 2592000000 }
          ]
        }
      }
    ]
    style: 'pills'
    queryType: 0
    resourceType: 'microsoft.operationalinsights/workspaces'
  }
}

var charts = [
  for panel in panels: {
    type: 3
    name: panel.title
    content: {
      version: 'KqlItem/1.0'
      title: panel.title
      query: panel.query
      size: 0
      timeContextFromParameter: 'TimeRange'
      queryType: 0
      resourceType: 'microsoft.operationalinsights/workspaces'
      crossComponentResources: [workspaceId]
      visualization: panel.shows
      noDataMessage: 'Nothing in this time range.'
      noDataMessageStyle: 3
    }
  }
]

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(resourceGroup().id, 'ingestion')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: 'GeoCatalog ingestion'
    category: 'workbook'
    sourceId: workspaceId
    version: 'Notebook/1.0'
    serializedData: string({
      version: 'Notebook/1.0'
      items: concat([heading, timeRange], charts)
      fallbackResourceIds: [workspaceId]
    })
  }
}
