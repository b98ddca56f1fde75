// Who may do what: one list, each line with the narrowest role and scope that works, and why.
// A test reads this list and fails on anything broader, and on anything missing.
param hostAccountName string
param ingestAccountName string
param applicationInsightsName string
param workspaceName string
param geocatalogName string
param geocatalogSubscriptionId string
param geocatalogResourceGroup string

@description('Object ids by who: app, eventTopic, producers, operators.')
param principalIds object

// Built-in roles (learn.microsoft.com/azure/role-based-access-control/built-in-roles).
var roleIds = {
  'GeoCatalog Administrator': 'c9c97b9c-105d-4bb5-a2a7-7d15666c2484'
  'GeoCatalog Reader': 'b7b8f583-43d0-40ae-b147-6b46f53661c1'
  'Log Analytics Reader': '73c42c96-874c-492b-b04d-ab87d138a893'
  'Monitoring Metrics Publisher': '3913510d-42f4-4e42-8a64-420c390055eb'
  'Storage Blob Data Contributor': 'ba92f5b4-2d11-453d-a403-e96b0029c9fe'
  'Storage Blob Data Owner': 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
  'Storage Blob Data Reader': '2a2b9908-6ea1-4ae2-8e65-a410df84e7d1'
  'Storage Queue Data Contributor': '974c5e8b-45b9-4653-ba55-5f855dd0fb88'
  'Storage Queue Data Message Sender': 'c6a89b2d-59bc-44d0-9896-0f6e12d7b80a'
  'Storage Queue Data Reader': '19e7f393-937e-4f77-808e-94535e297925'
  'Storage Table Data Contributor': '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3'
  'Storage Table Data Reader': '76199698-9eea-4c19-bc75-cec21354c6b6'
}

var roles = [
  // The host, on its own account only: it makes containers whose names it chooses itself.
  { who: 'app', role: 'Storage Blob Data Owner', on: 'hostAccount', name: '', why: 'locks, keys, package; what the Functions host asks for' }
  { who: 'app', role: 'Storage Table Data Contributor', on: 'hostAccount', name: '', why: 'diagnostic events of the host' }

  // The app, on its data. Message Processor would not do: to hide a message longer needs messages/write.
  { who: 'app', role: 'Storage Queue Data Contributor', on: 'queue', name: 'items', why: 'receives, keeps hidden, deletes, sends again' }
  { who: 'app', role: 'Storage Queue Data Contributor', on: 'queue', name: 'collections', why: 'receives, keeps hidden, deletes, sends again' }
  { who: 'app', role: 'Storage Queue Data Contributor', on: 'queue', name: 'deletions', why: 'receives, keeps hidden, deletes, sends again' }
  { who: 'app', role: 'Storage Queue Data Contributor', on: 'queue', name: 'blob-events', why: 'receives, keeps hidden, deletes, sends again' }
  { who: 'app', role: 'Storage Queue Data Contributor', on: 'queue', name: 'items-poison', why: 'the host writes it, a function empties it' }
  { who: 'app', role: 'Storage Queue Data Contributor', on: 'queue', name: 'collections-poison', why: 'the host writes it, a function empties it' }
  { who: 'app', role: 'Storage Queue Data Contributor', on: 'queue', name: 'deletions-poison', why: 'the host writes it, a function empties it' }
  { who: 'app', role: 'Storage Queue Data Contributor', on: 'queue', name: 'blob-events-poison', why: 'the host writes it, a function empties it' }
  { who: 'app', role: 'Storage Queue Data Contributor', on: 'queue', name: 'webjobs-blobtrigger-poison', why: 'the host writes it, a function empties it' }
  { who: 'app', role: 'Storage Queue Data Message Sender', on: 'queue', name: 'results', why: 'announces outcomes' }
  { who: 'app', role: 'Storage Table Data Contributor', on: 'table', name: 'status', why: 'reads and writes rows' }
  { who: 'app', role: 'Storage Table Data Contributor', on: 'table', name: 'deadletters', why: 'reads and writes rows' }
  { who: 'app', role: 'Storage Table Data Contributor', on: 'table', name: 'sources', why: 'reads and writes rows' }
  { who: 'app', role: 'Storage Table Data Contributor', on: 'table', name: 'pacing', why: 'reads and writes the shared pause' }
  { who: 'app', role: 'Storage Blob Data Reader', on: 'container', name: 'incoming', why: 'reads dropped files' }
  { who: 'app', role: 'Storage Blob Data Contributor', on: 'container', name: 'payloads', why: 'keeps bodies too large for a queue' }
  { who: 'app', role: 'Storage Blob Data Reader', on: 'container', name: 'configuration', why: 'reads the list of sources, where it is a blob' }
  { who: 'app', role: 'Monitoring Metrics Publisher', on: 'applicationInsights', name: '', why: 'sends telemetry' }
  { who: 'app', role: 'GeoCatalog Administrator', on: 'geocatalog', name: '', why: 'ingests and configures; the Reader role cannot write and there is none between' }

  { who: 'eventTopic', role: 'Storage Queue Data Message Sender', on: 'queue', name: 'blob-events', why: 'delivers events of dropped blobs' }
  { who: 'eventTopic', role: 'Storage Blob Data Contributor', on: 'container', name: 'event-deadletters', why: 'writes events that could not be delivered' }

  { who: 'producers', role: 'Storage Queue Data Message Sender', on: 'queue', name: 'items', why: 'sends items; may not read, delete or configure' }
  { who: 'producers', role: 'Storage Blob Data Contributor', on: 'container', name: 'incoming', why: 'drops files' }
  { who: 'producers', role: 'Storage Blob Data Contributor', on: 'container', name: 'payloads', why: 'puts items over 48 KiB beside the queue' }

  { who: 'operators', role: 'Storage Queue Data Message Sender', on: 'queue', name: 'items', why: 'sends and replays items' }
  { who: 'operators', role: 'Storage Queue Data Message Sender', on: 'queue', name: 'collections', why: 'configures collections' }
  { who: 'operators', role: 'Storage Queue Data Message Sender', on: 'queue', name: 'deletions', why: 'deletes items and collections' }
  { who: 'operators', role: 'Storage Queue Data Reader', on: 'queue', name: 'items', why: 'sees how many wait' }
  { who: 'operators', role: 'Storage Queue Data Reader', on: 'queue', name: 'collections', why: 'sees how many wait' }
  { who: 'operators', role: 'Storage Queue Data Reader', on: 'queue', name: 'deletions', why: 'sees how many wait' }
  { who: 'operators', role: 'Storage Queue Data Reader', on: 'queue', name: 'blob-events', why: 'sees how many wait' }
  { who: 'operators', role: 'Storage Queue Data Reader', on: 'queue', name: 'results', why: 'sees how many wait' }
  { who: 'operators', role: 'Storage Queue Data Reader', on: 'queue', name: 'items-poison', why: 'sees how many wait' }
  { who: 'operators', role: 'Storage Queue Data Reader', on: 'queue', name: 'collections-poison', why: 'sees how many wait' }
  { who: 'operators', role: 'Storage Queue Data Reader', on: 'queue', name: 'deletions-poison', why: 'sees how many wait' }
  { who: 'operators', role: 'Storage Queue Data Reader', on: 'queue', name: 'blob-events-poison', why: 'sees how many wait' }
  { who: 'operators', role: 'Storage Queue Data Reader', on: 'queue', name: 'webjobs-blobtrigger-poison', why: 'sees how many wait' }
  { who: 'operators', role: 'Storage Table Data Contributor', on: 'table', name: 'status', why: 'replay and resume write rows' }
  { who: 'operators', role: 'Storage Table Data Contributor', on: 'table', name: 'deadletters', why: 'replay removes rows' }
  { who: 'operators', role: 'Storage Table Data Contributor', on: 'table', name: 'sources', why: 'adds sources without a deployment' }
  { who: 'operators', role: 'Storage Table Data Reader', on: 'table', name: 'pacing', why: 'sees whether a pause is on' }
  { who: 'operators', role: 'Storage Blob Data Contributor', on: 'container', name: 'incoming', why: 'drops files again' }
  { who: 'operators', role: 'Storage Blob Data Contributor', on: 'container', name: 'payloads', why: 'puts bodies over 48 KiB beside the queue' }
  { who: 'operators', role: 'Storage Blob Data Contributor', on: 'container', name: 'configuration', why: 'edits the list of sources' }
  { who: 'operators', role: 'Storage Blob Data Reader', on: 'container', name: 'event-deadletters', why: 'sees which events were not delivered' }
  { who: 'operators', role: 'Log Analytics Reader', on: 'workspace', name: '', why: 'reads logs and the workbook' }
  { who: 'operators', role: 'GeoCatalog Reader', on: 'geocatalog', name: '', why: 'plan, diff, export and search read' }
]

