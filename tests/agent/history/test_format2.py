"""Format 2: whatever a model wrote comes back equal, and none of it passes for a record."""

import json
import re
import subprocess
import tracemalloc
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.errors import HistoryFault
from agent.history import format2
from agent.history.commits import Commit
from agent.history.entries import (
    Copied,
    Measured,
    NewData,
    Unknown,
    is_attempt,
    is_measured,
    read_entry,
    read_run,
)
from agent.history.messages import (
    attempt_message,
    data_message,
    input_message,
    measured_message,
    rejection_message,
    run_message,
    verdict_message,
)
from agent.judge.suspicion import Rejection
from agent.records.edits import SetConstant
from agent.records.inputs import Admitted, Input, Tell
from agent.records.objective import Evaluator, Machine, Objective
from agent.records.proposals import Proposal
from agent.records.results import Attempt, Pair, Result, Score, Trial
from tests.agent.history.strategies import (
    PROPOSAL,
    SETTINGS,
    an_example,
    run_settings,
    trials,
    types_in,
)

VERDICT_PARENTS = ["b" * 40, "a" * 40]


def committed(message: str, parents: list[str] | None = None) -> Commit:
    """Return a commit with this message; a verdict's parents unless others are given."""
    return Commit("c" * 40, "d" * 40, VERDICT_PARENTS if parents is None else parents, message)


def changed(message: str, **fields: Any) -> str:
    """Return a message with other fields in its record; None takes a field out."""
    head, _, line = message.rstrip("\n").rpartition("\n\n")
    record = {**json.loads(line.removeprefix("Autoresearch: ")), **fields}
    gone = {name for name, value in fields.items() if value is None}
    kept = {name: value for name, value in record.items() if name not in gone}
    return f"{head}\n\nAutoresearch: {json.dumps(kept)}\n"


@SETTINGS
@given(trials())
def test_a_trial_comes_back_as_it_was(trial: Trial) -> None:
    message = verdict_message(trial)
    again = read_entry(committed(message))
    assert types_in(again) == types_in(trial)
    assert again == trial
    prose, _, record = message.rstrip("\n").rpartition("\n\n")
    assert record.isascii()
    assert "\n" not in record
    assert not any(re.match(r"[A-Z][A-Za-z-]*: ", line) for line in prose.split("\n")[1:])
    assert len(message.split("\n")[0]) <= 120
    assert len(prose.split("\n")) <= 5, "a subject, and one to three lines"


@SETTINGS
@given(PROPOSAL, st.integers(0, 10**6))
def test_an_attempt_comes_back_as_it_was(proposal: Proposal, number: int) -> None:
    message = attempt_message(number, proposal)
    commit = committed(message, ["b" * 40])
    attempt = Attempt(number=number, commit="c" * 40, parent="b" * 40, proposal=proposal)
    assert read_entry(commit) == attempt
    assert is_attempt(commit)
    assert message.encode().decode() == message


def test_every_other_record_comes_back_as_it_was() -> None:
    proposal = an_example().proposal
    attempt = Attempt(number=3, commit="c" * 40, parent="b" * 40, proposal=proposal)
    result = Result(status="scored", scores=(Score(value=1.0, seed=0, kind="evaluated"),))
    note = committed(measured_message(attempt, result))
    assert read_entry(note) == Measured(result=result)
    assert is_measured(note)
    rejection = Rejection(number=7, because="Status: keep", at="2026-11-29T01:00:00+00:00")
    assert read_entry(committed(rejection_message(rejection))) == rejection
    assert read_entry(committed(data_message("abc", "why"))) == NewData(fingerprint="abc")
    at = "2026-11-29T01:00:00+00:00"
    asked = Input(id="k3-1", ask=Tell(text="try warmup"), sender="ada", sent=at)
    admitted = Admitted(input=asked, at=at, accepted=True, why="remark 1", trials=3)
    assert read_entry(committed(input_message(admitted))) == admitted


def test_a_run_comes_back_as_it_was() -> None:
    run = run_settings()
    message = run_message(run)
    assert read_run(committed(message)) == (run, [])
    assert re.search(format2.FIRST_COMMIT.replace("{", r"\{"), message, re.MULTILINE)
    assert '"format": 2' in message


def test_a_run_has_room_for_its_objective_and_machines() -> None:
    objective = Objective(
        metric="val_acc",
        direction="maximize",
        target=0.95,
        command="python fit.py",
        files=("fit.py", "conf/base.yaml"),
        guards=("latency_ms <= 30",),
        evaluate=Evaluator(command="python evaluate.py", hidden=("data/test.npz",)),
        ranges={"conf/base.yaml:optim.beta": "0.8 .. 0.99"},
    )
    machines = (Machine(name="node1", device="H200"),)
    more = {"objective": objective, "machines": machines}
    run = run_settings().model_copy(update=more)
    assert read_run(committed(run_message(run))) == (run, [])


