"""The actor that Ray starts on a node. It is sent by value, so that it runs without autoresearch.

It imports autoresearch only after it has removed the driver's folders from the path.
"""

import json
import os
import sys
from collections.abc import Sequence
from typing import Any


class Door:
    """The actor: passes questions to the station, as text and bytes."""

    def __init__(self, unwanted: Sequence[str]) -> None:
        """Make the station. unwanted: folders of the driver to remove from the path."""
        for path in unwanted:
            if path in sys.path:
                sys.path.remove(path)  # the first: one that is meant comes later
        self.station: Any = None
        self.fault = ""
        try:
            import ray
            from ray._private.authentication.authentication_utils import is_token_auth_enabled

            from agent.evaluate.cluster.station import Station

            mode = "token" if is_token_auth_enabled() else "disabled"
            says = {"ray": ray.__version__, "authentication": mode}
            self.station = Station(says=says, leave=lambda: os._exit(0))
        except BaseException as error:
            what = f"{sys.executable} cannot load autoresearch"
            self.fault = f"{what}: {type(error).__name__}: {error}"

    def ask(self, name: str, question: str, blobs: Sequence[bytes]) -> list[Any]:
        """Return an answer as JSON, and its bytes."""
        if self.station is None:
            fix = "pip install 'autoresearch[cluster]'   # on every node"
            return [json.dumps({"fault": self.fault[:2000], "next_command": fix})]
        text, pieces = self.station.ask(name, question, blobs)
        return [text, *pieces]
