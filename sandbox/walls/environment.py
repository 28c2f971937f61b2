"""Builds a run's environment from scratch, so that it contains no key of the user."""

import os
from pathlib import Path

from sandbox.ground.devices import run_variables
from sandbox.ground.outcome import SEARCH_PATH, RunSpec

THREAD_COUNTS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def trial_environment(spec: RunSpec, private: str, temporary: str = "") -> dict[str, str]:
    """Return the whole environment of `spec`.

    HOME, temporary files and every cache lie in the run's own folder `private`. temporary: another,
    short path of it.
    """
    offline = {} if spec.network else {"HF_HUB_OFFLINE": "1"}
    cores = len(spec.cpus) or len(available_cpus())
    return {
        "PATH": f"{Path(spec.python or spec.argv[0]).parent}:{SEARCH_PATH}",
        "LANG": "C.UTF-8",
        "USER": "trial",
        "LOGNAME": "trial",
        "HOME": private,
        "TMPDIR": temporary or private,
        "XDG_CACHE_HOME": f"{private}/cache",
        "TORCHINDUCTOR_CACHE_DIR": f"{private}/cache/inductor",
        "TRITON_CACHE_DIR": f"{private}/cache/triton",
        "CUDA_CACHE_PATH": f"{private}/cache/cuda",
        **offline,
        "GIT_CONFIG_NOSYSTEM": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        **run_variables(spec.gpus),
        **dict.fromkeys(THREAD_COUNTS, str(cores)),
        **spec.environment,
    }


def available_cpus() -> tuple[int, ...]:
    """Return the cores that this process may use, by index."""
    if hasattr(os, "sched_getaffinity"):
        return tuple(sorted(os.sched_getaffinity(0)))
    return tuple(range(os.cpu_count() or 1))
