"""Runs a training once for `autoresearch init`, and finds its metric and its noise."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from shlex import quote

from agent.cli.baseline import Baseline, trained, unstarted_baseline
from agent.cli.build import Place
from agent.cli.consent import Consent
from agent.cli.init_questions import (
    NO_EVALUATOR,
    SHOWN,
    Answers,
    agreed_to,
    choose_direction,
    choose_metric,
    say,
    say_block,
    say_item,
    says_exact,
)
from agent.cli.proposed import ranges_of
from agent.cli.retype import again, instead
from agent.cli.spread import in_short, lines_of, measure_spread
from agent.display.format import duration
from agent.errors import ProjectFault, UsageFault
from agent.history.runs import head_of
from agent.history.sources import sources_in
from agent.judge.decide import Rule
from agent.project.budgets import NOTHING_READS, reads_budget, time_words
from agent.project.command_words import inner_command
from agent.project.find import Project, find_project
from agent.project.flags import Flags, read_flags
from agent.project.look import Look, look_at, with_results
from agent.project.numbers import Number, likely, numbers_in
from agent.project.program import FrontMatter
from agent.project.settings import Settings
from agent.project.time_options import DEFAULT_BUDGET
from agent.project.upstream import time_budget
from agent.project.written import Plan
from agent.records.evaluator import Evaluator
from agent.records.objective import Objective
from agent.records.results import Result
from agent.space import read_choices
from agent.space.read import Choice
from sandbox.ground.budget import USUAL_LIMIT
from sandbox.ground.deadline import Usual, is_limited
from sandbox.ground.text import one_line, read_end
from sandbox.score.evaluator.outputs import LEFT_NO
from sandbox.score.forms import in_one, json_objects
from sandbox.score.lines import Objects, ends_of
from sandbox.score.metric import Metric, NotRead, Reading
from sandbox.score.reading import read_also, read_metric
from sandbox.score.room import NO_PROGRAM
from sandbox.score.tables import Tables, as_line

UNKNOWN = "score"
"""What is looked for in a first run where the source names no number."""
MAX_ALSO = 4
AT_ONCE = 24
"""Numbers that are looked for in one reading of a log."""
LOOKS = 1 << 16
"""Lines at each end of a log in which names of numbers are looked for."""
PAIR = 2
"""Cells of a row that may be a name and its value."""
TAIL_LINES = 8
TAIL_CHARACTERS = 4_000
EVALUATOR = "the evaluator"
"""How reasons begin for which an evaluator gave no score."""
_MISSING = re.compile(r'read_only = \[((?:"[^"\s]+"(?:, )?)+)\]')
"""The paths that the hint of a failed run names."""

_GROUP = re.compile(r"(?i)usage: .*\bcommand\b.*\bargs\b|invalid choice: |Missing command")
"""What a program prints that asks for one of its commands."""
_UNWRITTEN = re.compile(r"cat: '?([^\n':]{1,300})'?: No such file or directory")

_COMMA = re.compile(r"[^\W\d_]\w{0,40} ?[:=] ?-?\d{1,20},\d{1,20}(?![\d.,])")
"""A number with a decimal comma, by its name."""


def place_of(folder: Path, plan: Plan) -> Place:
    """Return the project with the settings of the plan."""
    settings = plan.settings(folder)
    return Place(find_project(folder, settings), settings)


def named(number: Number) -> str:
    """Return a number's name with its direction."""
    better = {"minimize": "lower is better", "maximize": "higher is better", None: "?"}
    return f"{number.name} ({better[number.direction]})"


def choices_of(project: Project, settings: Settings) -> list[Choice]:
    """Return the constants of the last commit."""
    return read_choices(sources_in(project, head_of(project)), settings.stated_ranges)


def flags_of(answers: Answers) -> Flags:
    """Return the flags about a training's time. Raise UsageFault for invalid ones."""
    return read_flags("init", budget=answers.budget, limit=answers.limit)


