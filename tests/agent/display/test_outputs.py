"""What is shown after a run: the table, the summary, one trial, the status, the exports."""

import csv
import io
import json
import re

import pytest
from rich.console import Console, ConsoleDimensions, RenderableType

from agent.display.format import PAPER, Formatter
from agent.display.show import attempt_page, diff_view, measured, trial_page
from agent.display.status import status_page, watch_page
from agent.display.table import next_commands, summary, trial_table
from agent.exchange.write import FORMATS, flat_csv, jsonl, tsv
from agent.records.results import Attempt, Change, Result, Score, Trial
from tests.agent.display.runs import HOSTILE, curve, failed, night, proposal, scored

DIFF = "--- a/train.py\n+++ b/train.py\n@@ -1 +1 @@\n-DEPTH = 4\n+DEPTH = 6  # \x1b[2J[bold]\n"


def paper() -> Console:
    """Return a console that is no terminal."""
    return Console(file=io.StringIO(), width=PAPER, markup=False, highlight=False, emoji=False)


def terminal(width: int = 80, color: bool = False) -> Console:
    """Return a console that is a terminal."""
    return Console(
        file=io.StringIO(),
        width=width,
        force_terminal=True,
        color_system="standard" if color else None,
        markup=False,
        highlight=False,
        emoji=False,
    )


def shown(page: RenderableType, console: Console) -> str:
    """Return the text that the console shows."""
    console.print(page)
    return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]


@pytest.mark.parametrize("width", [60, 80, 119, 200])
def test_the_table_has_one_line_a_trial_at_any_width(width: int) -> None:
    on = terminal(width)
    lines = shown(trial_table(night(), on), on).splitlines()
    assert len(lines) == 1 + len(night())
    assert max(map(len, lines)) <= width
    assert all(map(str.isprintable, lines))
    assert [line.split()[:2] for line in lines[1:]] == [
        [str(trial.number), trial.status] for trial in night()
    ]


@pytest.mark.parametrize("width", [40, 45, 50, 60, 80, 119])
@pytest.mark.parametrize("also", [False, True])
def test_no_number_is_cut_at_any_width(width: int, also: bool) -> None:
    on = terminal(width)
    lines = shown(trial_table(night(), on, also=also), on).splitlines()
    for line, trial in zip(lines[1:], night(), strict=True):
        assert max(map(len, lines)) <= width
        value = "" if trial.value is None else f"{trial.value:.6f}"
        assert re.match(rf"{trial.number}  {trial.status} +{value}", line), line
        assert trial.proposal.hypothesis[:5] in line


@pytest.mark.parametrize(("width", "height"), [(40, 12), (60, 24), (60, 12), (80, 24), (60, 5)])
def test_a_watched_status_shows_the_newest_verdict_in_any_terminal(width: int, height: int) -> None:
    on = terminal(width)
    on.size = ConsoleDimensions(width, height)
    attempt = Attempt(number=8, commit="c", parent="p", proposal=proposal("a long idea " * 8))
    curves = {8: curve(4.0)}
    said = ("remark 1 by ada: try a higher LR",)
    page = watch_page("b", 7, (attempt,), night(), curves, on, remarks=said, log="/tmp/run.log")
    lines = shown(page, on).splitlines()
    assert len(lines) <= height and max(map(len, lines)) <= width
    assert lines[0].startswith("run     b") and lines[-1] == "log     /tmp/run.log"
    assert lines[-2].startswith("7  discard")


def test_columns_come_as_there_is_room() -> None:
    heads = {}
    for width in (80, 110, 160):
        on = terminal(width)
        heads[width] = shown(trial_table(night(), on), on).splitlines()[0].split()
    assert heads[80] == ["#", "status", "val_bpb", "delta", "time", "curve", "hypothesis"]
    assert set(heads[110]) - set(heads[80]) == {"memory"}
    assert set(heads[160]) - set(heads[110]) == {"method"}


def test_a_terminal_shows_no_column_that_is_empty() -> None:
    on = terminal(160)
    without = [trial for trial in night() if trial.status == "refused"]
    heads = shown(trial_table(without, on), on).splitlines()[0].split()
    assert heads == ["#", "status", "val_bpb", "method", "hypothesis"]


def test_a_status_has_its_colour_and_its_word() -> None:
    on = terminal(color=True)
    text = shown(trial_table(night(), on), on)
    assert "\x1b[1;32mkeep" in text
    assert "\x1b[31mcrash" in text
    assert "\x1b[31mred" not in text, "the colour that a model asked for"


