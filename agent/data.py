"""Has the workspace's prepare.py make its data, once, before anything is measured on it."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from pydantic import ValidationError

from agent.errors import ProjectFault
from sandbox.record import Record

_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL", re.IGNORECASE)


class Prepared(Record):
    """Where the data lies, and the hash of everything in it that decides a score."""

    data: str
    fingerprint: str


def prepare_data(prepare: Path) -> Prepared:
    """Run `prepare`, the human's own file, outside the sandbox (it may download) but without keys; ProjectFault if it fails."""
    environment = {name: value for name, value in os.environ.items() if not _SECRET.search(name)}
    command = [sys.executable, prepare.name]
    run = subprocess.run(command, cwd=prepare.parent, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    if run.returncode:
        raise ProjectFault(f"{prepare} failed with exit code {run.returncode}", f"{sys.executable} {prepare}")
    try:
        return Prepared(**json.loads(run.stdout.strip().splitlines()[-1]))
    except (ValueError, TypeError, IndexError, ValidationError):
        message = f'the last line that {prepare} prints must be JSON {{"data": folder, "fingerprint": hash}}'
        raise ProjectFault(message, f"{sys.executable} {prepare}") from None
