// Who may do what: one list, each line with the narrowest role and scope that works, and why.
// A test reads the assignments that come of it and fails on anything broader, and on anything missing.
import { grant, principals, scopeKind, who } from 'grants.bicep'

param hostAccountName string
param ingestAccountName string
param applicationInsightsName string
param workspaceName string
param geocatalogName string
param geocatalogSubscriptionId string
param geocatalogResourceGroup string
param principalIds principals

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

type line = {
  who: who
  role: string
  on: scopeKind
  @description('Queues, tables or containers; one empty name for other kinds.')
  names: string[]
  why: string
}

var itself = ['']
var work = ['items', 'collections', 'deletions', 'blob-events']
var poison = ['items-poison', 'collections-poison', 'deletions-poison', 'blob-events-poison']

var lines line[] = [
  // The host, on its own account only: it makes containers whose names it chooses itself.
  { who: 'app', role: 'Storage Blob Data Owner', on: 'hostAccount', names: itself, why: 'Locks, keys and the package; the Functions host asks for this role' }
  { who: 'app', role: 'Storage Table Data Contributor', on: 'hostAccount', names: itself, why: 'Diagnostic events of the host' }

  // The app, on its data. Message Processor would not do: to hide a message longer needs messages/write.
  { who: 'app', role: 'Storage Queue Data Contributor', on: 'queue', names: work, why: 'Receives, keeps hidden, deletes and sends again' }
  { who: 'app', role: 'Storage Queue Data Contributor', on: 'queue', names: poison, why: 'The host writes it, a function empties it' }
  { who: 'app', role: 'Storage Queue Data Message Sender', on: 'queue', names: ['results'], why: 'Announces outcomes' }
  { who: 'app', role: 'Storage Table Data Contributor', on: 'table', names: ['status', 'deadletters', 'sources', 'feeds'], why: 'Reads and writes rows' }
  { who: 'app', role: 'Storage Table Data Contributor', on: 'table', names: ['pacing'], why: 'Reads and writes the shared pause and the heartbeats' }
  { who: 'app', role: 'Storage Blob Data Reader', on: 'container', names: ['incoming'], why: 'Reads dropped files' }
  { who: 'app', role: 'Storage Blob Data Contributor', on: 'container', names: ['payloads'], why: 'Keeps bodies too large for a queue' }
  { who: 'app', role: 'Storage Blob Data Reader', on: 'container', names: ['configuration'], why: 'Reads the lists of sources and feeds, where they are blobs' }
  { who: 'app', role: 'Monitoring Metrics Publisher', on: 'applicationInsights', names: itself, why: 'Sends telemetry' }
  { who: 'app', role: 'GeoCatalog Administrator', on: 'geocatalog', names: itself, why: 'Ingests and configures; the Reader role cannot write and there is none between' }

  { who: 'eventTopic', role: 'Storage Queue Data Message Sender', on: 'queue', names: ['blob-events'], why: 'Delivers events of dropped blobs' }
  { who: 'eventTopic', role: 'Storage Blob Data Contributor', on: 'container', names: ['event-deadletters'], why: 'Writes events that could not be delivered' }

  { who: 'producers', role: 'Storage Queue Data Message Sender', on: 'queue', names: ['items'], why: 'Sends items; may not read, delete or configure' }
  { who: 'producers', role: 'Storage Blob Data Contributor', on: 'container', names: ['incoming'], why: 'Drops files' }
  { who: 'producers', role: 'Storage Blob Data Contributor', on: 'container', names: ['payloads'], why: 'Puts items over 48 KiB beside the queue' }

  { who: 'operators', role: 'Storage Queue Data Message Sender', on: 'queue', names: ['items'], why: 'Sends and replays items' }
  { who: 'operators', role: 'Storage Queue Data Message Sender', on: 'queue', names: ['collections'], why: 'Configures collections' }
  { who: 'operators', role: 'Storage Queue Data Message Sender', on: 'queue', names: ['deletions'], why: 'Deletes items and collections' }
  { who: 'operators', role: 'Storage Queue Data Message Sender', on: 'queue', names: ['blob-events'], why: 'Replays events' }
  { who: 'operators', role: 'Storage Queue Data Reader', on: 'queue', names: concat(work, poison, ['results']), why: 'Sees how many messages wait' }
  { who: 'operators', role: 'Storage Table Data Contributor', on: 'table', names: ['status'], why: 'Replay and resume write rows' }
  { who: 'operators', role: 'Storage Table Data Contributor', on: 'table', names: ['deadletters'], why: 'Replay removes rows' }
  { who: 'operators', role: 'Storage Table Data Contributor', on: 'table', names: ['sources'], why: 'Adds sources without a deployment' }
  { who: 'operators', role: 'Storage Table Data Contributor', on: 'table', names: ['feeds'], why: 'Adds and pauses feeds without a deployment' }
  { who: 'operators', role: 'Storage Table Data Reader', on: 'table', names: ['pacing'], why: 'Sees whether a pause is on and when each timer ran' }
  { who: 'operators', role: 'Storage Blob Data Contributor', on: 'container', names: ['incoming'], why: 'Drops files again' }
  { who: 'operators', role: 'Storage Blob Data Contributor', on: 'container', names: ['payloads'], why: 'Puts bodies over 48 KiB beside the queue' }
  { who: 'operators', role: 'Storage Blob Data Contributor', on: 'container', names: ['configuration'], why: 'Edits the lists of sources and feeds' }
  { who: 'operators', role: 'Storage Blob Data Reader', on: 'container', names: ['event-deadletters'], why: 'Sees which events were not delivered' }
  { who: 'operators', role: 'Log Analytics Reader', on: 'workspace', names: itself, why: 'Reads logs and the workbook' }
  { who: 'operators', role: 'GeoCatalog Reader', on: 'geocatalog', names: itself, why: 'The commands plan, diff, export and search read' }
]

// One grant per principal and name.
var grants grant[] = flatten(map(
  lines,
  line =>
    flatten(map(
      principalIds[line.who],
      principalId =>
        map(line.names, name => {
          role: line.role
          roleId: roleIds[line.role]
          on: line.on
          name: name
          principalId: principalId
          principalType: contains(['app', 'eventTopic'], line.who) ? 'ServicePrincipal' : null
          why: line.why
        })
    ))
))

module ingestRoles 'roles-on-storage.bicep' = {
  name: 'roles-on-ingest-storage'
  params: {
    accountName: ingestAccountName
    grants: filter(grants, grant => contains(['queue', 'table', 'container'], grant.on))
  }
}

module hostRoles 'roles-on-storage.bicep' = {
  name: 'roles-on-host-storage'
  params: {
    accountName: hostAccountName
    grants: filter(grants, grant => grant.on == 'hostAccount')
  }
}

module monitoringRoles 'roles-on-monitoring.bicep' = {
  name: 'roles-on-monitoring'
  params: {
    applicationInsightsName: applicationInsightsName
    workspaceName: workspaceName
    grants: filter(grants, grant => contains(['applicationInsights', 'workspace'], grant.on))
  }
}

module geocatalogRoles 'roles-on-geocatalog.bicep' = {
  // Several environments may share a GeoCatalog, and so the resource group that this is deployed to.
  name: 'roles-on-geocatalog-${uniqueString(resourceGroup().id)}'
  scope: resourceGroup(geocatalogSubscriptionId, geocatalogResourceGroup)
  params: {
    geocatalogName: geocatalogName
    grants: filter(grants, grant => grant.on == 'geocatalog')
  }
}
