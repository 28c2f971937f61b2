"""Translates the paths of a run's plan to those of a node, where files are in its cache."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from shlex import quote

from agent.errors import SandboxFault
from agent.evaluate.cluster.cache import Cache
from agent.evaluate.cluster.trees import Tree, make_tree, read_tree
from agent.evaluate.cluster.wire import Needs
from agent.evaluate.machine import total_memory
from sandbox.ground.links import refuse_link_above
from sandbox.score.evaluator.evaluation import Evaluation

MEMORY_SHARE = 0.8
"""Of the node's memory, for all its trials: Ray ends a worker near 95 %."""
CHECKOUT = "checkout"
HOME = "home"


def is_below(path: str, folder: str | None) -> bool:
    """Return whether a path is `folder` or inside it, by name only."""
    return folder is not None and Path(path).is_relative_to(folder)


def to_send(
    paths: Mapping[str, str], hidden: Iterable[str], checkout: str | None
) -> tuple[str, ...]:
    """Return which paths a driver has to send, given their digests there.

    Paths that this node has with the same content, as on a shared file system, are used in place;
    but a checkout only as a whole, since a training sees one checkout.
    """
    absent = [path for path, digest in paths.items() if _digest(path, hidden) != digest]
    if any(is_below(path, checkout) for path in absent):
        absent += [path for path in paths if is_below(path, checkout)]
    return tuple(dict.fromkeys(absent))


def _digest(path: str, hidden: Iterable[str]) -> str:
    try:
        return read_tree(Path(path), hidden)[0].digest
    except SandboxFault:
        return ""


def localised(needs: Needs, cache: Cache, folder: Path, workers: int) -> Needs:
    """Return what a run needs with the paths of this node, after making the sent folders.

    folder: the place's own. Raise SandboxFault if a file cannot be placed here, or did not arrive.
    """
    plan = needs.plan
    stay = _Stay(plan.checkout, needs.home, folder, needs.sent)
    for path in sorted(needs.sent, key=len):
        place = stay.place(path)
        refuse_link_above(folder, str(place.relative_to(folder)))
        _make(needs.sent[path], place, cache)
    memory = plan.memory_bytes
    if not needs.has_memory_limit:
        memory = int(total_memory() * MEMORY_SHARE / workers)
    changes = {
        "data": str(cache.shared(needs.data)) if needs.data else None,
        "read_only": stay.places(plan.read_only),
        "hidden": (*plan.hidden, *stay.hidden(plan.hidden), str(cache.root)),
        "checkout": stay.checkout,
        "home": stay.home,
        "memory_bytes": memory,
        "evaluation": _evaluation(plan.evaluation, stay),
    }
    return needs.model_copy(update={"plan": plan.model_copy(update=changes), "sent": {}})


def _evaluation(evaluation: Evaluation | None, stay: "_Stay") -> Evaluation | None:
    if evaluation is None:
        return None
    changes = {"hidden": stay.places(evaluation.hidden), "test": stay.places(evaluation.test)}
    return evaluation.model_copy(update=changes)


def _make(tree: Tree, target: Path, cache: Cache) -> None:
    try:
        make_tree(tree, target, cache.file, link=True)
    except OSError as error:
        raise SandboxFault(f"cannot make {target}: {error}", "df -h") from None


class _Stay:
    """Maps paths of the driver to paths on this node."""

    def __init__(
        self, checkout: str | None, home: str, folder: Path, sent: Mapping[str, Tree]
    ) -> None:
        self._sent = sent
        self._folder = folder
        self._checkout = checkout
        self._home = home
        is_moved = any(is_below(path, checkout) for path in sent)
        self.checkout = str(folder / CHECKOUT) if is_moved else checkout
        moved_home = any(is_below(path, home) and not is_below(path, checkout) for path in sent)
        self.home = str(folder / HOME) if moved_home else None

    def places(self, paths: Iterable[str]) -> tuple[str, ...]:
        """Return the paths of these on this node."""
        return tuple(str(self.place(path)) if self._is_sent(path) else path for path in paths)

    def hidden(self, paths: Iterable[str]) -> tuple[str, ...]:
        """Return the paths on this node of those that are in a folder that was sent."""
        return tuple(str(self.place(path)) for path in paths if self._is_below_sent(path))

    def _is_below_sent(self, path: str) -> bool:
        return any(is_below(path, sent) for sent in self._sent)

    def _is_sent(self, path: str) -> bool:
        return path in self._sent

    def place(self, path: str) -> Path:
        """Return the path on this node of one that was sent.

        Raise SandboxFault for one outside the checkout and the user's home: it would have to be at
        the same place, where we may not write.
        """
        if self._checkout and is_below(path, self._checkout):
            return self._folder / CHECKOUT / os.path.relpath(path, self._checkout)
        if is_below(path, self._home):
            return self._folder / HOME / os.path.relpath(path, self._home)
        message = f"{path}, which trainings read, is not here, or has another content"
        raise SandboxFault(
            message, f"ls -l {quote(path)}   # copy it to the same path on every node"
        )
