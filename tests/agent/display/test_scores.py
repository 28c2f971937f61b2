"""Every text display speaks of the run's own metric, in its own direction and unit."""

import csv
import io
import json
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from rich.console import Console

from agent.display.format import HEAD, PAPER, Formatter, noise_text, times
from agent.display.learnt import learnt
from agent.display.live import LiveDisplay
from agent.display.plain import PlainDisplay
from agent.display.scores import about_scores, axis_title, gain_text
from agent.display.show import trial_page
from agent.display.status import status_page
from agent.display.table import summary, trial_table
from agent.errors import UsageFault
from agent.exchange.optuna import write_study
from agent.exchange.read import read_prior
from agent.exchange.write import flat_csv, flat_records, jsonl, tsv
from agent.judge.noise import Noise
from agent.records.events import Judged, RunStarted
from agent.records.objective import VAL_BPB, Objective, Scale
from agent.records.results import Pair, Score, Trial
from agent.space import Space
from agent.trackers.tracker import numbers_of, settings_of
from tests.agent.dashboard.nights import settings
from tests.agent.display.runs import HOSTILE, scored

ACCURACY = Objective(metric="test accuracy", direction="maximize", also=("params_m",))
LATENCY = Objective(metric="latency_s", scale="log")
LINE = "test accuracy: 82.06%"


def told(trial: Trial, score: Score, status: str = "keep", **fields: object) -> Trial:
    """Return a trial with this one score, which the run printed."""
    assert trial.result
    result = trial.result.model_copy(update={"scores": (score,)})
    changes = {"status": status, "result": result, "reason": "because", **fields}
    return Trial.model_validate({**trial.model_dump(), **changes})


def accuracies() -> tuple[Trial, ...]:
    """Return a baseline of 80 %, a keep of 82 % and a discard of 78.5 %."""
    trials = []
    for number, (status, value, delta) in enumerate(
        (("baseline", 80.0, None), ("keep", 82.0, -2.0), ("discard", 78.5, 3.5))
    ):
        score = Score(
            value=value,
            seed=0,
            kind="self-reported",
            line=LINE,
            unit="%",
            also={"params_m": 0.5 + number},
        )
        pairs = (Pair(seed=0, candidate=value, incumbent=80.0),) if number else ()
        interval = (-2.5, -1.5) if status == "keep" else None
        trial = scored(number, status, value, f"idea {number}", delta)
        against = 0 if number else None
        trials.append(told(trial, score, status, pairs=pairs, interval=interval, against=against))
    return tuple(trials)


def latencies() -> tuple[Trial, ...]:
    """Return a baseline of 0.4 ms, and a keep in half the time."""
    baseline = Score(value=4e-4, seed=0, kind="self-reported")
    half = Score(value=2e-4, seed=0, kind="self-reported")
    return (
        told(scored(0, "baseline", 1.0, "as it is"), baseline, "baseline"),
        told(scored(1, "keep", 1.0, "unroll", -0.6931471805599453), half),
    )


def paper(encoding: str = "utf-8") -> Console:
    """Return a console on a file."""
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    return Console(file=file, width=PAPER, markup=False, highlight=False, emoji=False)


def shown(page: object, console: Console) -> str:
    """Return what a console prints."""
    with console.capture() as capture:
        console.print(page)
    return capture.get()


# ---------------------------------------------------------------- numbers


@pytest.mark.parametrize(
    ("objective", "delta", "change", "gain", "spread"),
    [
        (VAL_BPB, -0.006174, "-0.006174", "0.006174", "0.0062"),
        (ACCURACY, -0.5, "+0.500000", "0.500000", "0.5"),
        (ACCURACY, 0.5, "-0.500000", "-0.500000", "0.5"),
        (LATENCY, -0.6931471805599453, "-50.00%", "50.00%", "100%"),
        (LATENCY, 0.01, "+1.01%", "-1.01%", "1.01%"),
        (
            LATENCY.model_copy(update={"direction": "maximize"}),
            -0.6931471805599453,
            "+100.00%",
            "100.00%",
            "100%",
        ),
        (
            ACCURACY.model_copy(update={"scale": "logit"}),
            -0.25,
            "+0.250000 logit",
            "0.250000 logit",
            "0.25 logit",
        ),
        (VAL_BPB, -3.2e-9, "-3.2e-09", "3.2e-09", "3.2e-09"),
    ],
)
def test_a_difference_of_losses_is_written_as_the_metric_s_readers_expect(
    objective: Objective, delta: float, change: str, gain: str, spread: str
) -> None:
    formatter = Formatter(objective=objective)
    assert formatter.change(delta) == change
    assert formatter.gain(-delta) == gain
    assert formatter.spread(abs(delta)) == spread
    assert str(formatter.delta(delta).style) == ("green" if delta < 0 else "red")


@pytest.mark.parametrize(
    ("objective", "ends"),
    [(VAL_BPB, ("-0.200000", "-0.100000")), (ACCURACY, ("+0.100000", "+0.200000"))],
)
def test_the_lower_end_of_an_interval_is_the_lower_change(
    objective: Objective, ends: tuple[str, str]
) -> None:
    assert Formatter(objective=objective).interval((-0.2, -0.1)) == ends


