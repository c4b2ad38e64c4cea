using Azure.Core;
using Azure.Identity;
using Keyhold.Recipes;
using Microsoft.Identity.Abstractions;
using Microsoft.Identity.Client;
using Microsoft.Identity.Web;
using System.Text.Json;

// dotnet recipes.dll RECIPE TENANT_ID SCOPE [CLAIMS]: one token, or how the library reports that there is none, as one line of JSON.
var (recipe, tenantId, scope) = (args[0], args[1], args[2]);
// Of a challenge, decoded from base64.
var claims = args.ElementAtOrDefault(3);

KeyholdOptions FromEnvironment()
{
    string Variable(string name) => Environment.GetEnvironmentVariable(name) ?? throw new ArgumentException($"{name} is not set");
    return new(new Uri(Variable("KEYHOLD_URL")), Variable("KEYHOLD_AUDIENCE"), Variable("CLIENT_ID"), Variable("IDENTITY_CLIENT_ID"));
}

async Task<string> TokenOf(TokenCredential credential) =>
    (await credential.GetTokenAsync(new TokenRequestContext([scope], claims: claims, isCaeEnabled: claims is not null), CancellationToken.None)).Token;

async Task<string> FromMsal() =>
    (await MsalRecipe.CustomerApplication(tenantId, FromEnvironment()).AcquireTokenForClient([scope]).WithClaims(claims).ExecuteAsync()).AccessToken;

// An ordinary ASP.NET service, asked once. Only appsettings.json says that it gets its tokens from Keyhold.
async Task<string> FromAppSettings()
{
    var builder = WebApplication.CreateBuilder();
    builder.Logging.ClearProviders();
    builder.WebHost.UseUrls("http://127.0.0.1:0");
    builder.Services.AddAuthentication().AddMicrosoftIdentityWebApi(builder.Configuration)
        .EnableTokenAcquisitionToCallDownstreamApi().AddInMemoryTokenCaches();
    await using var service = builder.Build();
    service.MapGet("/token", async (IAuthorizationHeaderProvider headers) =>
        (await headers.CreateAuthorizationHeaderForAppAsync(scope))["Bearer ".Length..]);
    await service.StartAsync();
    using var browser = new HttpClient();
    return await browser.GetStringAsync($"{service.Urls.First()}/token");
}

// Keyhold is configured by AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_AUTHORITY_HOST and AZURE_FEDERATED_TOKEN_FILE. The option
// has no variable: without it the library asks Entra whether Keyhold is one of its hosts.
Task<string> FromDefaultCredential(bool disableInstanceDiscovery) =>
    TokenOf(new DefaultAzureCredential(new DefaultAzureCredentialOptions { DisableInstanceDiscovery = disableInstanceDiscovery }));

object Report(Exception error) => new
{
    type = error.GetType().Name,
    message = error.Message,
    inner = error.InnerException?.GetType().Name,
    service = (error as MsalServiceException ?? error.InnerException as MsalServiceException) is { } refused
        ? new { refused.StatusCode, refused.ErrorCode, refused.Message, refused.ResponseBody, refused.CorrelationId }
        : null,
};

try
{
    var token = await (recipe switch
    {
        "azure-identity" => TokenOf(AzureIdentityRecipe.CustomerCredential(tenantId, FromEnvironment())),
        "msal" => FromMsal(),
        "appsettings" => FromAppSettings(),
        "environment" => FromDefaultCredential(disableInstanceDiscovery: true),
        "environment-with-instance-discovery" => FromDefaultCredential(disableInstanceDiscovery: false),
        _ => throw new ArgumentException($"no recipe {recipe}"),
    });
    Console.WriteLine(JsonSerializer.Serialize(new { token }));
}
catch (Exception error) when (error is AuthenticationFailedException or MsalException)
{
    Console.WriteLine(JsonSerializer.Serialize(new { error = Report(error) }));
}
