using Microsoft.Identity.Client;
using Microsoft.Identity.Client.AppConfig;

namespace Keyhold.Recipes;

public static class MsalRecipe
{
    /// <summary>For <c>AcquireTokenForClient</c>. Keep one per tenant: it caches the tokens.</summary>
    public static IConfidentialClientApplication CustomerApplication(string tenantId, KeyholdOptions keyhold)
    {
        var identity = ManagedIdentityApplicationBuilder
            .Create(ManagedIdentityId.WithUserAssignedClientId(keyhold.IdentityClientId))
            .Build();
        return ConfidentialClientApplicationBuilder
            .Create(keyhold.ClientId)
            .WithAuthority(new Uri(keyhold.Url, tenantId))
            .WithInstanceDiscovery(false)
            .WithClientAssertion(async (AssertionRequestOptions options) =>
            {
                var own = identity.AcquireTokenForManagedIdentity(keyhold.Audience);
                return (await own.ExecuteAsync(options.CancellationToken)).AccessToken;
            })
            .Build();
    }
}
