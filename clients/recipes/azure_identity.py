"""Azure SDK for Python, azure-identity 1.13 or later, with Keyhold's origin in AZURE_AUTHORITY_HOST.

Who answers at that address gets this service's own token: check it twice.
"""

from azure.identity import ClientAssertionCredential, ManagedIdentityCredential


def customer_credential(tenant_id, client_id, audience, identity_client_id):
    """A credential for any client of the Azure SDK. Keep one per tenant: it caches the tokens.

    client_id is the application to act as, audience the client id of Keyhold's own app registration, and
    identity_client_id the managed identity of this service.
    """
    identity = ManagedIdentityCredential(client_id=identity_client_id)
    return ClientAssertionCredential(
        tenant_id, client_id, lambda: identity.get_token(f"{audience}/.default").token
    )