def test_on_paper_nothing_is_cut_and_nothing_trails() -> None:
    lines = shown(trial_table(night(), paper()), paper()).splitlines()
    assert (
        "a wider head, with a very long explanation of why that should be better than it was"
        in lines[4]
    )
    assert lines[7].endswith("code/opus  misspell a constant")
    assert all(line == line.rstrip() and line.isprintable() for line in lines)


def test_an_empty_run_says_so() -> None:
    on = paper()
    text = shown(summary("autoresearch/t", (), on), on)
    assert "no trials yet" in text
    assert "best    none" in text
    assert "trials  none" in text


def test_the_summary_answers_best_noise_cost_and_what_next() -> None:
    on = paper()
    text = shown(summary("autoresearch/t", night(), on), on)
    gain = "-0.032344 (-1.69%) against the baseline: deeper: DEPTH 4 → 6"
    assert f"best    1.880001 val_bpb by #2, {gain}" in text
    assert "noise   ±0.001 between the baseline's 3 seeds; no trial re-run yet" in text
    assert "trials  1 baseline, 1 keep, 2 discard, 1 crash, 1 oom, 1 timeout, 1 refused" in text
    assert "spent   $0.12" in text
    assert text.rstrip().splitlines()[-4:] == [
        "next",
        "  autoresearch show 2",
        "  autoresearch replicate 2",
        "  autoresearch resume t",
    ]


def test_the_next_commands_fit_what_happened() -> None:
    baseline = scored(0, "baseline", 1.9, "as it is", repeats=2)
    assert next_commands("autoresearch/b", (baseline,)) == (
        "autoresearch resume b",
        "autoresearch log b",
        "autoresearch status b",
    )
    crashed = failed(1, "crash", "x", "boom")
    assert next_commands("b", (baseline, crashed))[0] == "autoresearch show 1"
    kept = scored(2, "keep", 1.8, "y", -0.1)
    assert next_commands("b", (baseline, kept, crashed), "autoresearch resume b --on=ray") == (
        "autoresearch show 2",
        "autoresearch replicate 2",
        "autoresearch resume b --on=ray",
    )


@pytest.mark.parametrize("on", [paper(), terminal(80), terminal(200)], ids=["paper", "80", "200"])
def test_a_trial_s_page_holds_claim_changes_scores_and_origin(on: Console) -> None:
    trial = night()[2]
    text = shown(trial_page(trial, DIFF, "/tmp/train-0.log", on), on)
    for part in (
        "#2 keep",
        "1.880001",
        "claimed",
        "deeper: DEPTH 4 → 6",
        "changed",
        "DEPTH 4 → 6",
        "seed 0",
        "sealed",
        "5.5000 to 3.7",
        "tpe, search",
        "not better",
        trial.attempt,
        trial.verdict,
        "/tmp/train-0.log",
        "+DEPTH = 6  # \\x1b[2J[bold]",
        "812 MB",
        "3,400,000",
        "tier A",
        "num_steps 142",
    ):
        assert part in text
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) <= on.width


def test_whatever_a_model_or_a_training_wrote_is_shown_as_letters() -> None:
    result = Result(status="crash", detail=HOSTILE, facts={HOSTILE: HOSTILE}, tier=HOSTILE)
    by = {"origin": "llm", "model": HOSTILE, "cost": None}
    claim = proposal(HOSTILE, HOSTILE, **by).model_copy(
        update={"rationale": HOSTILE + "\n" + HOSTILE}
    )
    trial = Trial(
        number=1,
        status="crash",
        proposal=claim,
        reason=HOSTILE,
        result=result,
        attempt=HOSTILE,
        changes=(Change(name=HOSTILE, before=HOSTILE, after=None),),
    )
    for on in (paper(), terminal(200)):
        text = shown(trial_page(trial, HOSTILE, None, on), on)
        text += shown(summary(HOSTILE, (trial,), on), on)
        attempt = Attempt(number=2, commit="c", parent="p", proposal=claim)
        text += shown(status_page(HOSTILE, 7, (attempt,), (trial,), on), on)
        assert all(map(str.isprintable, text.splitlines()))
        assert "[bold]deeper[/bold]" in text
        assert "price unknown" in text


