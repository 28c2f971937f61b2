"""Determines the outcome of a run from its dead process tree."""

import signal
from pathlib import Path

from sandbox.ground.fault import SandboxFault
from sandbox.ground.outcome import (
    Cancelled,
    Crashed,
    Finished,
    LimitExceeded,
    Outcome,
    OutOfMemory,
    TimedOut,
    Usage,
)
from sandbox.ground.text import last_words
from sandbox.limits import evidence
from sandbox.limits.tree import Tree
from sandbox.limits.watch import Reason


def outcome(tree: Tree, reason: Reason | None, seconds: float) -> Outcome:
    """Return the outcome of a dead tree that ran for `seconds` and was killed for `reason`.

    Raise SandboxFault if the command never started, or the harness failed.
    """
    if tree.fault:
        raise tree.fault
    usage = _usage(tree, seconds)
    if reason == "cancel":
        return Cancelled(usage=usage)
    reports = tree.reports
    if reports.error or not (reports.ready or reason):
        why = reports.error or _last_words(tree)
        raise SandboxFault(f"the sandbox could not be built: {why}")
    if reason == "wall":
        return TimedOut(usage=usage)
    memory = _memory_evidence(tree, reason)
    if memory:
        return OutOfMemory(usage=usage, evidence=memory)
    if reason in ("output", "cores"):
        return LimitExceeded(usage=usage, limit=reason)
    if reason == "disk" or _over_disk_quota(tree):
        return LimitExceeded(usage=usage, limit="disk")
    if reason == "dialogue":
        return Finished(usage=usage)
    return _ended_by_itself(tree, usage)


def _usage(tree: Tree, seconds: float) -> Usage:
    peak = tree.gauges.memory.peak
    # What is summed up over processes that start and end meanwhile may count a page twice; the
    # kernel counts it once.
    if tree.group and tree.group.kills():
        peak = tree.group.peak() or peak
    return Usage(seconds=seconds, peak_memory_bytes=peak or None, output_bytes=tree.written)


def _memory_evidence(tree: Tree, reason: Reason | None) -> str | None:
    """Return the evidence that the run ended for lack of memory, also of a GPU's; else None."""
    limits = tree.spec.limits
    if tree.group and tree.group.kills():
        return f"killed at {limits.memory_bytes} bytes by its control group"
    if reason == "memory":
        return f"killed at {tree.gauges.memory.peak} bytes of {limits.memory_bytes}"
    if reason == "vram":
        return f"killed at {tree.gauges.gpu_memory.peak} bytes of {limits.vram_bytes} on its GPU"
    return None


def _over_disk_quota(tree: Tree) -> bool:
    return tree.gauges.device.in_folder() > tree.spec.limits.disk_bytes


def _ended_by_itself(tree: Tree, usage: Usage) -> Outcome:
    exit_code, number = _exit(tree)
    if exit_code == 0:
        return Finished(usage=usage)
    proof = evidence.out_of_memory(tree.spec.log, number, tree.kernel_kills)
    if proof:
        return OutOfMemory(usage=usage, evidence=proof)
    return Crashed(usage=usage, exit_code=exit_code, signal=number)


def _exit(tree: Tree) -> tuple[int | None, int | None]:
    """Return (exit code, signal) of the command, one of them None."""
    if tree.reports.signal is not None:
        return None, tree.reports.signal
    if tree.reports.exit_code is not None:
        return tree.reports.exit_code, None
    if tree.launch.namespace or tree.launch.subreaper:  # what would have reported it was killed
        return None, int(signal.SIGKILL)
    code = tree.process.returncode
    return (code, None) if code >= 0 else (None, -code)


def _last_words(tree: Tree) -> str:
    words = last_words(Path(tree.spec.log))
    return words or f"the launcher ended with status {tree.process.returncode}"
