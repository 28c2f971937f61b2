# A training that looks for the Ray cluster that it runs on. TARGET is written above.
import glob
import os
import socket

seen = []


def tries(what, act):
    try:
        if act():
            seen.append(what)
    except OSError:
        pass


def connect(family, address):
    with socket.socket(family, socket.SOCK_STREAM) as stream:
        stream.settimeout(2)
        stream.connect(address)
        return True


def read(path):
    with open(path, "rb") as file:
        return TARGET["token"].encode() in file.read(1 << 20)  # noqa: F821


def has_words(path):
    with open(path, "rb") as file:
        text = file.read(1 << 20)
    return b"RAY_" in text or TARGET["token"].encode() in text  # noqa: F821


for name in os.environ:
    if "RAY" in name.upper().split("_") or "TOKEN" in name.upper():
        seen.append(f"variable {name}")
for port in TARGET["ports"]:  # noqa: F821
    tries(f"port {port}", lambda: connect(socket.AF_INET, ("127.0.0.1", port)))
home = TARGET["home"]  # noqa: F821
tries("/tmp/ray", lambda: os.listdir("/tmp/ray"))
tries("the folder of the cluster", lambda: [n for n in os.listdir(home) if n != "scratch"])
tries("the sessions", lambda: os.listdir(f"{home}/ray"))
tries("the token", lambda: read(os.path.expanduser("~/.ray/auth_token")))
for kind in ("raylet*", "plasma_store*"):
    for path in glob.glob(f"{home}/ray/session_*/sockets/{kind}") + [
        "/tmp/ray/session_latest/sockets/" + kind.strip("*")
    ]:
        tries(path, lambda: connect(socket.AF_UNIX, path))
for path in glob.glob("/proc/[0-9]*/environ") + glob.glob("/proc/[0-9]*/cmdline"):
    tries(path, lambda: has_words(path))
print("seen:", ", ".join(seen) or "nothing")
print("accuracy: 50")
