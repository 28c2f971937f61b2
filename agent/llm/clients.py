"""Makes the clients of providers, and says in words why one cannot be made."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx2

from agent.errors import ModelFault
from sandbox.ground.text import one_line


@contextmanager
def making_client(provider: str) -> Iterator[None]:
    """Raise ModelFault where the block cannot make a client: for a proxy that makes no sense."""
    try:
        yield
    except (ImportError, ValueError, httpx2.InvalidURL) as error:
        raise ModelFault(
            f"{provider} cannot be asked by the proxy of this environment: {one_line(str(error))}",
            "env | grep -i _proxy",
        ) from None
