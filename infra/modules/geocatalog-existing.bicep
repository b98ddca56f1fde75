// A GeoCatalog of somebody else's making: read, never changed. scripts/attach_identity.* attaches the identity to it.
param geocatalogName string

resource geocatalog 'Microsoft.Orbital/geoCatalogs@2026-04-15' existing = {
  name: geocatalogName
}

output url string = geocatalog.properties.catalogUri
