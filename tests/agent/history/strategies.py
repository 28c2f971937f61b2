"""Trials and proposals with anything in every field, for round trips through a message."""

import re
from datetime import UTC, datetime

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from agent.project.settings import RunSettings
from agent.records.bounded import MAX_QUANTITY, MAX_REAL
from agent.records.edits import (
    AddImport,
    DeleteDefinition,
    InsertDefinition,
    ReplaceDefinition,
    ReplaceStatements,
    ReplaceText,
    RewriteFile,
    SetConstant,
)
from agent.records.proposals import EXPLORATIONS, Asked, Proposal, Provenance
from agent.records.results import CLAIMED, Change, Claim, Result, Score, Trial
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
    st.builds(ReplaceText, old=TEXT, new=TEXT),
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


def run_settings() -> RunSettings:
    """Return the settings of a run, with a line break in one of them."""
    return RunSettings(
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


def types_in(trial: object) -> str:
    """Return what equality does not see: 1 and 1.0 and True are equal."""
    return repr(trial)
