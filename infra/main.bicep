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

@description('Whether a new GeoCatalog gets a lock that refuses its deletion; `azd down` fails until the lock is removed.')
param geocatalogDeleteLock bool = false

@description('Object ids, separated by commas, of those who may send items.')
param producerPrincipalIds string = ''

@description('Object ids, separated by commas, of those who operate the ingestion.')
param operatorPrincipalIds string = ''

@description('Object id of whoever deploys; a person becomes an operator, a pipeline does not.')
param deployerPrincipalId string = ''

@description('User or ServicePrincipal; azd says which of the two deploys.')
param deployerPrincipalType string = ''

@description('Whether the app runs in a virtual network, with private endpoints for both storage accounts, which are closed to others.')
param vnetEnabled bool = false

@description('Address range of the virtual network; its first two /24 ranges become subnets.')
param vnetAddressPrefix string = '10.0.0.0/16'

@description('Public addresses or ranges, separated by commas, that may reach the ingestion storage although the virtual network closes it.')
param allowedIpRanges string = ''

@description('Address that alerts are sent to; empty: alerts only show in the portal.')
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

@description('Setting FEEDS; empty: the list in feeds.json.')
param feedsUrl string = ''

@description('Setting FEED_SCHEDULE.')
param feedSchedule string = '0 */15 * * * *'

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

// Names are known before anything is deployed, so that a preview can look into every module.
var hostAccountName = 'sthost${token}'
var deploymentContainerName = 'app-package'
var ingestAccountName = 'stingest${token}'
var workspaceName = 'log-${token}'
var applicationInsightsName = 'appi-${token}'
var topicName = 'evgt-${token}'

var isNewGeocatalog = empty(existingGeocatalogName)
var geocatalogName = isNewGeocatalog ? 'gc-${token}' : existingGeocatalogName
var hereSubscriptionId = subscription().subscriptionId
var geocatalogSubscriptionId = isNewGeocatalog || empty(existingGeocatalogSubscriptionId) ? hereSubscriptionId : existingGeocatalogSubscriptionId
var geocatalogResourceGroup = isNewGeocatalog
  ? group.name
  : empty(existingGeocatalogResourceGroup)
      ? fail('EXISTING_GEOCATALOG_NAME is set but EXISTING_GEOCATALOG_RESOURCE_GROUP is not; set it to the resource group of that GeoCatalog')
      : existingGeocatalogResourceGroup

// Each id once, whatever its letter case: the same assignment twice is an error, and an operator may do all that a producer may.
var personWhoDeploys = deployerPrincipalType == 'User' ? deployerPrincipalId : ''
var operators = entriesOf('${operatorPrincipalIds},${personWhoDeploys}')
var producers = filter(entriesOf(producerPrincipalIds), id => !contains(operators, id))

@description('The distinct entries of a list with commas, in lower case; blanks around them and empty entries do not count.')
func entriesOf(list string) string[] => union([], filter(map(split(list, ','), entry => toLower(trim(entry))), entry => !empty(entry)))

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
    workspaceName: workspaceName
    applicationInsightsName: applicationInsightsName
    retentionDays: logRetentionDays
  }
}

module hostStorage 'modules/host-storage.bicep' = {
  name: 'host-storage'
  scope: group
  params: {
    location: location
    tags: tags
    accountName: hostAccountName
    deploymentContainerName: deploymentContainerName
    isPrivate: vnetEnabled
  }
}

module ingestStorage 'modules/ingest-storage.bicep' = {
  name: 'ingest-storage'
  scope: group
  params: {
    location: location
    tags: tags
    accountName: ingestAccountName
    isPrivate: vnetEnabled
    allowedIpRanges: entriesOf(allowedIpRanges)
    payloadRetentionDays: payloadRetentionDays
    workspaceId: monitoring.outputs.workspaceId
  }
}

module network 'modules/network.bicep' = if (vnetEnabled) {
  name: 'network'
  scope: group
  params: {
    location: location
    tags: tags
    token: token
    addressPrefix: vnetAddressPrefix
    accounts: [
      { name: hostAccountName, id: hostStorage.outputs.accountId, services: ['blob', 'table'] }
      { name: ingestAccountName, id: ingestStorage.outputs.accountId, services: ['blob', 'queue', 'table'] }
    ]
  }
}

module eventTopic 'modules/event-topic.bicep' = {
  name: 'event-topic'
  scope: group
  params: {
    location: location
    tags: tags
    topicName: topicName
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
    geocatalogName: geocatalogName
    ingestionIdentityId: identities.outputs.ingestionId
    isLocked: geocatalogDeleteLock
    workspaceId: monitoring.outputs.workspaceId
  }
}

module existingGeocatalog 'modules/geocatalog-existing.bicep' = if (!isNewGeocatalog) {
  name: 'geocatalog-existing-${token}'
  scope: resourceGroup(geocatalogSubscriptionId, geocatalogResourceGroup)
  params: {
    geocatalogName: geocatalogName
  }
}

module roles 'modules/roles.bicep' = {
  name: 'roles'
  scope: group
  params: {
    hostAccountName: hostAccountName
    ingestAccountName: ingestAccountName
    applicationInsightsName: applicationInsightsName
    workspaceName: workspaceName
    geocatalogName: geocatalogName
    geocatalogSubscriptionId: geocatalogSubscriptionId
    geocatalogResourceGroup: geocatalogResourceGroup
    principalIds: {
      app: [identities.outputs.appPrincipalId]
      eventTopic: [eventTopic.outputs.principalId]
      producers: producers
      operators: operators
    }
  }
  dependsOn: [hostStorage, newGeocatalog]
}

module eventSubscription 'modules/event-subscription.bicep' = {
  name: 'event-subscription'
  scope: group
  params: {
    topicName: topicName
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
    hostAccountName: hostAccountName
    deploymentContainerName: deploymentContainerName
    ingestAccountName: ingestAccountName
    applicationInsightsName: applicationInsightsName
    workspaceId: monitoring.outputs.workspaceId
    identityId: identities.outputs.appId
    identityClientId: identities.outputs.appClientId
    subnetId: vnetEnabled ? network!.outputs.appSubnetId : null
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
      FEEDS: empty(feedsUrl) ? string(loadJsonContent('feeds.json')) : feedsUrl
      FEED_SCHEDULE: feedSchedule
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
output INGEST_ACCOUNT_NAME string = ingestAccountName
output INGESTION_IDENTITY_ID string = identities.outputs.ingestionId
output INGESTION_IDENTITY_PRINCIPAL_ID string = identities.outputs.ingestionPrincipalId
output APP_IDENTITY_PRINCIPAL_ID string = identities.outputs.appPrincipalId

// What the `geocatalog` command needs: `azd env get-values > azure.env`, then `geocatalog --env-file azure.env …`.
// No output has the name of an input: azd keeps outputs, and would hand them in again in place of a new default.
output GEOCATALOG_URL string = isNewGeocatalog ? newGeocatalog!.outputs.url : existingGeocatalog!.outputs.url
output INGEST_STORAGE__queueServiceUri string = ingestStorage.outputs.queueEndpoint
output INGEST_STORAGE__blobServiceUri string = ingestStorage.outputs.blobEndpoint
output INGEST_STORAGE__tableServiceUri string = ingestStorage.outputs.tableEndpoint
