namespace Keyhold.Recipes;

/// <param name="Url">Keyhold's origin, <c>https://keyhold.example</c>. Who answers there gets this service's token.</param>
/// <param name="Audience">Client id of Keyhold's own app registration.</param>
/// <param name="ClientId">The application to act as in customer tenants.</param>
/// <param name="IdentityClientId">Client id of this service's managed identity.</param>
public sealed record KeyholdOptions(Uri Url, string Audience, string ClientId, string IdentityClientId);
