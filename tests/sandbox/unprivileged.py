"""Run by test_unprivileged.py, as root: becomes nobody, then proves a tier and runs one hog under it; says so in JSON."""

import json
import os
import sys
import threading
from pathlib import Path

from sandbox.bubblewrap import Bubblewrap
from sandbox.canary import prove
from sandbox.namespaces import Namespaces
from sandbox.outcome import MIB
from tests.sandbox.tiers import folders, spec_in

NOBODY = 65534
HOG = "hog = bytearray(1 << 29)\nhog[::4096] = b'x' * len(hog[::4096])\nimport time; time.sleep(60)"


def main() -> None:
    tier, python = sys.argv[1:]
    runner = {"A": Bubblewrap, "B": Namespaces}[tier](launcher=python)
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    os.environ["HOME"] = "/"
    report = prove(runner, python=python, imports=())
    with folders() as home:
        argv = (python, "-I", "-S", "-c", "import os, json; print(json.dumps([os.getuid(), os.fork() * 0]))")
        simple = runner.run(spec_in(home, "", argv=argv), threading.Event())
        uid = json.loads((home / "log").read_text().splitlines()[0])[0]
        hog = runner.run(spec_in(home, "", argv=(python, "-I", "-S", "-c", HOG), memory_bytes=128 * MIB), threading.Event())
        bomb = runner.run(
            spec_in(home, "", argv=(python, "-I", "-S", "-c", "import os\nwhile 1: os.fork()"), processes=40), threading.Event()
        )
    print(json.dumps({"ok": report.ok, "reason": report.reason, "kinds": [simple.kind, hog.kind, bomb.kind], "uid": uid}))


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    main()
