"""Text made to be slow, deep or misleading: read in linear time, or refused in words."""

import csv
import io
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.edit import apply, code_lines, diff, fingerprint
from agent.edit.apply import Applied
from agent.edit.files import Sources
from agent.edit.files import guard_files as guard
from agent.errors import UsageFault
from agent.exchange.write import flat_csv
from agent.llm.model import Reply
from agent.project.program import read_program
from agent.project.settings import read_settings
from agent.project.toml_text import MAX_BYTES
from agent.propose.code.reply import fences, read_reply
from agent.records.edits import InsertDefinition, Refused, RewriteFile, SetConstant
from agent.records.proposals import Proposal, Provenance
from agent.records.results import Trial
from agent.run.preflight import foresee
from agent.space import Space, changes, read_constants, read_space
from sandbox.ground.redaction import redacted
from sandbox.ground.text import one_line, printable
from sandbox.score.printed import parse_progress, parse_summary
from tests.timing import seconds

SOURCE = "LR = 0.1  # [0.01 .. 1 log]\nDEPTH = 4\n\n\ndef f():\n    return 1\n"
N = 100_000
# Adversarial text may take this many times as long as harmless text of the same length; what is
# quadratic takes thousands of times.
TIMES = 60


def reply(text: str) -> object:
    return read_reply(Reply(model="m", text=text), Sources.of(SOURCE))


def space(comment: str) -> object:
    return read_space(f"X = 1  # {comment}\n")


