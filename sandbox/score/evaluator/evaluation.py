"""The owner's settings for the project's evaluator."""

from typing import Literal

from sandbox.ground.record import Record

Split = Literal["val", "test"]


class Evaluation(Record):
    """The owner's settings for the project's evaluator."""

    script: str
    """By its path in the project's folder."""
    arguments: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    """Files that a run leaves, by their paths in the project's folder."""
    stale: tuple[str, ...] = ()
    """Those of them that a copy of the project must not begin with: only what the run leaves
    counts. An output that edits may touch begins as they leave it."""
    hidden: tuple[str, ...] = ()
    """Absolute paths of hidden files that no commit has; only the evaluator may read them."""
    test: tuple[str, ...] = ()
    """Likewise those that are there only for the split `test`."""
    program: str | None = None
    """The file whose path the script's evaluate(path) gets; None for a script that is run."""
    split: Split = "val"