def test_a_trial_has_room_for_files_inputs_and_devices() -> None:
    trial = an_example()
    edit = SetConstant(name="optim.beta", value="0.9", file="conf/base.yaml")
    by = trial.proposal.by.model_copy(update={"inputs": ("k3-1",)})
    proposal = trial.proposal.model_copy(update={"edits": (edit,), "by": by})
    score = Score(value=1.0, seed=0, kind="evaluated", machine="node1", device="H200")
    result = Result(status="scored", scores=(score,))
    whole = trial.model_copy(update={"proposal": proposal, "result": result})
    assert read_entry(committed(verdict_message(whole))) == whole


@pytest.mark.parametrize(
    ("status", "result"),
    [
        ("guarded", "scored"),
        ("suspect", "scored"),
        ("held", None),
        ("held", "scored"),
        ("over-limit", "over-limit"),
        ("skipped", None),
        ("skipped", "pruned"),
    ],
)
def test_every_status_that_is_coming_is_known(status: str, result: str | None) -> None:
    scores = (Score(value=1.0, seed=0, kind="sealed"),) if result == "scored" else ()
    fields = {"status": result, "scores": [score.model_dump() for score in scores]}
    message = changed(verdict_message(an_example()), status=status, result=fields)
    if result is None:
        message = changed(message, result=None)
    trial = read_entry(committed(message))
    assert isinstance(trial, Trial)
    assert trial.status == status
    assert (trial.value is not None) == (status == "guarded"), "only a believed score counts"


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(trial=trials())
def test_git_stores_the_message_byte_for_byte(
    tmp_path_factory: pytest.TempPathFactory, trial: Trial
) -> None:
    folder = tmp_path_factory.mktemp("g")
    message = verdict_message(trial).encode()

    def git(*arguments: str, stdin: bytes = b"") -> bytes:
        identity = ["-c", "user.name=t", "-c", "user.email=t@t"]
        command = ["git", *identity, *arguments]
        run = subprocess.run(command, cwd=folder, input=stdin, check=True, capture_output=True)
        return run.stdout

    git("init", "-q")
    tree = git("mktree").decode().strip()
    made = git("commit-tree", tree, "-F", "-", stdin=message).decode().strip()
    assert git("cat-file", "commit", made).partition(b"\n\n")[2] == message
    parsed = git("interpret-trailers", "--parse", stdin=message).decode().splitlines()
    assert len(parsed) == 1, "git sees one trailer, ours"
    assert parsed[0].startswith('Autoresearch: {"record": "trial", ')


def test_a_human_reads_what_was_tried_and_why_it_was_kept() -> None:
    pairs = tuple(Pair(seed=seed, candidate=0.97, incumbent=0.98) for seed in range(3))
    update = {"against": 5, "pairs": pairs, "interval": (-0.0071, -0.0052)}
    message = verdict_message(an_example().model_copy(update=update))
    assert message.split("\n\n")[0] == "#8 keep 0.974729 (-0.006174) embedding LR 0.6 → 0.8"
    assert message.split("\n\n")[1].split("\n") == [
        "better",
        "against #5 over 3 pairs, 95 % from -0.007100 to -0.005200",
        "by code with m, $0.25",
    ]


@pytest.mark.parametrize(
    "fields",
    [
        {"status": 10**400},
        {"status": "crash"},
        {"number": -8},
        {"number": "eight"},
        {"delta": "NaN"},
        {"result": None},
        {"reason": None},
        {"proposal": None},
        {"proposal": {"by": {"method": "m", "origin": "llm"}}},
        {"result": {"status": "scored"}},
        {"result": {"status": "scored", "scores": [{"value": 1e308, "seed": 0, "kind": "sealed"}]}},
        {"result": {"status": "crash", "curve": [[0.5]]}, "status": "crash"},
        {"interval": [1]},
        {"at": "yesterday"},
        {"status": "x" * 100},
        {"Extra-Field": 1},
    ],
    ids=str,
)
def test_a_verdict_edited_by_hand_is_a_fault(fields: dict[str, Any]) -> None:
    message = changed(verdict_message(an_example()), **fields)
    with pytest.raises(HistoryFault, match="cannot be read") as fault:
        read_entry(committed(message))
    assert str(fault.value.next_command).startswith("git ")


@pytest.mark.parametrize("name", [format2.NAME, "Trial"])
def test_a_record_of_millions_of_empty_lists_is_torn_before_it_fills_the_memory(name: str) -> None:
    """Packed it takes some kilobytes of a repository that one receives."""
    head = '{"record": "trial", "x": [' if name == format2.NAME else "["
    tail = "[]]}" if name == format2.NAME else "[]]"
    packed = committed(f"subject\n\n{name}: {head}{'[],' * 1_000_000}{tail}\n")
    tracemalloc.start()
    try:
        with pytest.raises(HistoryFault, match="torn"):
            read_entry(packed)
        assert tracemalloc.get_traced_memory()[1] < 32 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("0.974729,", "NaN,"),
        ("0.974729,", "Infinity,"),
        ('"reason"', '"reason'),
        ('"delta": -0.006174', '"delta": ' + "[" * 100_000),
        ('{"record": "trial"', '{"record": 1'),
        ('{"record": "trial"', "{"),
        ('"number": 8', '"number": ' + "9" * 5000),
    ],
    ids=lambda text: text[:20],
)
def test_a_torn_record_is_a_fault(old: str, new: str) -> None:
    head, mark, record = verdict_message(an_example()).rpartition("Autoresearch: ")
    assert old in record
    torn = committed(head + mark + record.replace(old, new, 1))
    with pytest.raises(HistoryFault, match="cannot be read"):
        read_entry(torn)
    assert not is_attempt(torn) and not is_measured(torn)


