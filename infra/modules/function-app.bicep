// The Function App on Flex Consumption. Each queue function scales by itself, from zero, by the length of its queue.
param location string
param tags object
param planName string
param appName string
param hostAccountName string
param deploymentContainerName string
param ingestAccountName string
param applicationInsightsName string
param workspaceId string
param identityId string
param identityClientId string

@description('Subnet that the app runs in; null: none.')
param subnetId string?

param instanceMemoryMB int
param maximumInstanceCount int
param alwaysReadyInstances int

@description('Settings of the app, by name.')
param settings object

@secure()
@description('Settings of your own. They stay out of the history of deployments, as one of them may hold a secret by mistake.')
param extraSettings object

var alwaysReady = [
  {
    name: 'function:ingest_item'
    instanceCount: alwaysReadyInstances
  }
]

resource hostAccount 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: hostAccountName
}

resource ingestAccount 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: ingestAccountName
}

resource applicationInsights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: applicationInsightsName
}

resource plan 'Microsoft.Web/serverfarms@2025-03-01' = {
  name: planName
  location: location
  tags: tags
  kind: 'functionapp'
  sku: {
    name: 'FC1'
    tier: 'FlexConsumption'
  }
  properties: { reserved: true }
}

resource app 'Microsoft.Web/sites@2025-03-01' = {
  name: appName
  location: location
  tags: union(tags, { 'azd-service-name': 'ingestion' })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identityId}': {} }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    keyVaultReferenceIdentity: identityId
    virtualNetworkSubnetId: subnetId
    siteConfig: {
      minTlsVersion: '1.2'
    }
    functionAppConfig: {
      runtime: {
        name: 'python'
        version: '3.13'
      }
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${hostAccount.properties.primaryEndpoints.blob}${deploymentContainerName}'
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      scaleAndConcurrency: {
        instanceMemoryMB: instanceMemoryMB
        maximumInstanceCount: maximumInstanceCount
        alwaysReady: alwaysReadyInstances == 0 ? [] : alwaysReady
      }
    }
  }

  // Deployments log in by Entra ID; passwords for them stay off.
  resource scmCredentials 'basicPublishingCredentialsPolicies' = {
    name: 'scm'
    properties: { allow: false }
  }

  resource ftpCredentials 'basicPublishingCredentialsPolicies' = {
    name: 'ftp'
    properties: { allow: false }
  }
}

resource appSettings 'Microsoft.Web/sites/config@2025-03-01' = {
  parent: app
  name: 'appsettings'
  properties: union(extraSettings, settings, {
    AZURE_CLIENT_ID: identityClientId
    AzureWebJobsStorage__credential: 'managedidentity'
    AzureWebJobsStorage__clientId: identityClientId
    AzureWebJobsStorage__blobServiceUri: hostAccount.properties.primaryEndpoints.blob
    // For a version that still has a blob trigger: it must empty the host's internal queue while the deployment moves to blob-events.
    AzureWebJobsStorage__queueServiceUri: hostAccount.properties.primaryEndpoints.queue
    AzureWebJobsStorage__tableServiceUri: hostAccount.properties.primaryEndpoints.table
    INGEST_STORAGE__credential: 'managedidentity'
    INGEST_STORAGE__clientId: identityClientId
    INGEST_STORAGE__blobServiceUri: ingestAccount.properties.primaryEndpoints.blob
    INGEST_STORAGE__queueServiceUri: ingestAccount.properties.primaryEndpoints.queue
    INGEST_STORAGE__tableServiceUri: ingestAccount.properties.primaryEndpoints.table
    // Says where telemetry goes; with local authentication off it lets nobody in.
    APPLICATIONINSIGHTS_CONNECTION_STRING: applicationInsights.properties.ConnectionString
    APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
    // The exporter's figures on itself stay off: nobody here reads them.
    APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL: 'true'
    APPLICATIONINSIGHTS_SDKSTATS_DISABLED: 'true'
    // Four times a minute: an instance that is no longer needed ends soon, and what it has not sent is lost.
    OTEL_METRIC_EXPORT_INTERVAL: '15000'
    // The app sends its own log lines, so the host need not send them too.
    PYTHON_ENABLE_OPENTELEMETRY: 'true'
    // Without it the host receives messages for another 10 s after it was told to stop, and then cuts them off.
    FUNCTIONS_ENABLE_DRAIN_ON_APP_STOPPING: 'true'
  })
}

// How often functions were executed, by Azure's own count: the only sign of life that does not depend on the app or its host.
resource toWorkspace 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-workspace'
  scope: app
  properties: {
    workspaceId: workspaceId
    metrics: [{ category: 'AllMetrics', enabled: true }]
  }
}

output name string = app.name
