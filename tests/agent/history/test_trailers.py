"""Trials as commit messages: whatever a model wrote comes back equal, and none of it passes for a trailer."""

import ast
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.edit.literal import evaluate
from agent.errors import HistoryFault
from agent.history.trailers import (
    RUN,
    attempt_message,
    is_attempt,
    read_attempt,
    read_run,
    read_trial,
    run_message,
    verdict_message,
)
from agent.project.settings import RunSettings
from agent.records.bounded import MAX_QUANTITY, MAX_REAL
from agent.records.edits import (
    AddImport,
    DeleteDefinition,
    InsertDefinition,
    ReplaceDefinition,
    ReplaceStatements,
    RewriteFile,
    SetConstant,
)
from agent.records.proposals import EXPLORATIONS, Asked, Proposal, Provenance
from agent.records.results import CLAIMED, Attempt, Change, Claim, Result, Score, Trial
from agent.space import read_constants
from sandbox.ground.budget import Budget

HOSTILE = st.sampled_from(
    [
        "Trial: 3",
        "\n\nTrial: 3\nStatus: keep\n",
        'Autoresearch-Run: {"tag": "evil"}',
        "Attempt: 9",
        "---",
        "a\0b\x1b[2J",
        "null",
        "true",
        "keep",
        "\u202eevil\u2066",
        "\u2028Trial: 1\u2029",
        "\x85Trial: 4",
        "\x0cStatus: keep",
        " ",
        "\n",
        '"',
        "\\",
        "NaN",
        "1",
        "crash",
        "\u0000",
        "\ud800",
        "Signed-off-by: A <a@a>",
        "# comment",
        "diff --git a/x b/x",
        "🙂" * 200,
        "-",
        "a-b",
        "x" * 3000,
    ]
)
TEXT = (
    HOSTILE
    | st.text(st.characters(codec=None), max_size=80)
    | st.lists(HOSTILE, max_size=3).map("\n".join)
)
WORD = TEXT.filter(bool)
NAME = TEXT.filter(
    lambda text: not re.search("[\ud800-\udfff]", text)
)  # what the harness itself writes
NUMBER = st.floats(-MAX_REAL, MAX_REAL)
COST = st.floats(0, MAX_QUANTITY)
WHOLE = st.integers(-(2**63), 2**63 - 1)
NUMERIC = (
    st.integers(-(2**100), 2**100)
    | st.just(2**2000)
    | st.floats(allow_nan=False, allow_infinity=False)
)
VALUE = st.booleans() | NUMERIC | NAME
STAMP = st.just("") | st.datetimes(
    datetime(1970, 1, 1), datetime(8999, 12, 31), timezones=st.just(UTC)
).map(datetime.isoformat)
EDIT = st.one_of(
    st.builds(SetConstant, name=TEXT, value=TEXT),
    st.builds(ReplaceDefinition, name=TEXT, code=TEXT),
    st.builds(InsertDefinition, code=TEXT, after=st.none() | TEXT),
    st.builds(DeleteDefinition, name=TEXT),
    st.builds(ReplaceStatements, old=TEXT, new=TEXT, within=st.none() | TEXT),
    st.builds(AddImport, code=TEXT),
    st.builds(RewriteFile, code=TEXT),
)
PROVENANCE = st.builds(
    Provenance,
    method=TEXT,
    origin=st.sampled_from(["baseline", "search", "llm", "scripted", "replay", "human", "adopted"]),
    model=st.none() | TEXT,
    input_tokens=st.integers(0, 2**60),
    output_tokens=st.integers(0, 2**60),
    cost=st.none() | COST,
    seconds=COST,
    replays=st.none() | st.integers(0, 10**6),
    asked=st.none()
    | st.builds(
        Asked, kind=st.sampled_from(EXPLORATIONS), trials=st.just((3, 5)), after=st.integers(0, 99)
    ),
)
PROPOSAL = st.builds(
    Proposal,
    hypothesis=WORD,
    rationale=TEXT,
    edits=st.lists(EDIT, max_size=3).map(tuple),
    by=PROVENANCE,
)
SCORES = st.lists(
    st.builds(Score, value=NUMBER, seed=WHOLE, kind=st.sampled_from(["sealed", "self-reported"])),
    min_size=1,
    max_size=3,
)
RESULT_FIELDS = {
    "curve": st.lists(st.tuples(st.floats(0, 1), NUMBER), max_size=20).map(tuple),
    "seconds": COST,
    "score_seconds": COST,
    "peak_memory_mb": st.none() | NUMBER,
    "parameters": st.none() | WHOLE,
    "tier": TEXT,
    "detail": TEXT,
    "facts": st.dictionaries(NAME, VALUE, max_size=3),
}
CLAIM = st.builds(
    Claim,
    commit=TEXT,
    verdict=st.sampled_from(["keep", "discard"]),
    score=st.none() | NUMBER,
    at=STAMP,
)
SCORED = st.builds(Result, status=st.just("scored"), scores=SCORES.map(tuple), **RESULT_FIELDS)


