// Types that several modules share.

@export()
@description('Tags of a resource, by name.')
type Tags = {
  *: string
}

@export()
@description('A user-assigned identity.')
type Identity = {
  @description('ARM id.')
  id: string

  @description('Application id, by which the app chooses it.')
  clientId: string

  @description('Object id in Entra, to which roles are assigned.')
  principalId: string
}
