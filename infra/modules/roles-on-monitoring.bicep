// Grants roles on Application Insights and the workspace; roles.bicep says which.
import { assignmentName, assignmentProperties, grant } from 'grants.bicep'

param applicationInsightsName string
param workspaceName string
param grants grant[]

resource applicationInsights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: applicationInsightsName
}

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-02-01' existing = {
  name: workspaceName
}

resource toApplicationInsights 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for grant in filter(grants, grant => grant.on == 'applicationInsights'): {
    name: assignmentName(applicationInsights.id, grant)
    scope: applicationInsights
    properties: assignmentProperties(grant)
  }
]

resource toWorkspace 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for grant in filter(grants, grant => grant.on == 'workspace'): {
    name: assignmentName(workspace.id, grant)
    scope: workspace
    properties: assignmentProperties(grant)
  }
]
