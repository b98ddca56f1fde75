// What both storage accounts have in common: identities only, TLS 1.2, and the network rules.

@export()
@description('Properties of a storage account. isPrivate: only private endpoints, ipRanges and trusted services of Azure reach it.')
func accountProperties(isPrivate bool, ipRanges string[]) resourceInput<'Microsoft.Storage/storageAccounts@2025-06-01'>.properties => {
  accessTier: 'Hot'
  allowSharedKeyAccess: false
  allowBlobPublicAccess: false
  allowCrossTenantReplication: false
  defaultToOAuthAuthentication: true
  minimumTlsVersion: 'TLS1_2'
  supportsHttpsTrafficOnly: true
  // Never 'Disabled': that would shut out Event Grid too, which is let in as a trusted service (`bypass`) by its identity.
  publicNetworkAccess: 'Enabled'
  networkAcls: {
    bypass: 'AzureServices'
    defaultAction: isPrivate ? 'Deny' : 'Allow'
    ipRules: map(isPrivate ? ipRanges : [], range => { value: range, action: 'Allow' })
  }
}