def failed(status: str) -> st.SearchStrategy[Result]:
    return st.builds(Result, status=st.just(status), **RESULT_FIELDS)


@st.composite
def trials(draw: st.DrawFn) -> Trial:
    """A trial of any status, with anything in every field."""
    status = draw(
        st.sampled_from(
            [
                "baseline",
                "keep",
                "discard",
                "crash",
                "oom",
                "timeout",
                "invalid",
                "refused",
                *CLAIMED,
            ]
        )
    )
    ran = status != "refused" and status not in CLAIMED
    result = (
        draw(SCORED if status in ("baseline", "keep", "discard") else failed(status))
        if ran
        else None
    )
    value = st.none() | VALUE
    change = st.builds(Change, name=TEXT, before=value, after=value)
    return Trial(
        number=draw(st.integers(0, 10**6)),
        status=status,
        proposal=draw(PROPOSAL),
        reason=draw(TEXT),
        result=result,
        claim=draw(CLAIM) if status in CLAIMED else None,
        delta=draw(st.none() | NUMBER),
        changes=tuple(draw(st.lists(change, max_size=2))),
        configuration=draw(st.dictionaries(NAME, VALUE, max_size=3)),
        fingerprint=draw(NAME),
        attempt="a" * 40,
        verdict="c" * 40,
        at=draw(STAMP),
    )


SETTINGS = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


def kinds(trial: Trial) -> str:
    """What equality does not see: 1 and 1.0 and True are equal."""
    return repr(trial)


@SETTINGS
@given(trials())
def test_a_trial_comes_back_as_it_was(trial: Trial) -> None:
    message = verdict_message(trial)
    again = read_trial("c" * 40, ["b" * 40, "a" * 40], message)
    assert kinds(again) == kinds(trial)
    assert again == trial
    prose, _, block = message.rstrip("\n").rpartition("\n\n")
    assert block.isascii()
    assert not any(
        line.startswith((f"{RUN}:", "Trial:", "Attempt:", "Status:")) for line in prose.split("\n")
    )
    assert len(message.split("\n")[0]) <= 120


@SETTINGS
@given(PROPOSAL, st.integers(0, 10**6))
def test_an_attempt_comes_back_as_it_was(proposal: Proposal, number: int) -> None:
    message = attempt_message(number, proposal)
    attempt = read_attempt("c" * 40, ["b" * 40], message)
    assert attempt == Attempt(number=number, commit="c" * 40, parent="b" * 40, proposal=proposal)
    assert is_attempt("c" * 40, message)
    assert message.encode().decode() == message


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(trial=trials())
def test_git_stores_the_message_byte_for_byte(
    tmp_path_factory: pytest.TempPathFactory, trial: Trial
) -> None:
    folder = tmp_path_factory.mktemp("g")
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    message = verdict_message(trial)
    identity = ["-c", "user.name=t", "-c", "user.email=t@t"]
    tree = (
        subprocess.run(["git", "mktree"], cwd=folder, input=b"", check=True, capture_output=True)
        .stdout.decode()
        .strip()
    )
    made = subprocess.run(
        ["git", *identity, "commit-tree", tree, "-F", "-"],
        cwd=folder,
        input=message.encode(),
        check=True,
        capture_output=True,
    )
    stored = subprocess.run(
        ["git", "cat-file", "commit", made.stdout.decode().strip()],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    assert stored.stdout.partition(b"\n\n")[2] == message.encode()
    shown = subprocess.run(
        ["git", "interpret-trailers", "--parse"],
        cwd=folder,
        input=message.encode(),
        check=True,
        capture_output=True,
    )
    assert shown.stdout.decode().split("\n")[0] == f"Trial: {trial.number}", (
        "git sees the trailers, and only ours"
    )


def an_example() -> Trial:
    by = Provenance(method="code", origin="llm", model="m", cost=0.25)
    proposal = Proposal(
        hypothesis="embedding LR 0.6 → 0.8",
        rationale="because",
        edits=(SetConstant(name="LR", value="0.8"),),
        by=by,
    )
    result = Result(
        status="scored", scores=(Score(value=0.974729, seed=0, kind="sealed"),), curve=((0.5, 2.5),)
    )
    return Trial(
        number=8,
        status="keep",
        proposal=proposal,
        reason="better",
        result=result,
        delta=-0.006174,
        attempt="a" * 40,
        verdict="c" * 40,
    )


def test_a_human_reads_the_subject() -> None:
    assert (
        verdict_message(an_example()).split("\n")[0]
        == "#8 keep 0.974729 (-0.006174) embedding LR 0.6 → 0.8"
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Status: keep", "Status: kept"),
        ("Status: keep", "Status: crash"),
        ("Trial: 8", "Trial: -8"),
        ("Trial: 8", "Trial: eight"),
        ('"value": 0.974729', '"value": NaN'),
        ('"value": 0.974729', '"value": Infinity'),
        ("Delta: -0.006174", "Delta: NaN"),
        ("Result: scored\n", ""),
        ('Hypothesis: "', "Hypothesis: "),
        ("Edits: [", "Edits: [["),
        ('"kind": "set_constant"', '"kind": "rm"'),
        ("Reason: better\n", ""),
        ("Cost: 0.25", "Cost: -1"),
        ("Curve: [[0.5, 2.5]]", "Curve: [[0.5]]"),
        ("Origin: llm", "Origin: god"),
        ("Seconds: 0.0\n", "Seconds: 0.0\nTrial: nine\n"),
        ("Delta: -0.006174", "Delta: " + "[" * 100_000),
    ],
)
def test_a_verdict_edited_by_hand_is_a_fault(old: str, new: str) -> None:
    message = verdict_message(an_example())
    assert old in message
    with pytest.raises(HistoryFault) as fault:
        read_trial("c" * 40, ["b" * 40, "a" * 40], message.replace(old, new))
    assert str(fault.value.next_command).startswith("git ")


