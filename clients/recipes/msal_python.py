"""MSAL Python 1.21 or later, with the managed identity of azure-identity."""

import msal
from azure.identity import ManagedIdentityCredential


def customer_application(url, tenant_id, client_id, audience, identity_client_id):
    """For acquire_token_for_client. Keep one per tenant: it caches the tokens.

    url is Keyhold's origin; the ids are those of azure_identity.py.
    """
    identity = ManagedIdentityCredential(client_id=identity_client_id)
    return msal.ConfidentialClientApplication(
        client_id,
        authority=f"{url}/{tenant_id}",
        instance_discovery=False,
        client_credential={"client_assertion": lambda: identity.get_token(f"{audience}/.default").token},
    )
