using Azure.Core;
using Azure.Identity;

namespace Keyhold.Recipes;

public static class AzureIdentityRecipe
{
    /// <summary>A credential for any client of the Azure SDK. Keep one per tenant: it caches the tokens.</summary>
    public static TokenCredential CustomerCredential(string tenantId, KeyholdOptions keyhold)
    {
        var identity = new ManagedIdentityCredential(
            ManagedIdentityId.FromUserAssignedClientId(keyhold.IdentityClientId));
        var ownScope = new TokenRequestContext([$"{keyhold.Audience}/.default"]);
        return new ClientAssertionCredential(
            tenantId,
            keyhold.ClientId,
            async cancellation => (await identity.GetTokenAsync(ownScope, cancellation)).Token,
            new ClientAssertionCredentialOptions
            {
                AuthorityHost = keyhold.Url,
                DisableInstanceDiscovery = true,
            });
    }
}
