// The Functions host's own account: its locks, keys and the deployed package. No ingestion data is here,
// because the host needs a broad role on it.
import { accountProperties } from 'storage-account.bicep'

param location string
param tags object
param accountName string
param deploymentContainerName string
param isPrivate bool

resource account 'Microsoft.Storage/storageAccounts@2025-06-01' = {
  name: accountName
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: 'Standard_LRS' }
  properties: accountProperties(isPrivate, [])

  resource blobs 'blobServices' = {
    name: 'default'

    resource deployment 'containers' = {
      name: deploymentContainerName
    }
  }
}

output accountId string = account.id
