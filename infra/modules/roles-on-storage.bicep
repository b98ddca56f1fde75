// Grants roles on a storage account, or on single queues, tables and containers of it; roles.bicep says which.
import { assignmentName, assignmentProperties, grant } from 'grants.bicep'

param accountName string
param grants grant[]

var onAccount = filter(grants, grant => grant.on == 'hostAccount')
var onQueues = filter(grants, grant => grant.on == 'queue')
var onTables = filter(grants, grant => grant.on == 'table')
var onContainers = filter(grants, grant => grant.on == 'container')

resource account 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: accountName

  resource queueService 'queueServices' existing = {
    name: 'default'
  }

  resource tableService 'tableServices' existing = {
    name: 'default'
  }

  resource blobService 'blobServices' existing = {
    name: 'default'
  }
}

resource queues 'Microsoft.Storage/storageAccounts/queueServices/queues@2025-06-01' existing = [
  for grant in onQueues: {
    parent: account::queueService
    name: grant.name
  }
]

resource tables 'Microsoft.Storage/storageAccounts/tableServices/tables@2025-06-01' existing = [
  for grant in onTables: {
    parent: account::tableService
    name: grant.name
  }
]

resource containers 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-06-01' existing = [
  for grant in onContainers: {
    parent: account::blobService
    name: grant.name
  }
]

resource accountRoles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for grant in onAccount: {
    name: assignmentName(account.id, grant)
    scope: account
    properties: assignmentProperties(grant)
  }
]

resource queueRoles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (grant, index) in onQueues: {
    name: assignmentName(queues[index].id, grant)
    scope: queues[index]
    properties: assignmentProperties(grant)
  }
]

resource tableRoles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (grant, index) in onTables: {
    name: assignmentName(tables[index].id, grant)
    scope: tables[index]
    properties: assignmentProperties(grant)
  }
]

resource containerRoles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (grant, index) in onContainers: {
    name: assignmentName(containers[index].id, grant)
    scope: containers[index]
    properties: assignmentProperties(grant)
  }
]
