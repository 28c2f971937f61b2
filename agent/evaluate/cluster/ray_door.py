"""Tests whether a Ray cluster accepts requests without a token, that is, from anybody."""

from typing import Any

from agent.errors import UsageFault

CLIENT = "ray://"
"""An address of a head's client server; then Ray adds nothing to the path of its workers."""
HEAD = "/ray.rpc.NodeInfoGcsService/CheckAlive"
SERVER = "/ray.rpc.RayletDriver/ClusterInfo"
"""Questions that change nothing, to a head and to its client server."""
SECONDS = 10.0
SILENT = ("UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED")


def refuse_open(address: str) -> bool:
    """Return whether a cluster answers. Raise UsageFault if it requires no token."""
    code = _ask(address.removeprefix(CLIENT), SERVER if address.startswith(CLIENT) else HEAD)
    if code in SILENT:
        return False
    if code != "UNAUTHENTICATED":
        raise UsageFault(
            f"the Ray cluster {address} asks nobody for a token: whoever reaches it runs code",
            "ray stop; RAY_AUTH_MODE=token ray start --head   # and so on every node",
        )
    return True


def _ask(address: str, question: str) -> str:
    """Return the name of the gRPC status of a request without a token; OK if answered."""
    import grpc

    with grpc.insecure_channel(address) as channel:
        call: Any = channel.unary_unary(question)
        try:
            call(b"", timeout=SECONDS)
        except grpc.RpcError as error:
            status: Any = error
            return str(status.code().name)
    return "OK"
