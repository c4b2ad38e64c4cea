"""A pysaml2 service provider whose metadata is the file that keyhold-mellon-update keeps.

pysaml2 reads metadata once, when a client is made, and its own check of metadata signatures takes forged documents
(docs/use/relying-parties.md). So the updater checks, and this makes a new client when it has replaced the file.
"""

import os

from saml2.client import Saml2Client
from saml2.config import SPConfig


class KeyholdSaml:
    """`config` is what SPConfig.load takes, without `metadata`."""

    def __init__(self, config, metadata_file):
        self._config = config
        self._metadata_file = metadata_file
        self._seen = None
        self._client = None

    def client(self):
        """The Saml2Client for this request. Two threads may both make one; either is good."""
        status = os.stat(self._metadata_file)
        seen = (status.st_ino, status.st_mtime_ns)
        if seen != self._seen:
            metadata = {"local": [self._metadata_file]}
            self._client = Saml2Client(SPConfig().load({**self._config, "metadata": metadata}))
            self._seen = seen
        return self._client
