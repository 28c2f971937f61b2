"""Makes the clients of providers, and explains why one cannot be made."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx2

from agent.errors import ModelFault
from sandbox.ground.text import one_line


@contextmanager
def making_client(provider: str) -> Iterator[None]:
    """Raise ModelFault if the block cannot make a client, as with an invalid proxy."""
    try:
        yield
    except (ImportError, ValueError, OSError, httpx2.InvalidURL) as error:
        raise ModelFault(
            f"{provider} cannot be asked with the proxy or the certificates of this environment: "
            f"{one_line(str(error))}",
            "env | grep -iE '_proxy|ssl_cert'",
        ) from None