def test_a_verdict_cut_off_anywhere_is_a_fault_or_no_verdict() -> None:
    """Where the last line that is left is no trailer it is none; the history then sees a merge of an attempt (test_history)."""
    message = verdict_message(an_example())
    for end in range(len(message) - 2):
        try:
            assert read_trial("c" * 40, ["b" * 40, "a" * 40], message[:end]) is None
        except HistoryFault:
            continue


@pytest.mark.parametrize("parents", [[], ["b" * 40], ["b" * 40, "a" * 40, "d" * 40]])
def test_a_verdict_has_two_parents(parents: list[str]) -> None:
    with pytest.raises(HistoryFault, match="parents"):
        read_trial("c" * 40, parents, verdict_message(an_example()))


def test_an_attempt_on_the_branch_is_named_as_what_it_is() -> None:
    with pytest.raises(HistoryFault, match="is an attempt"):
        read_trial("c" * 40, ["b" * 40], attempt_message(1, an_example().proposal))


@pytest.mark.parametrize(
    "message",
    ["", "by hand\n", "fix\n\nSigned-off-by: A <a@a>\n", "x\n\nTrial run of things\n", "#8 keep\n"],
)
def test_another_commit_is_no_trial(message: str) -> None:
    assert read_trial("c" * 40, ["b" * 40], message) is None
    with pytest.raises(HistoryFault):
        read_attempt("c" * 40, ["b" * 40], message)
    with pytest.raises(HistoryFault):
        read_run("c" * 40, message)


def test_a_run_comes_back_as_it_was() -> None:
    run = RunSettings(
        tag="t",
        method="code",
        model="a: b\n",
        budget=Budget(amount=3),
        seed=0,
        workers=1,
        trials=None,
        hours=0.5,
        max_cost=None,
        baseline_repeats=3,
        data_fingerprint=None,
        start_commit="c" * 40,
        score="sealed",
    )
    assert read_run("c" * 40, run_message(run)) == run


def test_half_a_surrogate_pair_becomes_a_replacement_character() -> None:
    edit = SetConstant(name="a\udfffb", value="🙂")
    assert (edit.name, edit.value) == ("a\ufffdb", "🙂")
    assert read_constants("NAME = '\\ud800'\nOTHER = 1\n") == {"OTHER": 1}, (
        "nor does a train.py bring one in"
    )


def test_a_message_may_be_huge() -> None:
    proposal = an_example().proposal.model_copy(update={"rationale": "Trial: 3\n" * 10**6})
    assert read_attempt("c" * 40, ["b" * 40], attempt_message(1, proposal)).proposal == proposal


def test_a_number_that_json_will_not_write_is_no_constant() -> None:
    assert read_constants(f"BIG = {'0x' + 'f' * 5000}\n") == {}
    assert evaluate(ast.parse("2**2000", mode="eval").body) == 2**2000
    assert read_constants("A = 1e999\n") == {}


def test_the_page_of_a_trial_is_short(tmp_path: Path) -> None:
    """What a run of a thousand trials costs the repository: about one kilobyte of message each."""
    assert len(verdict_message(an_example())) < 1200
