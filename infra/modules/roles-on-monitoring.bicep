// Grants roles on Application Insights and the workspace; roles.bicep says which.
param applicationInsightsName string
param workspaceName string
param applicationInsightsGrants array
param workspaceGrants array
param roleIds object

resource applicationInsights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: applicationInsightsName
}

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-02-01' existing = {
  name: workspaceName
}

resource toApplicationInsights 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for grant in applicationInsightsGrants: {
    name: guid(applicationInsights.id, grant.principalId, grant.role)
    scope: applicationInsights
    properties: {
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleIds[grant.role])
      principalId: grant.principalId
      principalType: grant.principalType
    }
  }
]

resource toWorkspace 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for grant in workspaceGrants: {
    name: guid(workspace.id, grant.principalId, grant.role)
    scope: workspace
    properties: {
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleIds[grant.role])
      principalId: grant.principalId
      principalType: grant.principalType
    }
  }
]
