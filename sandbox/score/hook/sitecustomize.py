"""Shifts the seeds that a project sets by the harness's seed, in every Python of a run.

Python imports this file at its start, as the first `sitecustomize` on PYTHONPATH, and it then runs
the project's own. It runs inside the sandbox, in the project's interpreter: Python 3.8 or newer,
with nothing but what is loaded at every start. Seeding functions are wrapped when the project
imports their module. It is a convenience and no wall: a project that wants a seed of its own has
one, by reading AUTORESEARCH_SEED.

Which calls it shifted is appended to a file, as lines "<pid> <call> <count> <file>:<line>", where
the file is the project's nearest on the stack. A call that the owner has keep its seed is noted as
"kept:<call>".
"""

from __future__ import annotations

import os
import sys
from _frozen_importlib import module_from_spec
from _frozen_importlib_external import PathFinder
from _thread import _local

from autoresearch_seed_places import Places

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SEED = "AUTORESEARCH_SEED"
RECORD = "AUTORESEARCH_SEED_RECORD"
PLACES = "AUTORESEARCH_SEED_PLACES"  # the project's folder, and what keeps its seeds, a line each
STEP = 1000003  # as in sandbox/score/seeding.py
LOW = 2**32 - 1
SEED_NAMES = ("seed", "a", "x", "entropy", "new_seed")
# The calls that are wrapped, by the module in which a project finds them, or that defines them.
FUNCTIONS: dict[str, tuple[str, ...]] = {
    "random": ("seed",),
    "numpy.random": ("seed", "default_rng"),
    "torch.random": ("manual_seed",),
    "torch.cuda.random": ("manual_seed", "manual_seed_all"),
    "torch.xpu.random": ("manual_seed", "manual_seed_all"),
    "torch.mps": ("manual_seed",),
    "jax.random": ("PRNGKey", "key"),
    "tensorflow.python.framework.random_seed": ("set_seed", "set_random_seed"),
    "keras.src.utils.rng_utils": ("set_random_seed",),
    "keras.src.utils.tf_utils": ("set_random_seed",),
    "cupy.random": ("seed",),
}
# Functions whose first argument holds seeds by name, and those names.
SETTINGS: dict[str, tuple[str, ...]] = {
    "xgboost.training": ("train", "cv"),
    "lightgbm.engine": ("train", "cv"),
}
SETTING_NAMES = ("seed", "random_state", "random_seed", "bagging_seed", "feature_fraction_seed")
# Classes whose first argument is a seed, and methods of theirs that take one.
CLASSES: dict[str, dict[str, tuple[str, ...]]] = {
    "numpy.random": {
        "RandomState": ("__init__", "seed"),
        "SeedSequence": ("__init__",),
        "MT19937": ("__init__",),
        "PCG64": ("__init__",),
        "PCG64DXSM": ("__init__",),
        "Philox": ("__init__",),
        "SFC64": ("__init__",),
    },
    "torch": {"Generator": ("manual_seed",)},
}
MODULES = {*FUNCTIONS, *CLASSES, *SETTINGS}


