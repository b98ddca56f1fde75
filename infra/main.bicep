// Everything the ingestion needs, in one resource group. `azd up` deploys it with main.parameters.json.
targetScope = 'subscription'

@minLength(1)
@maxLength(64)
@description('Name of the environment; decides the names of all resources.')
param environmentName string

@minLength(1)
@description('Region of all resources; a new GeoCatalog may need another one (geocatalogLocation).')
param location string

@description('Region of a new GeoCatalog; empty: location. It must be one that offers Planetary Computer Pro.')
param geocatalogLocation string = ''

@description('Name of a GeoCatalog that exists already; empty: a new one is made.')
param existingGeocatalogName string = ''

@description('Resource group of the existing GeoCatalog.')
param existingGeocatalogResourceGroup string = ''

@description('Subscription of the existing GeoCatalog; empty: this one.')
param existingGeocatalogSubscriptionId string = ''

@description('Object ids, by comma, of those who may send items.')
param producerPrincipalIds string = ''

@description('Object ids, by comma, of those who look after the ingestion.')
param operatorPrincipalIds string = ''

@description('Who is told of alerts; empty: alerts only show in the portal.')
param alertEmail string = ''

@description('Address of docs/runbook.md as your operators reach it; alerts and the workbook link to its entries.')
param runbookUrl string = 'docs/runbook.md'

@allowed([512, 2048, 4096])
@description('Memory of an instance in MB.')
param instanceMemoryMB int = 2048

@minValue(1)
@maxValue(1000)
@description('Most instances of each function that run at once.')
param maximumInstanceCount int = 40

@minValue(0)
@maxValue(20)
@description('Instances of ingest_item that never scale to zero; each costs money all the time.')
param alwaysReadyInstances int = 0

@minValue(30)
@maxValue(730)
@description('Days that logs are kept.')
param logRetentionDays int = 30

@minValue(8)
@description('Days that bodies too large for a queue are kept; more than RETRY_MAX_AGE and than any pause.')
param payloadRetentionDays int = 90

@description('Setting GEOCATALOG_API_VERSION.')
param geocatalogApiVersion string = '2026-04-15'

@description('Setting GEOCATALOG_SCOPE; sovereign clouds differ.')
param geocatalogScope string = 'https://geocatalog.spatio.azure.com/.default'

@description('Setting INGESTION_SOURCES; empty: the list in ingestion-sources.json.')
param ingestionSourcesUrl string = ''

@description('Setting TRACK_SCHEDULE.')
param trackSchedule string = '0 * * * * *'

@description('Setting RENEW_SCHEDULE.')
param renewSchedule string = '0 */5 * * * *'

@description('Setting SAS_RENEWAL_MARGIN.')
param sasRenewalMargin string = 'PT15M'

@description('Setting PLANETARY_COMPUTER_URL.')
param planetaryComputerUrl string = 'https://planetarycomputer.microsoft.com'

@description('Setting ALLOWED_HREF_HOSTS.')
param allowedHrefHosts string = ''

@description('Setting MAX_REQUESTS_PER_SECOND.')
param maxRequestsPerSecond string = '50'

@description('Setting RETRY_MAX_AGE.')
param retryMaxAge string = 'P7D'

@description('Setting OPERATION_DEADLINE.')
param operationDeadline string = 'PT24H'

@description('Setting STATUS_RETENTION; empty: rows are kept for ever.')
param statusRetention string = ''

@allowed(['results', ''])
@description('Setting RESULTS_QUEUE; empty: outcomes are not announced.')
param resultsQueue string = 'results'

var token = toLower(uniqueString(subscription().id, environmentName, location))
var tags = { 'azd-env-name': environmentName }
var isNewGeocatalog = empty(existingGeocatalogName)
var hereSubscriptionId = subscription().subscriptionId
var geocatalogSubscriptionId = empty(existingGeocatalogSubscriptionId) ? hereSubscriptionId : existingGeocatalogSubscriptionId
var geocatalogResourceGroup = isNewGeocatalog ? group.name : existingGeocatalogResourceGroup
var newGeocatalogName = 'gc-${token}'

// Each id once: an operator may do all that a producer may, and the same assignment twice is an error.
var producers = union([], empty(producerPrincipalIds) ? [] : split(replace(producerPrincipalIds, ' ', ''), ','))
var operators = union([], empty(operatorPrincipalIds) ? [] : split(replace(operatorPrincipalIds, ' ', ''), ','))

resource group 'Microsoft.Resources/resourceGroups@2025-04-01' = {
  name: 'rg-${environmentName}'
  location: location
  tags: tags
}

module identities 'modules/identities.bicep' = {
  name: 'identities'
  scope: group
  params: {
    location: location
    tags: tags
    token: token
  }
}

module monitoring 'modules/monitoring.bicep' = {
  name: 'monitoring'
  scope: group
  params: {
    location: location
    tags: tags
    token: token
    retentionDays: logRetentionDays
  }
}

module hostStorage 'modules/host-storage.bicep' = {
  name: 'host-storage'
  scope: group
  params: {
    location: location
    tags: tags
    accountName: 'sthost${token}'
  }
}

module ingestStorage 'modules/ingest-storage.bicep' = {
  name: 'ingest-storage'
  scope: group
  params: {
    location: location
    tags: tags
    accountName: 'stingest${token}'
    payloadRetentionDays: payloadRetentionDays
    workspaceId: monitoring.outputs.workspaceId
  }
}