def timed(answers: Answers, project: Project, plan: Plan, took: float | None = None) -> Plan:
    """Return the plan with the budget or the limit, and print which it is.

    took: seconds of the first training; None if nothing ran. Nothing is written if the project
    states its own budget.
    """
    flags = flags_of(answers)
    budget = flags.budget
    reads = reads_budget(project, plan.settings(answers.folder))
    if time_budget(project):
        return plan
    if flags.limit is None and budget is None and reads:
        budget = DEFAULT_BUDGET
    steps = budget is not None and budget.unit == "steps"
    if not reads and not steps:
        budget = None
    limit = flags.limit or USUAL_LIMIT
    why = "" if reads or flags.limit else NOTHING_READS
    if took is not None and not steps:
        say(time_words(took, budget, limit, why), "time")
        if is_limited(budget, limit, Usual(seconds=took)):
            budget = None
    if budget is not None:
        return plan.model_copy(update={"budget": str(budget)})
    return plan.model_copy(update={"limit": str(limit), "took": took})


def unmeasured(answers: Answers, look: Look, plan: Plan) -> Plan:
    """Return the plan without running anything."""
    if answers.metric or plan.evaluate:
        number = Number(name=plan.metric, value=None, line="")
    elif look.numbers:
        number = choose_metric(answers, look.numbers)
    else:
        raise UsageFault(
            f"{look.script} prints no number by its name, as far as its source shows.",
            again("--metric NAME --direction maximize"),
        )
    direction = choose_direction(answers, number)
    place = place_of(answers.folder, plan)
    plan = _with_ranges(plan, place, number.name)
    plan = timed(answers, place.project, plan)
    return plan.model_copy(update={"metric": number.name, "direction": direction})


def measured(answers: Answers, place: Place, plan: Plan) -> Plan:
    """Return the plan after one run, and repeats under other seeds."""
    flags = flags_of(answers)
    consent = Consent(place.project, answers.trust)
    matter = FrontMatter()
    with unstarted_baseline(place, flags, consent, answers.unsafe, matter) as baseline:
        first = trained(baseline, f"{plan.command or plan.train} in the sandbox", 0)
        log = baseline.log(0)
        say(f"{duration(first.seconds)}, tier {first.tier}", "ran once")
        _refuse_failed(plan, first, log, baseline.objective)
        if plan.evaluate:
            plan = _evaluated(answers, plan, first)
        else:
            plan = _printed(answers, plan, log)
        plan = timed(answers, place.project, plan, first.seconds)
        plan = _with_ranges(plan, place, plan.metric)
        return _with_noise(answers, baseline, plan, first)


def _printed(answers: Answers, plan: Plan, log: Path) -> Plan:
    """Return the plan with a printed number as its metric, and print which."""
    number, others = _chosen(answers, log, plan)
    direction = choose_direction(answers, number)
    reading = _read(log, number.name)
    say(f'{number.name} = {reading.value:g}{reading.unit}, from "{reading.line}"', "metric")
    fields = {"metric": number.name, "direction": direction, "line": reading.line, "also": others}
    return plan.model_copy(update=fields)


def _evaluated(answers: Answers, plan: Plan, first: Result) -> Plan:
    """Return the plan with the metric that the evaluator reported, and print its value."""
    assert plan.evaluate, "an evaluator measured it"
    value = first.scores[0].value
    say(f"{plan.metric} = {value:g}, as {plan.evaluate.script} computed it", "metric")
    direction = choose_direction(answers, Number(name=plan.metric, value=None, line=""))
    return plan.model_copy(update={"direction": direction})


def _refuse_failed(plan: Plan, first: Result, log: Path, objective: Objective) -> None:
    """Raise ProjectFault if the training failed; a missing metric is not a failure."""
    if first.status == "scored":
        return
    if plan.evaluate:
        _refuse_unscored(plan.evaluate, first)
    reading = read_metric(log, Metric(name=objective.metric))
    if isinstance(reading, NotRead) and first.detail == reading.reason:
        return
    _show_end(log, "it ended with:")
    raise ProjectFault(
        f"The training fails in the sandbox ({first.status}): {first.detail}. Nothing was written.",
        _mended(plan, first.detail + read_end(log, TAIL_CHARACTERS)),
    )


