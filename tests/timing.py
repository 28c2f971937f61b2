"""Processor time of a call, for tests that compare the cost of two inputs."""

import time
from collections.abc import Callable


def seconds(work: Callable[[str], object], text: str) -> float:
    """Return the least processor time of two calls of work(text), in seconds of this thread."""
    spent = []
    for _ in range(2):
        began = time.thread_time()
        work(text)
        spent.append(time.thread_time() - began)
    return min(spent)