def test_a_refused_proposal_has_a_page_and_an_unchanged_file_no_diff() -> None:
    on = paper()
    text = shown(trial_page(night()[6], "", None, on), on)
    assert "changed  nothing: it was refused" in text
    assert "code/opus, llm, 12,345 tokens in, 678 out, $0.1234" in text
    assert text.rstrip().endswith("set_constant\n  name: DEPTH\n  value: 6")
    assert shown(diff_view("", paper()), paper()) == "no difference\n"
    assert shown(diff_view("-a\n+b\n", paper()), paper()) == "-a\n+b\n"


def test_an_attempt_without_a_verdict_has_a_page() -> None:
    on = paper()
    attempt = Attempt(number=8, commit="abc", parent="p", proposal=proposal(HOSTILE))
    text = shown(attempt_page(attempt, DIFF, on), on)
    assert text.startswith("#8 no verdict yet")
    assert "tpe, search" in text
    assert "+DEPTH = 6  # \\x1b[2J[bold]" in text
    assert all(map(str.isprintable, text.splitlines()))


def test_a_diff_is_coloured_in_a_terminal() -> None:
    on = terminal(color=True)
    text = shown(diff_view(DIFF, on), on)
    assert "\x1b[" in text
    assert "\x1b[2J" not in text


def test_the_status_page_tells_running_from_interrupted() -> None:
    attempts = (Attempt(number=8, commit="c", parent="p", proposal=proposal("even deeper")),)
    text = shown(status_page("b", 123, attempts, night(), paper()), paper())
    assert "running as process 123" in text
    assert "now     #8 even deeper" in text
    assert "interrupted" not in text
    text = shown(status_page("b", None, attempts, night(), paper()), paper())
    assert "not running" in text
    assert "interrupted at #8; `autoresearch resume` continues" in text
    assert "        #8 even deeper" in text


def test_the_tsv_is_upstream_s() -> None:
    assert tsv(night()).splitlines() == [
        "commit\tval_bpb\tmemory_gb\tstatus\tdescription",
        "0000000\t1.912345\t0.8\tkeep\ttrain.py as it is",
        "0000000\t1.923456\t0.8\tdiscard\tnarrower: more steps in the same time",
        "0000000\t1.880001\t0.8\tkeep\tdeeper: DEPTH 4 → 6",
        "0000000\t0.000000\t0.0\tcrash\ta wider head, with a very long explanation of why that "
        "should be better than it was",
        "0000000\t0.000000\t0.0\tcrash\tBATCH 2**13 → 2**19",
        "0000000\t0.000000\t0.0\tcrash\ttrain for ever",
        "0000000\t1.890000\t0.8\tdiscard\t[bold]deeper[/bold] \\x1b[31mred\\x1b[0m "
        "\\u202eesrever :smile: \\x07 α → β",
    ]


def test_the_tsv_s_memory_is_the_accelerator_s_where_there_is_one() -> None:
    trial = night()[1]
    assert trial.result
    result = trial.result.model_copy(update={"facts": {"peak_vram_mb": 45060.2}})
    assert (
        tsv((trial.model_copy(update={"result": result}),)).splitlines()[1].split("\t")[2] == "44.0"
    )


def test_json_lines_give_the_ledger_back() -> None:
    text = jsonl(night())
    assert text.isascii()
    assert tuple(Trial.model_validate_json(line) for line in text.splitlines()) == night()


def test_the_csv_has_every_trial_and_keeps_its_columns() -> None:
    rows = list(csv.DictReader(io.StringIO(flat_csv(night()))))
    assert [row["status"] for row in rows] == [trial.status for trial in night()]
    assert rows[6]["cost"] == "0.1234"
    assert (rows[3]["val_bpb"], rows[2]["val_bpb"]) == ("", "1.880001")
    assert json.loads(rows[2]["changes"]) == {"DEPTH": [4, 6]}
    assert "\x1b" not in flat_csv(night())
    assert list(FORMATS) == ["tsv", "jsonl", "csv"]


def test_a_printed_score_is_shown_with_the_line_that_was_read() -> None:
    printed = {"line": "val_acc: 90%", "unit": "%", "also": {"loss": 3.0}}
    score = Score.model_validate({"value": 90, "seed": 0, "kind": "self-reported", **printed})
    result = Result(status="scored", scores=(score,))
    rows = dict(measured(result, Formatter()))
    assert (rows["read from"], rows["also"]) == ('"val_acc: 90%"', "loss 3")
