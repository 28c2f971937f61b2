"""A keyring for subprocesses: the real library with a back end that reads a JSON file.

The environment variable KEYRING_FILE names the file.
"""

import json
import os
from pathlib import Path

from keyring.backend import KeyringBackend


class FileKeyring(KeyringBackend):
    """`{service: {name: secret}}` in the file KEYRING_FILE."""

    priority = 1  # type: ignore[assignment]

    def get_password(self, service: str, username: str) -> str | None:
        """What the file has."""
        secrets: dict[str, dict[str, str]] = json.loads(
            Path(os.environ["KEYRING_FILE"]).read_text()
        )
        return secrets.get(service, {}).get(username)

    def set_password(self, service: str, username: str, password: str) -> None:
        """Not needed."""
        raise NotImplementedError
