"""Passes the harness's seed to a project, and reads which of its seeding calls were shifted."""

import compileall
import os
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from sandbox.ground.plain_files import start_of
from sandbox.ground.record import Record

HOOK = str(Path(__file__).parent / "hook")
"""The folder of the hook, first on a training's PYTHONPATH."""
RECORD = "seeds.log"
"""In scratch: what the hook writes, and any training can."""
STEP = 1_000_003  # as in the hook: seeds that a project counts up from its own never meet
SEED = "AUTORESEARCH_SEED"
# An argument is often read into 32 bits with a sign.
ARGUMENT_SEEDS = 2**31
HASH_SEEDS = 2**32
MAX_BYTES = 1 << 16
MAX_NAMES = 64
SHOWN = 6
MAX_PLACES = 64
SHOWN_PLACES = 4
SHIFTED = "shifted with the seed"
"""How it is said that calls were shifted."""
_LINE = re.compile(
    r"(\d{1,10}) (kept:)?([A-Za-z_][\w.]{0,63}) (\d{1,12})(?: ([!-~][ -~]{0,199}:\d{1,7}))?",
    re.ASCII,
)


class Seeded(Record):
    """The command and variables that bring the harness's seed to a training."""

    arguments: tuple[str, ...] = ()
    environment: dict[str, str]
    read_only: tuple[str, ...] = ()


class SeedCalls(Record):
    """The shifted seeding calls, as the training itself reports them."""

    calls: dict[str, int] = {}
    """How often, by name: exact up to 8, then the last power of two."""
    places: dict[str, tuple[str, ...]] = {}
    """By name, where the project's own files call it, such as `data.py:12`."""
    kept: dict[str, tuple[str, ...]] = {}
    """By name, where calls keep the project's own seed, as the owner says."""
    own: bool = False
    """It read AUTORESEARCH_SEED, and nothing was shifted from then on."""

    def __str__(self) -> str:
        """Return a description; "" if no seed was shifted or read."""
        if self.own:
            return f"the project reads {SEED} itself"
        parts = []
        if self.calls:
            parts.append(f"{SHIFTED}: {_listed(tuple(self.calls), self.places)}")
        if self.kept:
            parts.append(f"kept as they are: {_listed(tuple(self.kept), self.kept)}")
        return "; ".join(parts)


def _listed(names: tuple[str, ...], places: Mapping[str, tuple[str, ...]]) -> str:
    """Return names with their places, and how many are left out."""
    words = []
    for name in sorted(names)[:SHOWN]:
        own = places.get(name, ())
        more = ", …" if len(own) > SHOWN_PLACES else ""
        where = f" ({', '.join(own[:SHOWN_PLACES])}{more})" if own else ""
        words.append(f"{name}{where}")
    others = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{', '.join(words)}{others}"


def seeded(
    seed: int,
    argument: str | None,
    scratch: str,
    environment: Mapping[str, str],
    places: Sequence[str] = (),
) -> Seeded:
    """Return the command and variables by which a training gets `seed`.

    argument: the option of its command that takes a seed; None to shift its own seeding calls.
    places: the project's folder, and the files and functions in it that keep their seeds.
    environment: what the training gets besides. Under seed 0 the project's own seed holds.
    """
    fresh = {SEED: str(seed), **_hash_seed(seed, environment)}
    if argument is not None:
        return Seeded(arguments=_option(argument, seed), environment=fresh)
    _compile_hook()
    paths = [HOOK, environment.get("PYTHONPATH", "")]
    fresh["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
    fresh["AUTORESEARCH_SEED_RECORD"] = f"{scratch}/{RECORD}"
    fresh["AUTORESEARCH_SEED_PLACES"] = "\n".join(places)
    return Seeded(environment=fresh, read_only=(HOOK,))


@cache
def _compile_hook() -> None:
    """Compile the hook for this Python's version, so that no training takes time for it.

    A project with another version, or a folder that nobody may write, costs milliseconds a start.
    """
    compileall.compile_dir(HOOK, quiet=2)


def _option(argument: str, seed: int) -> tuple[str, ...]:
    """Return the words that set a seed: `--seed N`, or `seed=N` where `argument` ends in `=`."""
    if seed == 0:
        return ()
    number = str(seed * STEP % ARGUMENT_SEEDS)
    return (argument + number,) if argument.endswith("=") else (argument, number)


def _hash_seed(seed: int, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the shifted seed of string hashes, where the project has one."""
    own = environment.get("PYTHONHASHSEED", "")
    if not own.isdecimal():
        return {}
    return {"PYTHONHASHSEED": str((int(own) + seed * STEP) % HASH_SEEDS)}


def read_seed_calls(scratch: Path) -> SeedCalls:
    """Return the calls in a training's record, invalid lines left out."""
    counts: dict[tuple[str, str, str], int] = {}
    places: dict[str, dict[str, None]] = {}
    kept: dict[str, dict[str, None]] = {}
    for line in _record_in(scratch).splitlines():
        match = _LINE.fullmatch(line)
        if match is None:
            continue
        process, stays, name, count, place = match.groups()
        where = kept if stays else places
        if name in where or len(where) < MAX_NAMES:
            own = where.setdefault(name, {})
            if place and len(own) < MAX_PLACES:
                own[place] = None
        if not stays:
            key = (process, name, place or "")
            counts[key] = max(counts.get(key, 0), int(count))
    calls: dict[str, int] = {}
    for (_, name, _), number in counts.items():
        if name in places:
            calls[name] = calls.get(name, 0) + number
    own_seed = calls.pop(SEED, 0) > 0
    places.pop(SEED, None)
    return SeedCalls(
        calls=calls,
        places={name: tuple(own) for name, own in places.items() if own},
        kept={name: tuple(own) for name, own in kept.items()},
        own=own_seed,
    )


def _record_in(scratch: Path) -> str:
    """Return the start of the record that the hook wrote; "" for none, or for no plain file."""
    try:
        data = start_of(scratch / RECORD, MAX_BYTES)
    except OSError:
        return ""
    return (data or b"").decode("ascii", "replace")
