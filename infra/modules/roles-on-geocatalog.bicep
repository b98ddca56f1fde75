// Grants roles on a GeoCatalog, which may lie in another resource group or subscription; roles.bicep says which.
import { assignmentName, assignmentProperties, grant } from 'grants.bicep'

param geocatalogName string
param grants grant[]

resource geocatalog 'Microsoft.Orbital/geoCatalogs@2026-04-15' existing = {
  name: geocatalogName
}

resource assignments 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for grant in grants: {
    name: assignmentName(geocatalog.id, grant)
    scope: geocatalog
    properties: assignmentProperties(grant)
  }
]