class Shift:
    """Moves seeds, until the project reads the harness's seed itself."""

    def __init__(self, seed: int, record: str, places: Places) -> None:
        self.places = places
        self.delta = seed * STEP & LOW
        self.record = record
        self.active = True
        self.within = _local()
        self.pid = 0
        self.counts: dict[tuple[str, str], int] = {}

    def wrapped(self, function: Any, name: str, place: int, module: str) -> Any:
        """Return `function` with its seed moved; `place` is the seed's among the arguments."""

        def seeding(*args: Any, **kwargs: Any) -> Any:
            if not self.active or getattr(self.within, "call", False):
                return function(*args, **kwargs)
            args, kwargs = self.moved_arguments(name, place, args, kwargs)
            self.within.call = True  # what it calls in turn gets the moved seed, once
            try:
                return function(*args, **kwargs)
            finally:
                self.within.call = False

        for attribute in ("__name__", "__qualname__", "__doc__"):
            value = getattr(function, attribute, None)
            if value is not None:
                setattr(seeding, attribute, value)
        seeding.__module__ = module
        marks = {"__wrapped__": function, "__autoresearch__": True}
        seeding.__dict__.update(getattr(function, "__dict__", {}), **marks)
        return seeding

    def with_settings(self, function: Any, name: str) -> Any:
        """Return `function` with the seeds moved that its first argument names."""

        def training(params: Any, *args: Any, **kwargs: Any) -> Any:
            return function(self.moved_settings(name, params), *args, **kwargs)

        training.__dict__.update(__wrapped__=function, __autoresearch__=True)
        training.__name__ = function.__name__
        training.__qualname__ = function.__qualname__
        training.__module__ = function.__module__
        training.__doc__ = function.__doc__
        return training

    def moved_settings(self, name: str, params: Any) -> Any:
        """Return a copy of settings with their seeds moved within 31 bits, as C++ reads them."""
        if not self.active or not isinstance(params, dict):
            return params
        seeds = {key: params[key] for key in SETTING_NAMES if type(params.get(key)) is int}
        if not seeds or self.stays(name):
            return params
        moved = {key: (seed + self.delta) % 2**31 for key, seed in seeds.items() if seed >= 0}
        return dict(params, **moved)

    def moved_arguments(
        self, name: str, place: int, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the arguments of a call with the seed among them moved, and count it."""
        if len(args) > place:
            seed = self.moved(args[place], name)
            if seed is not None and not self.stays(name):
                return (*args[:place], seed, *args[place + 1 :]), kwargs
            return args, kwargs
        for keyword in SEED_NAMES:
            seed = self.moved(kwargs.get(keyword), name)
            if seed is not None and not self.stays(name):
                return args, dict(kwargs, **{keyword: seed})
        return args, kwargs

    def moved(self, seed: Any, name: str) -> Any:
        """Return a seed moved by the harness's; None for what is no seed.

        Of an integer the low 32 bits are added to, and the others stay.
        """
        if seed is None:
            return None
        if isinstance(seed, (str, bytes, bytearray, float)):
            return self.moved_text(seed) if name.startswith("random.") else None
        try:
            number = type(seed).__index__(seed)
        except (AttributeError, TypeError):
            return self.moved_list(seed)
        return number & ~LOW | (number + self.delta) & LOW

    def moved_text(self, seed: Any) -> Any:
        """Return a seed that only the module random takes, moved."""
        if not self.delta:
            return seed
        if isinstance(seed, float):
            return seed + self.delta
        ending = ":%d" % self.delta
        return seed + (ending if isinstance(seed, str) else ending.encode())

    def moved_list(self, seed: Any) -> Any:
        """Return a list of seeds with the harness's behind it; None for what is no list."""
        try:
            count = len(seed)
        except TypeError:
            return None
        return [*seed, self.delta] if self.delta and count else seed

    def stays(self, name: str) -> bool:
        """Return whether the seed of this call stays as it is; count the call."""
        place, kept = self.places.here()
        self.count("%s%s" % ("kept:" if kept else "", name), place)
        return bool(kept)

    def count(self, name: str, place: str) -> None:
        """Count a call by its place and note it, more and more seldom."""
        pid = os.getpid()
        if pid != self.pid:  # a fork has its own counts
            self.pid = pid
            self.counts = {}
        count = self.counts.get((name, place), 0) + 1
        self.counts[name, place] = count
        if count <= 8 or count & (count - 1) == 0:
            self.note(pid, name, count, place)

    def note(self, pid: int, name: str, count: int, place: str = "") -> None:
        """Append a line to the record; a record that cannot be written stops no training."""
        try:
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
            descriptor = os.open(self.record, flags, 0o644)
            try:
                line = "%d %s %d %s" % (pid, name, count, place)
                text = line.rstrip().encode("ascii", "backslashreplace")
                os.write(descriptor, text + b"\n")
            finally:
                os.close(descriptor)
        except OSError:
            pass

    def leave(self) -> None:
        """Shift nothing from now on, here and in processes started from here."""
        if self.active:
            self.active = False
            self.note(os.getpid(), SEED, 1)
            os.environ.pop(RECORD, None)
            os.environ.pop(PLACES, None)


def watch(environ: Any, leave: Any) -> None:
    """Call `leave` when SEED is read from `environ`; a copy of the whole environment is no read."""
    encode = environ.encodekey
    decode = environ.decodekey
    listed: list[Any] = [None]

    def decodekey(key: Any) -> Any:
        name = decode(key)
        if name == SEED:
            listed[0] = name
        return name

    def encodekey(name: Any) -> Any:
        # A copy asks for the very string that the list of names gave it.
        if name == SEED and name is not listed[0]:
            leave()
        return encode(name)

    environ.decodekey = decodekey
    environ.encodekey = encodekey


class Finder:
    """Wraps seeding calls when a project imports their module; the first of sys.meta_path."""

    def __init__(self, shift: Shift) -> None:
        self.shift = shift
        self.busy: set[str] = set()

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """Return the spec that the other finders have, with its loader followed by `wrap`."""
        if name not in MODULES or name in self.busy:
            return None
        self.busy.add(name)
        try:
            spec = self.spec_of_others(name, path, target)
        finally:
            self.busy.discard(name)
        if spec is not None:
            self.follow(spec.loader)
        return spec

    def spec_of_others(self, name: str, path: Any, target: Any) -> Any:
        """Return the first spec of the other finders, or None."""
        for finder in list(sys.meta_path):
            find = getattr(finder, "find_spec", None)
            spec = find(name, path, target) if find and finder is not self else None
            if spec is not None:
                return spec
        return None

    def follow(self, loader: Any) -> None:
        """Let `loader` wrap the seeding calls of the module that it executes next."""
        if isinstance(loader, type) or not hasattr(loader, "exec_module"):
            return
        execute = loader.exec_module

        def exec_module(module: Any) -> None:
            del loader.exec_module
            execute(module)
            self.wrap(module)

        try:
            loader.exec_module = exec_module
        except AttributeError:
            pass

    def wrap(self, module: Any) -> None:
        """Wrap the seeding calls of a module; what cannot be wrapped stays as it is."""
        try:
            for name in FUNCTIONS.get(module.__name__, ()):
                wrap_function(self.shift, module, name)
            for name in SETTINGS.get(module.__name__, ()):
                function = getattr(module, name, None)
                if function is not None and not hasattr(function, "__autoresearch__"):
                    full = module.__name__ + "." + name
                    setattr(module, name, self.shift.with_settings(function, full))
            for name, methods in CLASSES.get(module.__name__, {}).items():
                replace_class(self.shift, module, name, methods)
            if module.__name__ == "random":
                wrap_method(self.shift, module.Random, "random.Random")
        except Exception:
            self.shift.note(os.getpid(), "failed:" + module.__name__, 1)


def wrap_function(shift: Shift, module: Any, name: str) -> None:
    """Wrap a function of a module in place."""
    function = getattr(module, name, None)
    if function is not None and not hasattr(function, "__autoresearch__"):
        full = module.__name__ + "." + name
        setattr(module, name, shift.wrapped(function, full, 0, module.__name__))


def wrap_method(shift: Shift, kind: Any, name: str) -> None:
    """Wrap the method `seed` of a class that is written in Python, in place."""
    if not hasattr(kind.seed, "__autoresearch__"):
        kind.seed = shift.wrapped(kind.seed, name, 1, kind.__module__)


def replace_class(shift: Shift, module: Any, name: str, methods: tuple[str, ...]) -> None:
    """Put a subclass with wrapped methods in the place of a class that cannot be changed.

    Instances of the original still count as instances of the subclass.
    """
    original: Any = getattr(module, name, None)
    if original is None or hasattr(original, "__autoresearch__"):
        return
    metaclass: Any = type(original)

    def is_instance(cls: Any, instance: Any) -> Any:
        if cls is replaced:
            return isinstance(instance, original)
        return metaclass.__instancecheck__(cls, instance)

    def is_subclass(cls: Any, other: Any) -> Any:
        if cls is replaced:
            return issubclass(other, original)
        return metaclass.__subclasscheck__(cls, other)

    checks = {"__instancecheck__": is_instance, "__subclasscheck__": is_subclass}
    kind: Any = type("Kind", (metaclass,), checks)
    full = module.__name__ + "." + name
    body: dict[str, Any] = {
        "__module__": module.__name__,
        "__doc__": original.__doc__,
        "__autoresearch__": True,
    }
    for method in methods:
        body[method] = shift.wrapped(getattr(original, method), full, 1, module.__name__)
    if name == "SeedSequence":
        # Its spawn() makes type(self) from the moved entropy, which would be moved twice.
        def new(cls: Any, *args: Any, **kwargs: Any) -> Any:
            if cls is replaced:
                make = shift.wrapped(original, full, 0, module.__name__)
                return make(*args, **kwargs)
            return original.__new__(cls, *args, **kwargs)

        body["__new__"] = new
    replaced = kind(name, (original,), body)
    setattr(module, name, replaced)


def install() -> None:
    """Start to shift, where the harness asks for it."""
    record = os.environ.get(RECORD)
    seed = os.environ.get(SEED, "")
    if not record or not seed.isdigit():
        return
    shift = Shift(int(seed), record, Places(os.environ.get(PLACES, "")))
    watch(os.environ, shift.leave)
    finder = Finder(shift)
    sys.meta_path.insert(0, finder)
    for name in MODULES:
        if name in sys.modules:
            finder.wrap(sys.modules[name])


def run_the_projects_own() -> None:
    """Run the next `sitecustomize` on sys.path, which this file stands in front of."""
    here = os.path.dirname(os.path.abspath(__file__))
    others = [folder for folder in sys.path if os.path.abspath(folder) != here]
    spec = PathFinder.find_spec("sitecustomize", others)
    if spec is not None and spec.loader is not None:
        module = module_from_spec(spec)
        sys.modules["sitecustomize"] = module
        spec.loader.exec_module(module)


install()
run_the_projects_own()