def test_noise_is_told_in_the_unit_of_changes_and_with_what_moved_it() -> None:
    noise = Noise(seeds=0.01, runs=3, perturbed=True)
    text = noise_text(noise, Formatter(objective=LATENCY))
    assert text.startswith("±1.01% between the baseline's 3 neutral perturbations")


def test_a_multiple_of_next_to_no_noise_is_not_written_out() -> None:
    assert [times(value) for value in (2.04, 1e13, -1e13)] == ["2.0", ">10000", "<-10000"]


@pytest.mark.parametrize(
    ("best", "baseline", "objective", "text"),
    [
        (82.0, 80.0, ACCURACY, "+2.000000 (+2.50%)"),
        (-5.0, -10.0, ACCURACY, "+5.000000 (+50.00%)"),
        (0.5, 0.0, ACCURACY, "+0.500000"),
        (0.9, 1.0, VAL_BPB, "-0.100000 (-10.00%)"),
        (2e-4, 4e-4, LATENCY, "-50.00%"),
        (-1.0, 1.0, LATENCY, ""),
    ],
)
def test_a_gain_is_told_as_a_share_of_the_baseline_where_that_says_something(
    best: float, baseline: float, objective: Objective, text: str
) -> None:
    trials = [scored(0, "baseline", baseline, "as it is"), scored(1, "keep", best, "better")]
    assert gain_text(trials[1], trials[0], Formatter(objective=objective)) == text


# ---------------------------------------------------------------- words


def test_sealed_val_bpb_needs_no_word_and_everything_else_has_it() -> None:
    sealed = [scored(0, "baseline", 1.0, "as it is")]
    assert about_scores(sealed, Formatter()) == ""
    assert axis_title(sealed, Formatter()) == "val_bpb, lower is better"
    formatter = Formatter(objective=ACCURACY)
    words = "test accuracy, higher is better"
    assert about_scores((), formatter) == words
    about = about_scores(accuracies(), formatter)
    assert about == f"{words}; self-reported: as the run itself prints it"
    assert axis_title(accuracies(), formatter) == f"{words}, self-reported"
    printed = about_scores(accuracies(), Formatter())
    assert printed.startswith("val_bpb, lower is better; self-reported")


def test_the_table_and_the_summary_name_the_metric_and_its_signs() -> None:
    on = paper()
    text = shown(summary("autoresearch/t", accuracies(), on, objective=ACCURACY), on)
    assert "val_bpb" not in text
    rows = [re.split(r"\s{2,}", line.strip()) for line in text.splitlines()]
    assert rows[0][:4] == ["#", "status", "test accuracy", "delta"]
    assert rows[2][2:4] == ["82.000000", "+2.000000"]
    assert rows[3][2:4] == ["78.500000", "-3.500000"]
    best = "best    82.000000 test accuracy by #1, +2.000000 (+2.50%) against the baseline: idea 1"
    assert best in text
    assert "scores  test accuracy, higher is better; self-reported" in text


def test_a_latency_is_told_in_percent() -> None:
    on = paper()
    text = shown(status_page("t", None, (), latencies(), on, objective=LATENCY), on)
    assert "best    0.0002 latency_s by #1, -50.00% against the baseline: unroll" in text
    formatter = Formatter(objective=LATENCY)
    assert learnt(latencies(), formatter).endswith("was better by 50.00%")


@pytest.mark.parametrize("name", ["#", "status", "delta", "time", "memory", HOSTILE, "m" * 300])
def test_whatever_the_metric_is_called_the_table_has_all_columns(name: str) -> None:
    objective = ACCURACY.model_copy(update={"metric": name})
    for on in (paper(), paper("ascii")):
        lines = shown(trial_table(accuracies(), on, objective), on).splitlines()
        assert len(lines) == 4
        assert all(line.isprintable() for line in lines)
        assert "82.000000" in lines[2] and "+2.000000" in lines[2]
    assert len(Formatter(objective=objective).head) <= max(
        HEAD, len(name) if name == HOSTILE else 0
    )


def test_show_has_the_line_that_was_read_its_unit_and_further_metrics() -> None:
    on = paper()
    page = trial_page(accuracies()[1], "", None, on, objective=ACCURACY)
    lines = [re.split(r"\s{2,}", line.strip()) for line in shown(page, on).splitlines()]
    assert lines[0] == ["#1 keep", "82.000000 test accuracy", "+2.000000 against the incumbent"]
    facts = {line[0]: line[1:] for line in lines if len(line) > 1}
    assert facts["pair"] == ["+2.000000 seed 0 82.000000 against #0's 80.000000"]
    assert facts["interval"] == ["from +1.500000 to +2.500000, at 95 %"]
    assert facts["score"] == ["82.000000 % seed 0 candidate self-reported"]
    assert facts["read from"] == [f'"{LINE}"']
    assert facts["also"] == ["params_m 1.5"]
    assert facts["scores"] == [
        "test accuracy, higher is better; self-reported: as the run itself prints it"
    ]


