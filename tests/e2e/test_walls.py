"""What the sandbox promises, seen from a terminal: what a `start` leaves is looked for."""

import signal
from pathlib import Path

from tests.e2e.researcher import TRAIN, kill, miniature, start_typing, wait_for
from tests.sandbox.every_tier import living


def test_nothing_of_a_training_survives_kill_9_of_the_harness(tmp_path: Path) -> None:
    mark = f"mark-{tmp_path.parent.name}-{tmp_path.name}"
    sleeper = f"[sys.executable, '-c', 'import time; time.sleep(99)  # {mark}']"
    spawn = f"import subprocess, sys\nsubprocess.Popen({sleeper}, start_new_session=True)\n"
    train = TRAIN.replace("import time\n", "import time\n" + spawn, 1).replace(
        "pause = 0.0", "pause = 90.0"
    )
    tmp_path.chmod(0o755)
    run = start_typing(
        miniature(tmp_path / "r", train),
        "start",
        "--model",
        "none",
        "--trials",
        "2",
        "--budget",
        "60s",
    )
    try:
        wait_for(lambda: living(mark), 60, "the training")
    finally:
        kill(run, signal.SIGKILL)
    wait_for(lambda: not living(mark), 2, "the end of all that it started")