// One entry per principal. Identities made a moment ago need their type; people and groups may be either.
var grants = flatten(map(
  roles,
  line =>
    map(
      principalIds[line.who],
      principalId =>
        union(line, {
          principalId: principalId
          principalType: contains(['app', 'eventTopic'], line.who) ? 'ServicePrincipal' : null
        })
    )
))

var names = loadJsonContent('../names.json')

module queueRoles 'roles-on-queue.bicep' = [
  for name in names.queues: {
    name: 'roles-on-queue-${name}'
    params: {
      accountName: ingestAccountName
      queueName: name
      grants: filter(grants, grant => grant.on == 'queue' && grant.name == name)
      roleIds: roleIds
    }
  }
]

module tableRoles 'roles-on-table.bicep' = [
  for name in names.tables: {
    name: 'roles-on-table-${name}'
    params: {
      accountName: ingestAccountName
      tableName: name
      grants: filter(grants, grant => grant.on == 'table' && grant.name == name)
      roleIds: roleIds
    }
  }
]

module containerRoles 'roles-on-container.bicep' = [
  for name in names.containers: {
    name: 'roles-on-container-${name}'
    params: {
      accountName: ingestAccountName
      containerName: name
      grants: filter(grants, grant => grant.on == 'container' && grant.name == name)
      roleIds: roleIds
    }
  }
]

module geocatalogRoles 'roles-on-geocatalog.bicep' = {
  name: 'roles-on-geocatalog'
  scope: resourceGroup(geocatalogSubscriptionId, geocatalogResourceGroup)
  params: {
    geocatalogName: geocatalogName
    grants: filter(grants, grant => grant.on == 'geocatalog')
    roleIds: roleIds
  }
}

module hostRoles 'roles-on-host.bicep' = {
  name: 'roles-on-host'
  params: {
    accountName: hostAccountName
    grants: filter(grants, grant => grant.on == 'hostAccount')
    roleIds: roleIds
  }
}

module monitoringRoles 'roles-on-monitoring.bicep' = {
  name: 'roles-on-monitoring'
  params: {
    applicationInsightsName: applicationInsightsName
    workspaceName: workspaceName
    applicationInsightsGrants: filter(grants, grant => grant.on == 'applicationInsights')
    workspaceGrants: filter(grants, grant => grant.on == 'workspace')
    roleIds: roleIds
  }
}