def _refuse_unscored(evaluator: Evaluator, first: Result) -> None:
    """Raise ProjectFault if a training succeeded, but its evaluator gave no score."""
    detail = first.detail
    if LEFT_NO in detail:
        missing = detail.rpartition(LEFT_NO)[2]
        left = [name for name in evaluator.outputs if name != missing]
        flags = " ".join(f"--outputs {quote(name)}" for name in left) or "--outputs PATH"
        message = f"{missing} is not what a training leaves here: {detail}. Nothing was written."
        raise ProjectFault(message, instead("--outputs", flags))
    if EVALUATOR in detail:
        printed = f"With --evaluate {NO_EVALUATOR} the number that the run prints is judged."
        raise ProjectFault(
            f"{evaluator.script} gives no score in its sandbox ({first.status}): {detail}. Nothing "
            f"was written. {printed}",
            again("--hidden PATH" if "FileNotFoundError" in detail else "--metric NAME"),
        )


def _mended(plan: Plan, text: str) -> str:
    """Return a command that may fix a failed first run, judging by its error."""
    command = plan.command or f"python {plan.train}"
    if "arguments are required" in text or "Missing option" in text or "Missing argument" in text:
        return instead("--command", f"--command {quote(f'{command} ARGUMENTS')}")
    if _GROUP.search(text):
        return instead("--command", f"--command {quote(f'{command} COMMAND')}")
    unwritten = _UNWRITTEN.search(text)
    if unwritten and f"cat {unwritten[1]}" in plan.command:
        before = inner_command(plan.command).rpartition(" && cat ")[0]
        return instead("--command", f"--command {quote(with_results(before, 'PATH'))}")
    if plan.evaluate and (shown := _shown_again(plan.evaluate, text)):
        return shown
    named = _MISSING.search(text)
    if named and named[1] != '"…"':
        paths = [path.strip('"') for path in named[1].split(", ")]
        return again(" ".join(f"--read-only {quote(path)}" for path in paths))
    if "read_only" in text or "FileNotFoundError" in text:
        return again("--read-only PATH")
    if "ModuleNotFoundError" in text or NO_PROGRAM in text:
        return again("--python .venv/bin/python")
    return "autoresearch doctor"


def _shown_again(evaluator: Evaluator, text: str) -> str:
    """Return the command that hides less, if a training failed for a hidden file; else ""."""
    missing = [path for path in evaluator.hidden if path in text]
    if not missing or "FileNotFoundError" not in text:
        return ""
    # The script is hidden anyway: alone, it says that nothing else is.
    left = [path for path in evaluator.hidden if path not in missing] or [evaluator.script]
    return instead("--hidden", " ".join(f"--hidden {quote(path)}" for path in left))


def _show_end(log: Path, heading: str) -> None:
    say(heading, style="yellow")
    say_block("\n".join(read_end(log, TAIL_CHARACTERS).splitlines()[-TAIL_LINES:]))


def _chosen(answers: Answers, log: Path, plan: Plan) -> tuple[Number, tuple[str, ...]]:
    """Return the metric, and the other printed numbers that are worth recording."""
    printed = likely(numbers_in(_lines(log)))
    readable = _readable(log, printed)
    if answers.metric:
        _read(log, answers.metric)
        chosen = Number(name=answers.metric, value=None, line="")
    elif not readable:
        raise _nothing_named(answers, plan, log)
    else:
        _list(readable)
        chosen = choose_metric(answers, readable)
    others = [number.name for number in readable if number.name != chosen.name and number.direction]
    return chosen, tuple(others[:MAX_ALSO])


