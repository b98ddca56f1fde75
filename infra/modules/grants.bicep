// What a grant of a role is, and what becomes of it: the same for every kind of scope.

@export()
@description('Who is granted roles.')
type who = 'app' | 'eventTopic' | 'producers' | 'operators'

@export()
@description('The kinds of resources that roles are granted on.')
type scopeKind = 'hostAccount' | 'queue' | 'table' | 'container' | 'applicationInsights' | 'workspace' | 'geocatalog'

@export()
@description('Object ids by who.')
type principals = {
  app: string[]
  eventTopic: string[]
  producers: string[]
  operators: string[]
}

@export()
@description('One role for one principal on one resource.')
type grant = {
  @description('Name of the role; part of the name of the assignment.')
  role: string
  roleId: string
  on: scopeKind
  @description('Name of the queue, table or container; empty for other kinds.')
  name: string
  principalId: string
  @description('An identity made a moment ago needs its type; a person or group may be either.')
  principalType: string?
  @description('Why it is needed; the portal shows it on the assignment.')
  why: string
}

@export()
@description('The name of an assignment. It must never change: Azure refuses a second assignment of the same role under another name.')
func assignmentName(scopeId string, grant grant) string => guid(scopeId, grant.principalId, grant.role)

@export()
@description('The properties of an assignment.')
func assignmentProperties(grant grant) resourceInput<'Microsoft.Authorization/roleAssignments@2022-04-01'>.properties => {
  roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', grant.roleId)
  principalId: grant.principalId
  principalType: grant.?principalType
  description: grant.why
}