module eventTopic 'modules/event-topic.bicep' = {
  name: 'event-topic'
  scope: group
  params: {
    location: location
    tags: tags
    topicName: 'evgt-${token}'
    storageAccountId: ingestStorage.outputs.accountId
    workspaceId: monitoring.outputs.workspaceId
  }
}

module newGeocatalog 'modules/geocatalog.bicep' = if (isNewGeocatalog) {
  name: 'geocatalog'
  scope: group
  params: {
    location: empty(geocatalogLocation) ? location : geocatalogLocation
    tags: tags
    geocatalogName: newGeocatalogName
    ingestionIdentityId: identities.outputs.ingestionId
  }
}

module existingGeocatalog 'modules/geocatalog-existing.bicep' = if (!isNewGeocatalog) {
  name: 'geocatalog-existing-${token}'
  scope: resourceGroup(geocatalogSubscriptionId, geocatalogResourceGroup)
  params: {
    geocatalogName: existingGeocatalogName
  }
}

module roles 'modules/roles.bicep' = {
  name: 'roles'
  scope: group
  params: {
    hostAccountName: hostStorage.outputs.accountName
    ingestAccountName: ingestStorage.outputs.accountName
    applicationInsightsName: monitoring.outputs.applicationInsightsName
    workspaceName: monitoring.outputs.workspaceName
    geocatalogName: isNewGeocatalog ? newGeocatalog!.outputs.name : existingGeocatalog!.outputs.name
    geocatalogSubscriptionId: geocatalogSubscriptionId
    geocatalogResourceGroup: geocatalogResourceGroup
    principalIds: {
      app: [identities.outputs.appPrincipalId]
      eventTopic: [eventTopic.outputs.principalId]
      producers: filter(producers, principalId => !contains(operators, principalId))
      operators: operators
    }
  }
}

module eventSubscription 'modules/event-subscription.bicep' = {
  name: 'event-subscription'
  scope: group
  params: {
    topicName: eventTopic.outputs.name
    ingestAccountId: ingestStorage.outputs.accountId
  }
  dependsOn: [roles]
}

module functionApp 'modules/function-app.bicep' = {
  name: 'function-app'
  scope: group
  params: {
    location: location
    tags: tags
    planName: 'plan-${token}'
    appName: 'func-${token}'
    hostAccountName: hostStorage.outputs.accountName
    deploymentContainerName: hostStorage.outputs.deploymentContainerName
    ingestAccountName: ingestStorage.outputs.accountName
    applicationInsightsName: monitoring.outputs.applicationInsightsName
    identityId: identities.outputs.appId
    identityClientId: identities.outputs.appClientId
    instanceMemoryMB: instanceMemoryMB
    maximumInstanceCount: maximumInstanceCount
    alwaysReadyInstances: alwaysReadyInstances
    settings: {
      GEOCATALOG_URL: isNewGeocatalog ? newGeocatalog!.outputs.url : existingGeocatalog!.outputs.url
      GEOCATALOG_API_VERSION: geocatalogApiVersion
      GEOCATALOG_SCOPE: geocatalogScope
      TRACK_SCHEDULE: trackSchedule
      RENEW_SCHEDULE: renewSchedule
      INGESTION_SOURCES: empty(ingestionSourcesUrl) ? string(loadJsonContent('ingestion-sources.json')) : ingestionSourcesUrl
      SAS_RENEWAL_MARGIN: sasRenewalMargin
      PLANETARY_COMPUTER_URL: planetaryComputerUrl
      ALLOWED_HREF_HOSTS: allowedHrefHosts
      MAX_REQUESTS_PER_SECOND: maxRequestsPerSecond
      RETRY_MAX_AGE: retryMaxAge
      OPERATION_DEADLINE: operationDeadline
      STATUS_RETENTION: statusRetention
      RESULTS_QUEUE: resultsQueue
    }
    extraSettings: loadJsonContent('extra-settings.json')
  }
  dependsOn: [roles]
}

module alerts 'modules/alerts.bicep' = {
  name: 'alerts'
  scope: group
  params: {
    location: location
    tags: tags
    workspaceId: monitoring.outputs.workspaceId
    alertEmail: alertEmail
    runbookUrl: runbookUrl
  }
}

module workbook 'modules/workbook.bicep' = {
  name: 'workbook'
  scope: group
  params: {
    location: location
    tags: tags
    workspaceId: monitoring.outputs.workspaceId
    runbookUrl: runbookUrl
  }
}

output AZURE_RESOURCE_GROUP string = group.name
output AZURE_FUNCTION_APP_NAME string = functionApp.outputs.name
output INGEST_ACCOUNT_NAME string = ingestStorage.outputs.accountName
output INGESTION_IDENTITY_ID string = identities.outputs.ingestionId
output INGESTION_IDENTITY_PRINCIPAL_ID string = identities.outputs.ingestionPrincipalId
output APP_IDENTITY_PRINCIPAL_ID string = identities.outputs.appPrincipalId

// What the `geocatalog` command needs: `azd env get-values > azure.env`, then `geocatalog --env-file azure.env …`.
// No output has the name of an input: azd keeps outputs, and would hand them in again in place of a new default.
output GEOCATALOG_URL string = isNewGeocatalog ? newGeocatalog!.outputs.url : existingGeocatalog!.outputs.url
output INGEST_STORAGE__queueServiceUri string = ingestStorage.outputs.queueEndpoint
output INGEST_STORAGE__blobServiceUri string = ingestStorage.outputs.blobEndpoint
output INGEST_STORAGE__tableServiceUri string = ingestStorage.outputs.tableEndpoint
