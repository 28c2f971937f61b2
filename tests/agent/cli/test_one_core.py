"""The searches take one core: the others belong to what trains."""

import os
import subprocess
import sys

import pytest

SCRIPT = """
import agent.cli
import os
import numpy
import scipy.linalg
matrix = numpy.eye(400) + 0.01
scipy.linalg.cholesky(matrix @ matrix)
print(len(os.listdir("/proc/self/task")))
"""


def threads(**environment: str) -> int:
    """Return how many threads a process of the harness has after some linear algebra."""
    names = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")
    inherited = {name: value for name, value in os.environ.items() if name not in names}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="it counts threads in /proc")
def test_linear_algebra_has_one_thread_unless_the_user_says_otherwise() -> None:
    assert threads() == 1
    assert threads(OPENBLAS_NUM_THREADS="3") > 1
