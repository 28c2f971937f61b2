"""What must hold of a night after its accidents; each check raises Broken with what does not."""

import re
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import Any

from sandbox.limits import cgroup
from tests.e2e.researcher import git, in_flight
from tests.fuzz.night import START, TAG, Broken, Night, traces

DEATH_SECONDS = 15.0
MAX_RESUMES = 4
UNEXPECTED = "error: unexpected"
TRACEBACK = "Traceback (most recent call last):\n"
FAIR = {"baseline", "keep", "simplify", "discard", "refused", "pruned"}
"""What may become of a trial of the miniature, which never fails."""
LOCAL = re.compile(r"(train|incumbent)-\d+\.log|smoke\.log")


def nobody_survives(night: Night, when: str) -> None:
    """No process of the round is left, soon after its harness has ended."""
    deadline = time.monotonic() + DEATH_SECONDS
    while left := night.processes():
        if time.monotonic() > deadline:
            lines = [traces(pid).replace(b"\0", b" ")[:90].decode(errors="replace") for pid in left]
            raise Broken(f"{len(left)} processes survive {when}: {lines}")
        time.sleep(0.05)


def resumes(night: Night) -> None:
    """A later resume works, and so does another while attempts are left at a bound on trials."""
    for _ in range(MAX_RESUMES):
        words = ("resume", TAG) if night.began() else START
        run = night.type_in(*words, "--workers", str(night.workers), "--trials", "2")
        if run.returncode != 0:
            raise Broken(
                f"{words[0]} ends with {run.returncode}: {(run.stderr or run.stdout)[-700:]}"
            )
        if "Traceback" in run.stderr:
            raise Broken(f"{words[0]} prints a traceback: {run.stderr[-700:]}")
        if not in_flight(night.repository):
            return


def output_is_told_plainly(night: Night) -> None:
    """No command ended in a traceback, except for Ctrl-C while Python was importing us."""
    output = (night.home / "output").read_text(errors="replace")
    if UNEXPECTED in output:
        raise Broken(f"what nobody foresaw: {output[output.index(UNEXPECTED) :][:300]}")
    for traceback in output.split(TRACEBACK)[1:]:
        lines = traceback.split("\n")
        end = next(
            (i for i, line in enumerate(lines) if line and not line.startswith(" ")), len(lines) - 1
        )
        if lines[end] != "KeyboardInterrupt":
            raise Broken(
                "a traceback: "
                + " / ".join(line.strip() for line in lines[max(0, end - 8) : end + 1])
            )


def history_is_kept(
    night: Night, before: list[dict[str, Any]], after: list[dict[str, Any]]
) -> None:
    """What was recorded stays so, and each number and attempt is there once, or in flight."""
    if after[: len(before)] != before:
        raise Broken("a verdict that was recorded has changed")
    numbers = [trial["number"] for trial in after]
    under_way = [int(ref.rsplit("/", 1)[1]) for ref in in_flight(night.repository)]
    if sorted({*numbers, *under_way}) != list(range(len({*numbers, *under_way}))) or len(
        set(numbers)
    ) != len(numbers):
        raise Broken(f"the numbers are {numbers}, in flight {under_way}")
    attempts = Counter(trial["attempt"] for trial in after if trial["attempt"])
    twice = [attempt for attempt, count in attempts.items() if count > 1]
    if twice:
        raise Broken(f"attempts with two verdicts: {twice}")


def one_verdict_each(night: Night) -> None:
    """Git itself has one verdict commit a number, and no attempt is left in flight."""
    subjects = git(
        night.repository, "log", "--first-parent", "--format=%s", f"autoresearch/{TAG}"
    ).splitlines()
    numbers = Counter(match[1] for subject in subjects if (match := re.match(r"#(\d+) ", subject)))
    twice = [number for number, count in numbers.items() if count > 1]
    if twice:
        raise Broken(f"two verdicts on {', '.join(twice)}")
    if left := in_flight(night.repository):
        raise Broken(f"left in flight: {left}")


def results_are_their_own(night: Night, trials: list[dict[str, Any]]) -> None:
    """Every score is what its trial's constants and seed give, and nothing failed that cannot."""
    for trial in trials:
        status, result = trial["status"], trial["result"]
        if status not in FAIR and not (status == "crash" and night.outside_kill):
            raise Broken(
                f"#{trial['number']} is recorded as {status}: {(result or {}).get('detail')}"
            )
        if status not in FAIR or result is None:
            continue
        if night.tier and result["tier"] not in ("", night.tier):
            raise Broken(f"#{trial['number']} ran in tier {result['tier']}, not {night.tier}")
        for score in result["scores"]:
            whose = trial if score["role"] == "candidate" else _trial(trials, trial["against"])
            expected = loss(whose["configuration"]) + 0.0001 * score["seed"]
            if abs(score["value"] - expected) > 2e-6:
                what = f"{score['role']} scored {score['value']} under seed {score['seed']}"
                raise Broken(f"#{trial['number']}: {what}, not {expected}")


def loss(configuration: dict[str, float]) -> float:
    """The miniature's, as researcher.TRAIN computes it."""
    return 1.0 + abs(configuration["LR"] - 0.4) + 0.01 * abs(configuration["DEPTH"] - 8)


def repository_is_whole(night: Night) -> None:
    """Git fsck is clean, and the user's own branch and checkout are as they were."""
    run = subprocess.run(
        ["git", "fsck", "--strict", "--no-dangling"],
        cwd=night.repository,
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode != 0 or run.stderr.strip():
        raise Broken(f"git fsck: {(run.stderr or run.stdout)[-400:]}")
    changed = git(night.repository, "status", "--porcelain")
    if changed:
        raise Broken(f"the user's checkout has changed: {changed[:200]}")


def nothing_is_left(night: Night) -> None:
    """After a later resume nothing temporary of any harness of the round is left."""
    places = (night.repository, night.repository / ".autoresearch")
    temporary = [path.name for path in (night.home / "tmp").iterdir()]
    temporary += [str(path) for place in places for path in place.glob("autoresearch-*")]
    indices = [
        str(path) for path in night.repository.rglob("index-*") if "objects" not in path.parts
    ]
    trials = night.repository / ".autoresearch" / "runs" / TAG / "trials"
    scratch = [
        str(path.relative_to(trials))
        for path in trials.glob("*/*")
        if not LOCAL.fullmatch(path.name)
    ]
    locks = [
        str(path.relative_to(night.repository))
        for path in (night.repository / ".git").rglob("*.lock")
    ]
    groups = [
        str(path) for spot in cgroup.spots() for path in _groups(spot.parent, night.harnesses)
    ]
    left = {
        "temporary": temporary,
        "index": indices,
        "scratch": scratch,
        "git lock": locks,
        "control group": groups,
    }
    found = {kind: names[:4] for kind, names in left.items() if names}
    if found:
        raise Broken(f"left behind after a later resume: {found}")


def _groups(parent: Path, harnesses: list[int]) -> list[Path]:
    return [path for pid in harnesses for path in parent.glob(f"{cgroup.PREFIX}-run-{pid}-*")]


def _trial(trials: list[dict[str, Any]], number: int) -> dict[str, Any]:
    return next(trial for trial in trials if trial["number"] == number)
