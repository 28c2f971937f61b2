"""Random accidents: `python -m tests.fuzz --rounds 200 --seed 0`, or `make fuzz`.

Each round makes a miniature repository, types `start`, lets one to three accidents happen to it at
random moments, with a `resume` before each, and then checks what must hold: see checks.py. A round
depends on the seed and its own number alone, so that `--seed S --only N` repeats it, as far as a
machine's timing repeats.
"""

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.fuzz import checks
from tests.fuzz.faults import FAULTS, why_not
from tests.fuzz.night import Broken, Night, build_clock, without_bubblewrap

TIERS = "hide what a better tier needs: bubblewrap, or namespaces; by default the best one is used"


@dataclass
class Round:
    """What happened in one round. broken: the first thing that did not hold, or empty."""

    number: int
    workers: int
    accidents: list[str] = field(default_factory=list)
    trials: int = 0
    seconds: float = 0.0
    broken: str = ""


def play(
    seed: int, number: int, base: Path, kinds: list[str], keep: bool = False, tier: str = ""
) -> Round:
    """Run one round in a folder of its own below `base`, and remove it; keep: unless it broke."""
    rng = random.Random(f"{seed}:{number}")
    started = time.monotonic()
    accidents = rng.choices(kinds, k=rng.randint(1, 3))
    workers = rng.choice((1, 2)) if (os.cpu_count() or 1) > 1 else 1
    found = Round(number, workers, accidents)
    night = Night(
        base / f"round-{number}",
        rng,
        workers,
        disk="full disk" in accidents,
        clock=_clock(base, accidents),
        tier=tier,
        programs=without_bubblewrap(base) if tier == "B" else None,
    )
    try:
        _survive(night, accidents)
    except (Broken, AssertionError) as broken:
        found.broken = f"{broken}   [{'; '.join(night.told)}]"
    finally:
        found.trials = len(night.recorded)
        if not (keep and found.broken):
            night.clear()
    found.seconds = time.monotonic() - started
    return found


def _clock(base: Path, accidents: list[str]) -> Path | None:
    return build_clock(base) if "clock jump" in accidents else None


def _survive(night: Night, accidents: list[str]) -> None:
    """Let the accidents happen, and check all that must hold."""
    before = night.trials()
    for name in accidents:
        FAULTS[name](night)
        night.told.append(name)
        checks.nobody_survives(night, f"after {name}")
        after = night.trials()
        checks.history_is_kept(night, before, after)
        before = after
    checks.resumes(night)
    checks.nobody_survives(night, "the last resume")
    after = night.trials()
    checks.history_is_kept(night, before, after)
    checks.one_verdict_each(night)
    checks.results_are_their_own(night, after)
    checks.repository_is_whole(night)
    checks.nothing_is_left(night)
    checks.output_is_told_plainly(night)


@contextmanager
def _folder(keep: bool) -> Iterator[Path]:
    """Yield a folder that other users can enter, because runs of root's have a uid of their own."""
    base = Path(tempfile.mkdtemp(prefix="fuzz-"))
    base.chmod(0o755)
    try:
        yield base
    finally:
        if not keep:
            shutil.rmtree(base, ignore_errors=True)
        else:
            print(f"kept: {base}")


def table(rounds: list[Round], seed: int, skipped: dict[str, str], tier: str) -> str:
    """Return the summary as Markdown: a row for each kind of accident."""
    happened = Counter(name for one in rounds for name in one.accidents)
    failed = Counter(name for one in rounds if one.broken for name in set(one.accidents))
    broken = [one for one in rounds if one.broken]
    lines = [
        f"`make fuzz ROUNDS={len(rounds)} SEED={seed}`{f', tier {tier}' if tier else ''}: "
        f"{len(rounds)} rounds, {sum(happened.values())} accidents, "
        f"{sum(one.trials for one in rounds)} trials, "
        f"{len(broken)} rounds in which something did not hold.",
        "",
        "| accident | times | in rounds that broke |",
        "|---|---|---|",
        *(
            f"| {name} | {happened[name]} | {failed[name]} |"
            for name in FAULTS
            if name not in skipped
        ),
        *(f"| {name} | not staged: {why} | |" for name, why in skipped.items()),
    ]
    return "\n".join(
        [
            *lines,
            *(
                f"\n- round {one.number} ({', '.join(one.accidents)}): {one.broken}"
                for one in broken
            ),
        ]
    )


def main(arguments: list[str] | None = None) -> int:
    """Run the rounds, print a line for each and the table; return 1 if something did not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, help="play this round alone")
    parser.add_argument("--kinds", help="comma-separated names of accidents; all without it")
    parser.add_argument(
        "--keep", action="store_true", help="leave the folder of a round that broke"
    )
    parser.add_argument("--tier", choices=("B", "C"), default="", help=TIERS)
    parser.add_argument("--write", type=Path, help="write the table there")
    asked = parser.parse_args(arguments)
    signal.signal(
        signal.SIGTERM, lambda *_: sys.exit(143)
    )  # a round's disk is unmounted all the same
    wanted = asked.kinds.split(",") if asked.kinds else list(FAULTS)
    skipped = {name: why for name in wanted if (why := why_not(name))}
    kinds = [name for name in wanted if name not in skipped]
    numbers = [asked.only] if asked.only is not None else range(asked.rounds)
    rounds = []
    with _folder(asked.keep) as base:
        for number in numbers:
            done = play(asked.seed, number, base, kinds, asked.keep, asked.tier)
            rounds.append(done)
            state = "BROKEN" if done.broken else "ok"
            what = (
                f"{', '.join(done.accidents)}; {done.workers} workers, "
                f"{done.trials} trials, {done.seconds:.0f} s"
            )
            print(f"round {number}: {state:6} {what}", flush=True)
            if done.broken:
                repeat = f"python -m tests.fuzz --seed {asked.seed} --only {number}"
                repeat += f" --kinds {json.dumps(asked.kinds)}" if asked.kinds else ""
                repeat += f" --tier {asked.tier}" if asked.tier else ""
                print(f"  {done.broken}\n  again: {repeat}", flush=True)
    summary = table(rounds, asked.seed, skipped, asked.tier)
    print(f"\n{summary}")
    if asked.write:
        asked.write.write_text(summary + "\n")
    return 1 if any(one.broken for one in rounds) else 0


if __name__ == "__main__":
    sys.exit(main())
