"""What the harness does about seeds: arguments, variables, the record, and a real sandbox."""

import os
import random
import threading
from pathlib import Path

from sandbox.ground.budget import Budget
from sandbox.ground.outcome import MIB, Limits
from sandbox.score.measure import Job, Measured, measure
from sandbox.score.seeding import RECORD, STEP, SeedCalls, read_seed_calls, seeded
from tests.sandbox.every_tier import Place


def test_a_seed_argument_takes_the_place_of_the_hook() -> None:
    given = seeded(3, "--seed", "/scratch", {})
    assert given.arguments == ("--seed", str(3 * STEP))
    assert (given.read_only, list(given.environment)) == ((), ["AUTORESEARCH_SEED"])
    assert seeded(3, "train.seed=", "/scratch", {}).arguments == (f"train.seed={3 * STEP}",)
    assert seeded(0, "--seed", "/scratch", {}).arguments == (), "the owner's own seed"
    assert 0 <= int(seeded(2**31 - 1, "--seed", "/scratch", {}).arguments[1]) < 2**31


def test_seeds_of_string_hashes_are_shifted_where_there_are_some() -> None:
    assert "PYTHONHASHSEED" not in seeded(3, None, "/scratch", {}).environment
    own = {"PYTHONHASHSEED": "7"}
    assert seeded(0, None, "/scratch", own).environment["PYTHONHASHSEED"] == "7"
    assert seeded(3, None, "/scratch", own).environment["PYTHONHASHSEED"] == str(7 + 3 * STEP)
    random = {"PYTHONHASHSEED": "random"}
    assert "PYTHONHASHSEED" not in seeded(3, None, "/scratch", random).environment


def test_a_record_that_makes_no_sense_says_nothing(tmp_path: Path) -> None:
    assert read_seed_calls(tmp_path) == SeedCalls()
    record = tmp_path / RECORD
    record.write_bytes(b"1 a.b 2\n1 a.b 1\n2 a.b 4\n1 \x1b[2J 3\nx y z\n1 a 99999999999999\n\xff")
    assert read_seed_calls(tmp_path) == SeedCalls(calls={"a.b": 6})
    record.write_text("".join(f"1 n{number} 1\n" for number in range(100_000)))
    assert len(read_seed_calls(tmp_path).calls) == 64
    record.unlink()
    record.symlink_to("/etc/passwd")
    assert read_seed_calls(tmp_path) == SeedCalls()
    record.unlink()
    os.mkfifo(record)
    assert read_seed_calls(tmp_path) == SeedCalls()
    record.unlink()
    record.mkdir()
    assert read_seed_calls(tmp_path) == SeedCalls()


DRAWS_ITS_SCORE = """
import random
random.seed(5)
print("---")
print("val_bpb:", random.random())
"""


def test_a_training_in_its_sandbox_is_shifted(place: Place) -> None:
    (place.home / "folder" / "train.py").write_text(DRAWS_ITS_SCORE)
    own, moved = (_measured(place, seed) for seed in (0, 1))
    assert own.value == random.Random(5).random(), "as its owner sees it"
    assert moved.value == random.Random(5 + STEP).random()
    where = {"random.seed": ("train.py:3",)}
    assert own.seeding == moved.seeding == SeedCalls(calls={"random.seed": 1}, places=where)


MAKES_ITS_DATA = """
import random
from data import make

def sampled():
    return random.Random(7).random()

random.seed(5)
print("---")
print("val_bpb:", random.random() + 10 * make() + 100 * sampled())
"""
DATA = "import random\n\ndef make():\n    return random.Random('data').random()\n"


def test_what_the_owner_names_keeps_its_seeds_and_is_listed(place: Place) -> None:
    (place.home / "folder" / "train.py").write_text(MAKES_ITS_DATA)
    (place.home / "folder" / "data.py").write_text(DATA)
    keep = ("data.py", "train.py:sampled")
    moved = _measured(place, 1, keep)
    data = random.Random("data").random()
    own = random.Random(5 + STEP).random()
    assert moved.value == own + 10 * data + 100 * random.Random(7).random()
    assert str(moved.seeding) == (
        "shifted with the seed: random.seed (train.py:8); "
        "kept as they are: random.Random (data.py:4, train.py:6)"
    )
    assert _measured(place, 2).value != moved.value
    assert str(_measured(place, 3).seeding) == (
        "shifted with the seed: random.Random (data.py:4, train.py:6), random.seed (train.py:8)"
    )


def _measured(place: Place, seed: int, keep: tuple[str, ...] = ()) -> Measured:
    """Return the result of the project in `place` under a seed."""
    given = place.given()
    scratch = place.home / f"scratch-{seed}"
    scratch.mkdir()
    job = Job(
        folder=str(place.home / "folder"),
        scratch=str(scratch),
        log=str(place.home / "log"),
        data=None,
        read_only=given.get("read_only", ()),
        python=given["python"],
        budget=Budget(amount=1, unit="steps"),
        seed=seed,
        keep_seeds=keep,
        limits=Limits(wall_seconds=60.0, disk_bytes=64 * MIB),
        score="printed",
    )
    result = measure(job, place.runner, threading.Event())
    assert isinstance(result, Measured), result
    return result