def test_a_line_that_was_read_moves_no_cursor() -> None:
    score = Score(value=1.0, seed=0, kind="self-reported", line=HOSTILE, unit=HOSTILE)
    on = paper()
    text = shown(trial_page(told(scored(1, "keep", 1.0, "x"), score), "", None, on), on)
    assert all(line.isprintable() for line in text.splitlines())


def started(objective: Objective, trials: Sequence[Trial] = ()) -> RunStarted:
    """Return the event of a run with this objective."""
    return RunStarted(
        "t", "autoresearch/t", "tpe", None, "60s", "A", 1, tuple(trials), None, objective=objective
    )


def test_plain_lines_and_the_live_view_learn_the_metric_from_the_start() -> None:
    on = paper()
    plain = PlainDisplay(on)
    live = LiveDisplay(paper())
    for event in (started(ACCURACY, accuracies()[:1]), Judged(accuracies()[1])):
        plain.handle(event)
        live.handle(event)
    on.file.flush()
    lines = on.file.buffer.getvalue().decode()  # type: ignore[attr-defined]
    assert "test accuracy, higher is better; self-reported" in lines
    assert "#1 keep 82.000000 (+2.000000)" in lines
    page = shown(live.page(), paper())
    assert "test accuracy, higher is better · self-reported: as the run itself prints it" in page
    assert "+2.000000 vs baseline" in page


# ---------------------------------------------------------------- other programs


def test_tables_for_other_programs_have_the_metric_s_column() -> None:
    assert tsv(accuracies(), ACCURACY).splitlines()[0].split("\t")[1] == "test accuracy"
    (_, keep, _) = csv.DictReader(io.StringIO(flat_csv(accuracies(), ACCURACY)))
    assert keep["test accuracy"] == "82.0" and keep["also.params_m"] == "1.5"
    assert flat_records(accuracies(), ACCURACY)[1]["test accuracy"] == 82.0
    line = json.loads(jsonl(accuracies(), ACCURACY).splitlines()[1])
    assert line["objective"]["direction"] == "maximize"
    assert "objective" not in json.loads(jsonl(accuracies()).splitlines()[1])


@pytest.mark.parametrize("name", ["cost", "=1+1", "a\tb\nc"])
def test_a_metric_s_name_breaks_no_table(name: str) -> None:
    objective = Objective(metric=name)
    assert len(tsv(accuracies(), objective).splitlines()) == 4
    assert tsv(accuracies(), objective).splitlines()[0].count("\t") == 4
    (_, keep, _) = csv.DictReader(io.StringIO(flat_csv(accuracies(), objective)))
    assert "82.0" in keep.values() and keep["cost"] in ("", "82.0")
    assert not any(column.startswith("=") for column in keep)


@pytest.mark.parametrize("kind", ["jsonl", "csv", "db"])
def test_our_own_exports_of_any_metric_come_back(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"trials.{kind}"
    trials = [
        trial.model_copy(update={"configuration": {"DEPTH": 4 + trial.number}})
        for trial in accuracies()
    ]
    if kind == "db":
        run = settings().model_copy(update={"objective": ACCURACY})
        write_study(path, run, trials, Space(parameters=()))
    else:
        text = jsonl(trials, ACCURACY) if kind == "jsonl" else flat_csv(trials, ACCURACY)
        path.write_text(text)
    assert [trial.outcome for trial in read_prior(str(path), ACCURACY)] == [80.0, 82.0, 78.5]
    with pytest.raises(UsageFault):
        read_prior(str(path))


def test_trackers_get_the_metric_by_its_name_and_no_reserved_one() -> None:
    keep = accuracies()[1]
    numbers = numbers_of(keep, ACCURACY)
    assert numbers["test accuracy"] == 82.0
    assert numbers["delta"] == 2.0
    assert numbers["also/params_m"] == 1.5
    assert "val_bpb" in numbers_of(keep)
    assert numbers_of(keep, Objective(metric="delta"))["score"] == 82.0
    assert numbers_of(keep, Objective(metric="top-1 @ 5%"))["top-1 _ 5_"] == 82.0
    twins = Objective(metric="m", also=("params_m", "精度", "召回"))
    score = keep.result.own[0].model_copy(update={"also": {"精度": 1.0, "召回": 2.0}})
    told = keep.model_copy(update={"result": keep.result.model_copy(update={"scores": (score,)})})
    assert [numbers_of(told, twins)[name] for name in ("also/__", "also/___2")] == [1.0, 2.0]
    assert settings_of(started(ACCURACY))["direction"] == "maximize"


@pytest.mark.parametrize("scale", ["linear", "log", "logit"])
def test_a_score_outside_of_the_scale_is_still_shown(scale: Scale) -> None:
    objective = Objective(metric="m", scale=scale)
    on = paper()
    trial = accuracies()[1].model_copy(
        update={"pairs": (Pair(seed=0, candidate=-1.0, incumbent=-2.0),) * 2}
    )
    assert "82.000000 m" in shown(trial_page(trial, "", None, on, objective=objective), on)
    text = shown(summary("b", (trial,), on, objective=objective), on)
    assert ("noise   not measured" in text) == (scale != "linear")
