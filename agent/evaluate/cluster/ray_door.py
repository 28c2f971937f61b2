"""Tests whether a Ray cluster accepts requests without a token, and whether it accepts ours."""

from typing import Any

from agent.errors import UsageFault

CLIENT = "ray://"
"""An address of a head's client server; then Ray adds nothing to the path of its workers."""
HEAD = "/ray.rpc.NodeInfoGcsService/CheckAlive"
SERVER = "/ray.rpc.RayletDriver/ClusterInfo"
"""Questions that change nothing, to a head and to its client server."""
SECONDS = 10.0
REFUSED = "UNAUTHENTICATED"
MALFORMED = "INTERNAL"
"""For a token that no header can hold."""
Metadata = tuple[tuple[str, str], ...]
SILENT = ("UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED")


def refuse_open(address: str) -> bool:
    """Return whether a cluster answers.

    Raise UsageFault if it requires no token, or refuses ours. (Ray itself would try a refused token
    for minutes, and not say why it fails.)
    """
    target = address.removeprefix(CLIENT)
    question = SERVER if address.startswith(CLIENT) else HEAD
    code = _ask(target, question, ())
    if code in SILENT:
        return False
    if code != REFUSED:
        raise UsageFault(
            f"the Ray cluster {address} asks nobody for a token: whoever reaches it runs code",
            "ray stop; RAY_AUTH_MODE=token ray start --head   # and so on every node",
        )
    if _ask(target, question, _token()) in (REFUSED, MALFORMED):
        raise UsageFault(
            f"the Ray cluster {address} refused the token, for it has another one",
            "RAY_AUTH_MODE=token ray start --head   # and the head's ~/.ray/auth_token here",
        )
    return True


def _token() -> Metadata:
    """Return the token of this process as Ray shows it. Raise what Ray raises without one."""
    from ray._private.authentication import grpc_authentication_client_interceptor as client

    metadata: Metadata = client._get_authentication_metadata_tuple()
    return metadata


def _ask(address: str, question: str, metadata: Metadata) -> str:
    """Return the name of the gRPC status of a request; OK if answered."""
    import grpc

    with grpc.insecure_channel(address) as channel:
        call: Any = channel.unary_unary(question)
        try:
            call(b"", timeout=SECONDS, metadata=metadata)
        except grpc.RpcError as error:
            status: Any = error
            return str(status.code().name)
    return "OK"