def _nothing_named(answers: Answers, plan: Plan, log: Path) -> ProjectFault:
    """Show what a run printed, and return the fault that it is no number by a name."""
    end = read_end(log, TAIL_CHARACTERS)
    if end.strip():
        _show_end(log, "it printed:")
    printed = "no number by a name" if end.strip() else "nothing"
    message = f'The run printed {printed}. It is read from a line such as "{UNKNOWN}: 0.5".'
    writes = look_at(answers.folder, plan.train).writes
    if writes and writes not in plan.command:
        command = with_results(plan.command or f"python {quote(plan.train)}", writes)
        flags = f"--command {quote(command)}"
        return ProjectFault(f"{message} It seems to write to {writes}.", again(flags))
    comma = _COMMA.search(end)
    if comma:
        message = f'{message} "{one_line(comma[0])}" has a decimal comma, which is not read.'
    return ProjectFault(message, f"$EDITOR {quote(plan.train)}   # print it, and commit")


def _list(numbers: Sequence[Number]) -> None:
    say("numbers that it printed, the likeliest metric first:")
    for place, number in enumerate(numbers[:SHOWN], start=1):
        value = "" if number.value is None else f" = {number.value:g}"
        say_item(place, f'{named(number)}{value}, in "{number.line}"')


def _lines(log: Path) -> Iterator[str]:
    """Yield the lines of a log, an indented JSON object as one, rows of tables by their names."""
    objects = Objects()
    tables = Tables()
    for part in ends_of(log, LOOKS):
        for lines in objects.groups(part.split("\n")):
            if json_objects(in_one(lines)):
                yield in_one(lines)
                continue
            for line in lines:
                yield from _named_cells(line, tables)
    for lines in objects.rest():
        yield from lines


def _named_cells(line: str, tables: Tables) -> list[str]:
    """Return the numbers of a row of a table, each as a line with its name; another line as it is.

    A row of two cells may also be a name with its value, and comes as it is, too.
    """
    row = tables.row(line) if tables.is_open else None
    if row is None:
        tables.begin(line)
        return [line]
    table, cells = row
    named = list(filter(None, (as_line(name, table, cells) for name in table.names)))
    return named if named and len(cells) > PAIR else [*named, line]


def _readable(log: Path, numbers: Sequence[Number]) -> list[Number]:
    """Return the numbers that the harness reads, as many as are shown to choose from or more."""
    found: list[Number] = []
    for start in range(0, len(numbers), AT_ONCE):
        some = numbers[start : start + AT_ONCE]
        read = read_also(log, [number.name for number in some])
        found += [number for number in some if number.name in read]
        if len(found) >= SHOWN:
            break
    return found


def _read(log: Path, name: str) -> Reading:
    """Return the printed value of a metric. Raise UsageFault if it was not printed."""
    reading = read_metric(log, Metric(name=name))
    if isinstance(reading, NotRead):
        raise UsageFault(f"{name!r} cannot be read: {reading.reason}", "autoresearch init")
    return reading


def _with_noise(answers: Answers, baseline: Baseline, plan: Plan, first: Result) -> Plan:
    """Train under other seeds and print the noise; return the plan, unchanged if skipped."""
    more = answers.repeats + 1
    time = duration(more * first.seconds)
    question = f"Measure the noise, with {more} more trainings, about {time}?"
    if answers.repeats == 0 or not agreed_to(answers, question):
        return plan
    objective = baseline.objective.model_copy(
        update={"metric": plan.metric, "direction": plan.direction, "also": plan.also}
    )
    is_of_metric = first.status == "scored" and baseline.objective.metric == plan.metric
    first_result = first if is_of_metric else None
    spread = measure_spread(baseline.judged_by(objective), answers.repeats, Rule(), first_result)
    lines = tuple(lines_of(spread))
    for line in lines:
        say(line, "noise" if line == lines[0] else " ")
    update: dict[str, object] = {"noise": tuple(in_short(spread))}
    if spread.source == "none" and spread.repeats_exactly:
        update["exact"] = "stated" if says_exact(answers) else "seen"
    return plan.model_copy(update=update)


def _with_ranges(plan: Plan, place: Place, metric: str) -> Plan:
    """Return the plan with ranges: inferred ones, or proposed ones if nothing is searched."""
    lines, proposed = ranges_of(choices_of(place.project, place.settings), metric)
    return plan.model_copy(update={"ranges": lines, "proposed": proposed})