REPLIES = (
    "`" * N,
    "```a" * (N // 4),
    "```" + "\n" * N,
    "```\n" * (N // 4),
    "```json\n" * (N // 8),
    "``` \n" * (N // 5),
    "```x\n" + "@@ \n" * (N // 4) + "```",
    "{" * N,
    '{"edits": ' + "[" * N,
    '{"edits": ' + "9" * N + "}",
    " \n" * (N // 2),
    "```diff\n" + "@@ -1 +1 @@\n-LR\n+LL\n" * (N // 20) + "```",
    "```python\nx = " + "(" * N + "\n```",
)
COMMENTS = (
    "[" * N,
    "[1 .. 2]" * (N // 8),
    "[a|]" * (N // 4),
    "[" + "|" * N + "]",
    "[" + "log " * (N // 4) + "]",
    "." * N,
    "[" + "." * N,
)
LOGS = (
    "step " * (N // 5),
    "step    1 (1%) |    loss: " * (N // 26),
    "---\n" * (N // 4),
    "a" * 39 + ": " * (N // 2),
    "\r" * N,
    "Traceback (most recent call last):\n" * (N // 35),
    "-----BEGIN PRIVATE KEY-----" * (N // 27),
    "-----BEGIN " * (N // 11),
    "://" * (N // 3),
    "://" + "a:" * (N // 2),
    "eyJ-" * (N // 4),
    "eyJ" + "a" * N,
    "eyJaaaaaaaaaa." * (N // 14),
    "sk-" * (N // 3),
    "sk-" + "a" * N,
    "hf_" * (N // 3),
    "A" * N,
    "A: " * (N // 3),
)
READERS: tuple[tuple[Callable[[str], object], tuple[str, ...], str], ...] = (
    (reply, REPLIES, "A plain word of advice. " * (N // 24)),
    (fences, REPLIES, "A plain word of advice. " * (N // 24)),
    (space, COMMENTS, "a word " * (N // 7)),
    *(
        (work, LOGS, "loss is 2.5 now\n" * (N // 16))
        for work in (redacted, printable, one_line, parse_progress, parse_summary)
    ),
)


@pytest.mark.parametrize(
    ("work", "texts", "benign"), READERS, ids=[work.__name__ for work, *_ in READERS]
)
def test_no_text_takes_much_longer_than_another(
    work: Callable[[str], object], texts: tuple[str, ...], benign: str
) -> None:
    usual = seconds(work, benign)
    for text in texts:
        assert seconds(work, text) < TIMES * usual + 0.5, text[:30]


DEEP = {
    "sum": "X = " + "+".join("1" * 1500),
    "long sum": "X = " + "+".join("1" * 20_000),
    "digits": "X = " + "9" * 5000,
    "hexadecimal": "X = 0x" + "f" * N,
    "power": "X = 2**10**10",
    "tower": "X = 2**2**2**2**2**2",
    "shift": "X = 1 << 10**9",
    "long string": "X = 'a' * 10**10",
    "attributes": "X = a" + ".b" * 3000,
    "calls": "X = f" + "()" * 3000,
    "not": "X = " + "not " * 3000 + "1",
    "lambda": "X = " + "lambda: " * 500 + "1",
    "elif": "if 1: pass\n" + "elif 1: pass\n" * 2500,
    "and": "X = " + "1 and " * 5000 + "1",
    "strings": "X = " + "'a' " * 5000,
    "for": "X = [a " + "for a in b " * 1000 + "]",
    "dots": "import a" + ".a" * 2000,
    "compare": "X = " + "1 < " * 1000 + "1",
    "f-strings": "X = f'{f\"{1:{2}}\"}'",
    "NUL": "X = 1\x00",
    "surrogate": "X = '\ud800'",
    "named": "X = '\\ud800'",
    "complex": "X = (-1) ** 0.5",
    "zero": "X = 5 % 0",
    "overflow": "X = 10.0 ** 400",
}


@pytest.mark.parametrize("name", DEEP)
def test_deep_and_huge_code_is_refused_or_read_and_never_fails(name: str) -> None:
    """Some of these once ended the process: libcst nests natively what ast holds side by side."""
    code = DEEP[name] + "\n"
    value = code[4:].strip() if code.startswith("X = ") else "1"
    read_constants(code)
    read_space(code)
    changes(SOURCE, code)
    assert isinstance(code_lines(code), int)
    assert len(fingerprint(code)) == 64
    guard(SOURCE, code, protected={"f"}, required={"f"})
    guard(code, SOURCE)
    foresee(Sources.of(SOURCE), Sources.of(code), [], Space())
    for edit in (
        RewriteFile(code=code),
        SetConstant(name="LR", value=value),
        InsertDefinition(code="def g():\n    " + code.partition("\n")[0] + "\n"),
    ):
        assert isinstance(apply(SOURCE, [edit]), Applied | Refused)
    made = apply(SOURCE, diff(SOURCE, code))
    assert isinstance(made, Refused) or made.source == code.encode(
        "utf-16", "surrogatepass"
    ).decode("utf-16", "replace")


def test_a_long_file_is_told_apart_in_bounded_time() -> None:
    many = "x = 1\n" * 15_000
    more = "x = 1\n" * 7_000 + "y = 2\n" * 7_000
    assert diff(many, more) == (RewriteFile(code=more),)


def test_a_protected_name_in_another_unicode_form_is_protected() -> None:
    wide = SOURCE.replace("LR = 0.1", "\uff2c\uff32 = 0.5")
    assert read_constants(wide)["LR"] == 0.5
    for protected in ("LR", "\uff2c\uff32"):
        refused = guard(SOURCE, wide, protected={protected})
        assert refused is not None and refused.reason == "protected"
        assert guard(wide, SOURCE, protected={protected}) is not None
    seeded = "\uff33\uff25\uff25\uff24 = 1\nX = 1\n"
    refused = guard(seeded, seeded.replace("= 1\nX", "= 2\nX"))
    assert refused is not None and refused.reason == "seed-only"


@pytest.mark.parametrize(
    "matter",
    [
        "budget: &a 5m",
        "budget: &a 5m\ntrials: *a",
        "a: &a [1]\nb: &b [*a, *a]",
        "budget: !!str 5m",
        "budget: !x 5m",
        "budget: !!python/object/apply:os.system ['true']",
        "trials: 3\ntrials: 5",
        "<<: {trials: 3}",
        "explore: " + "[" * 9000,
        "explore: " + "[" * 20 + "]" * 20,
        "trials: " + "9" * 9000,
        "hours: .nan",
        "hours: 1e400",
        "? [a]\n: 1",
        "? " * 4000,
    ],
)
def test_front_matter_is_plain(matter: str) -> None:
    with pytest.raises(UsageFault, match="front matter"):
        read_program(f"---\n{matter}\n---\nA brief.\n")


@pytest.mark.parametrize(
    "text",
    [
        "a." * 30_000 + "a = 1",
        "[" + "a." * 30_000 + "a]",
        "a = {" + "b." * 30_000 + "b = 1}",
        "a = " + "[" * 60_000,
        "a = " + "{a=" * 15_000,
        "memory = " + "9" * 5000,
        'memory = "' + "9" * 60_000 + 'GiB"',
        "memory = nan",
        "k" * 60_000 + " = 1",
        'train = "a\\u0000b"',
        'read_only = ["a\\u0000b"]',
        'read_only = ["~nobody-of-this-name/x"]',
        "#" * (MAX_BYTES + 1),
        'train = "a"\ntrain = "b"',
        "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"),
    ],
)
def test_settings_that_make_no_sense_are_refused_at_once(tmp_path: Path, text: str) -> None:
    (tmp_path / "autoresearch.toml").write_text(text, encoding="utf-8")
    began = time.thread_time()
    with pytest.raises(UsageFault):
        read_settings(tmp_path)
    assert time.thread_time() - began < 60  # what is quadratic takes minutes


EDITS = '"edits": [{"kind": "set_constant", "name": "LR", "value": "0.2"}]'


@pytest.mark.parametrize(
    "text",
    [
        '{"hypothesis": "a", "hypothesis": "b", ' + EDITS + "}",
        '{"hypothesis": "a", "expected": NaN, ' + EDITS + "}",
        '{"hypothesis": "a", "expected": ' + "9" * 5000 + ", " + EDITS + "}",
        '{"hypothesis": "a", "rationale": ' + "[" * 900 + "]" * 900 + ", " + EDITS + "}",
    ],
)
def test_json_that_can_be_misread_is_no_proposal(text: str) -> None:
    assert isinstance(read_reply(Reply(model="m", text=text), Sources.of(SOURCE)), Refused)


def test_arguments_of_any_depth_are_refused() -> None:
    deep: object = 1
    for _ in range(50):
        deep = [deep]
    arguments = {"hypothesis": "h", "rationale": deep, "edits": []}
    assert isinstance(
        read_reply(Reply(model="m", arguments=arguments), Sources.of(SOURCE)), Refused
    )


def test_a_spreadsheet_computes_nothing() -> None:
    by = Provenance(method="code", origin="llm")
    trials = [
        Trial(number=0, status="refused", proposal=Proposal(hypothesis=text, by=by), reason=text)
        for text in ("=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)")
    ]
    for row in csv.DictReader(io.StringIO(flat_csv(trials))):
        assert row["hypothesis"].startswith("'")
        assert row["reason"].startswith("'")
