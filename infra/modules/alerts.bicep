// Rules that watch for what an operator must know. The name of each is the anchor of its entry in docs/runbook.md.
param location string
param tags object
param workspaceId string
param alertEmail string
param runbookUrl string

type rule = {
  name: string
  title: string
  @description('1: somebody should act now; 2: today; 3: this week.')
  severity: 1 | 2 | 3
  @description('What one evaluation covers.')
  window: string
  @description('How often it is evaluated; by default every 15 minutes.')
  every: string?
  @description('How many evaluations in a row must find something; by default one.')
  times: int?
  query: string
}

var rules rule[] = [
  { name: 'dead-letters', title: 'Messages were rejected', severity: 3, window: 'PT30M', query: loadTextContent('../queries/alerts/dead-letters.kql') }
  { name: 'failure-rate', title: 'Many items fail', severity: 2, window: 'PT1H', query: loadTextContent('../queries/alerts/failure-rate.kql') }
  { name: 'held-items', title: 'Items wait for an operator', severity: 2, window: 'PT30M', query: loadTextContent('../queries/alerts/held-items.kql') }
  { name: 'oldest-operation', title: 'An operation does not end', severity: 3, window: 'PT1H', query: loadTextContent('../queries/alerts/oldest-operation.kql') }
  { name: 'feed-unread', title: 'A feed is not read', severity: 2, window: 'PT1H', query: loadTextContent('../queries/alerts/feed-unread.kql') }
  { name: 'source-lapsing', title: 'An ingestion source is about to lapse', severity: 1, window: 'PT30M', query: loadTextContent('../queries/alerts/source-lapsing.kql') }
  { name: 'nothing-succeeds', title: 'Work waits and nothing succeeds', severity: 1, window: 'PT1H', query: loadTextContent('../queries/alerts/nothing-succeeds.kql') }
  { name: 'oldest-message', title: 'A message waits too long', severity: 2, window: 'PT30M', query: loadTextContent('../queries/alerts/oldest-message.kql') }
  { name: 'poison-queue', title: 'A function crashes on a message', severity: 2, window: 'PT30M', query: loadTextContent('../queries/alerts/poison-queue.kql') }
  { name: 'throttling', title: 'GeoCatalog throttles', severity: 3, window: 'PT30M', query: loadTextContent('../queries/alerts/throttling.kql') }
  { name: 'undelivered-events', title: 'Dropped blobs were not announced', severity: 2, window: 'PT1H', query: loadTextContent('../queries/alerts/undelivered-events.kql') }
  // Twice in a row, because Azure's own count of executions may arrive some minutes late.
  { name: 'app-silent', title: 'No function is executed', severity: 1, window: 'PT15M', every: 'PT5M', times: 2, query: loadTextContent('../queries/alerts/app-silent.kql') }
  { name: 'tracker-silent', title: 'Operations are not tracked', severity: 1, window: 'PT30M', query: loadTextContent('../queries/alerts/tracker-silent.kql') }
  { name: 'function-failures', title: 'Functions end with exceptions', severity: 2, window: 'PT30M', query: loadTextContent('../queries/alerts/function-failures.kql') }
]
var actionGroups = empty(alertEmail) ? [] : [operators.id]

resource operators 'Microsoft.Insights/actionGroups@2023-01-01' = if (!empty(alertEmail)) {
  name: 'ingestion-operators'
  location: 'global'
  tags: tags
  properties: {
    groupShortName: 'ingestion'
    enabled: true
    emailReceivers: [
      {
        name: 'operators'
        emailAddress: alertEmail
        useCommonAlertSchema: true
      }
    ]
  }
}

resource queryAlerts 'Microsoft.Insights/scheduledQueryRules@2026-03-01' = [
  for rule in rules: {
    name: rule.name
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: rule.title
      severity: rule.severity
      enabled: true
      scopes: [workspaceId]
      evaluationFrequency: rule.?every ?? 'PT15M'
      windowSize: rule.window
      autoMitigate: true
      skipQueryValidation: true // a new workspace has no data yet, and tables come with it
      criteria: {
        allOf: [
          {
            query: rule.query
            timeAggregation: 'Count'
            operator: 'GreaterThan'
            threshold: 0
            failingPeriods: {
              numberOfEvaluationPeriods: rule.?times ?? 1
              minFailingPeriodsToAlert: rule.?times ?? 1
            }
          }
        ]
      }
      actions: {
        actionGroups: actionGroups
        customProperties: { runbook: '${runbookUrl}#${rule.name}' }
      }
    }
  }
]