def test_two_records_in_one_message_are_a_fault() -> None:
    message = verdict_message(an_example())
    line = message.rstrip("\n").rpartition("\n\n")[2]
    with pytest.raises(HistoryFault, match="two records"):
        read_entry(committed(f"{message}{line}\n"))


def test_a_signature_beside_the_record_does_no_harm() -> None:
    message = f"{verdict_message(an_example())}Signed-off-by: A <a@a>\n"
    assert read_entry(committed(message)) == an_example()


def test_a_verdict_cut_off_anywhere_is_a_fault_or_no_verdict() -> None:
    """Without its record it is none; the history then sees a merge of an attempt."""
    message = verdict_message(an_example())
    for end in range(len(message) - 2):
        try:
            assert read_entry(committed(message[:end])) is None
        except HistoryFault:
            continue


@pytest.mark.parametrize("parents", [[], ["b" * 40], ["b" * 40, "a" * 40, "d" * 40]])
def test_a_verdict_has_two_parents_and_with_others_it_is_a_copy(parents: list[str]) -> None:
    commit = committed(verdict_message(an_example()), parents)
    assert read_entry(commit) == Copied(commit.id)


@pytest.mark.parametrize(
    "message",
    [
        "",
        "by hand\n",
        "fix\n\nSigned-off-by: A <a@a>\n",
        "x\n\nTrial run of things\n",
        "#8 keep\n",
        "x\n\nAutoresearch: a fine program\n",
        'x\n\nAutoresearch: {"record": "trial"}\n\nmore\n',
    ],
)
def test_another_commit_is_no_record(message: str) -> None:
    commit = committed(message, ["b" * 40])
    assert read_entry(commit) is None
    assert not is_attempt(commit)
    with pytest.raises(HistoryFault, match="lost its settings"):
        read_run(commit)


# ---------------------------------------------------------------- a newer version's


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"status": "merged"}, "the status 'merged'"),
        ({"record": "prophecy"}, "a record of kind 'prophecy'"),
        ({"robustness": 3}, "a field called 'robustness'"),
        (
            {
                "result": {
                    "status": "scored",
                    "scores": [{"value": 1.0, "seed": 0, "kind": "notarised"}],
                }
            },
            "the kind 'notarised'",
        ),
        (
            {
                "proposal": {
                    "hypothesis": "h",
                    "by": {"method": "m", "origin": "llm"},
                    "edits": [{"kind": "set_yaml", "path": "a.b", "value": "1"}],
                }
            },
            "'set_yaml'",
        ),
    ],
)
def test_what_a_newer_version_wrote_is_named(fields: dict[str, Any], name: str) -> None:
    entry = read_entry(committed(changed(verdict_message(an_example()), **fields)))
    assert isinstance(entry, Unknown)
    assert name in str(entry)
    assert "unknown to this version of autoresearch: upgrade" in str(entry)
    assert "upgrade" in str(entry.fault().next_command)


def test_a_newer_format_is_named() -> None:
    with pytest.raises(HistoryFault, match="a ledger of format 3, unknown to this version"):
        read_run(committed(changed(run_message(run_settings()), format=3)))


@pytest.mark.parametrize("version", [0, 1, -1, "2", True, [], 2.5])
def test_a_format_that_never_was_is_a_fault(version: object) -> None:
    with pytest.raises(HistoryFault, match="cannot be read: format"):
        read_run(committed(changed(run_message(run_settings()), format=version)))


def test_a_newer_setting_is_named_and_the_rest_is_read() -> None:
    message = changed(run_message(run_settings()), curiosity=3)
    run, [unknown] = read_run(committed(message))
    assert run == run_settings()
    assert "a setting called 'curiosity'" in str(unknown)


def test_a_newer_key_of_the_objective_is_named() -> None:
    message = changed(run_message(run_settings()), objective={"metric": "m", "horizon": 3})
    with pytest.raises(HistoryFault, match="a field called 'horizon', unknown to this version"):
        read_run(committed(message))


# ---------------------------------------------------------------- size


def test_a_message_may_be_huge() -> None:
    rationale = "Trial: 3\n" * 10**6
    proposal = an_example().proposal.model_copy(update={"rationale": rationale})
    attempt = read_entry(committed(attempt_message(1, proposal), ["b" * 40]))
    assert isinstance(attempt, Attempt)
    assert attempt.proposal == proposal


def test_the_message_of_a_trial_is_short() -> None:
    """What a run of a thousand trials costs the repository: under a kilobyte of message each."""
    assert len(verdict_message(an_example())) < 800
