"""The settings of a python3-saml service provider whose identity provider is the file that keyhold-mellon-update keeps.

python3-saml does not look at a document's validUntil, and its own check of metadata signatures takes a forged document
(docs/use/relying-parties.md). So the updater checks, and this reads the file that it has put in place.
"""

from onelogin.saml2.idp_metadata_parser import OneLogin_Saml2_IdPMetadataParser


def settings(own, metadata_file, entity_id):
    """For one request: `own`, what OneLogin_Saml2_Auth takes without `idp`, with all keys of the file."""
    with open(metadata_file, "rb") as file:
        idp = OneLogin_Saml2_IdPMetadataParser.parse(file.read(), entity_id=entity_id)
    return OneLogin_Saml2_IdPMetadataParser.merge_settings(own, idp)
