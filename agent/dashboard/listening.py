"""Opens the listening socket of a server."""

import socket

from agent.errors import UsageFault


def listener(host: str, port: int, otherwise: str) -> socket.socket:
    """Return a socket that listens on host and port.

    Raise UsageFault if they are not available. otherwise: the next command of that fault.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except (OSError, OverflowError, UnicodeError) as error:
        raise UsageFault(f"cannot listen on {host}:{port}: {error}", otherwise) from None
