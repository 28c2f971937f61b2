"""The tools of the grant `read`: the ledger, and the files that a run may see."""

import json
import re
from typing import Annotated, Literal

from pydantic import Field

from agent.dashboard.view import differences, log_paths
from agent.records.marks import marks_of
from agent.records.results import Attempt, Status, Trial, kept_in
from agent.records.spending import spending_of
from agent.records.steering import steering_of
from agent.serve.grants import Grant
from agent.serve.quoted import block, line
from agent.serve.rows import (
    NAME,
    column_of,
    flying,
    gain_text,
    places_of,
    row_of,
    text_of,
)
from agent.serve.served import Repository, Served
from agent.serve.tool_answers import (
    Brief,
    BriefText,
    Comparison,
    Constants,
    Curve,
    FileList,
    FileNames,
    FilePage,
    FileText,
    LedgerPage,
    Log,
    Now,
    RunLine,
    Runs,
    RunText,
    TrialPage,
    TrialText,
)
from sandbox.ground.fault import Fault
from sandbox.ground.text import tail

MAX_RUNS = 50
MAX_ROWS = 50
MAX_COMPARED = 6
MAX_PATHS = 200
MAX_LOGS = 6
MAX_FACTS = 30
MAX_PAIRS = 50
MAX_POINTS = 40
MAX_NOTES = 20
LOG = 4_000
"""The most characters of the end of one log."""
# What a training printed; logs of scoring were written beside hidden data.
OF_TRAINING = re.compile(r"(smoke|(train|incumbent|baseline|neutral)-\d{1,12})\.log")

Run = Annotated[
    str | None,
    Field(description="Which run: its TAG. Default: the active one, else the newest."),
]
Number = Annotated[int, Field(ge=0, le=10**9, description="The number of a trial.")]
State = Annotated[
    int | None,
    Field(
        ge=0,
        le=10**9,
        description="The number of a trial: the files as it ran. Default: the run's newest state.",
    ),
]
Offset = Annotated[int, Field(ge=0, le=10**9, description="Where to begin.")]
Order = Literal["newest", "oldest", "best"]


class ReadTools:
    """What an agent may read of the runs of a repository."""

    def __init__(self, repository: Repository, grant: Grant) -> None:
        self._repository = repository
        self._grant = grant

    def list_runs(self) -> Runs:
        """List the runs of this repository: their state, trials, keeps and best scores."""
        tags = self._repository.tags()
        lines = tuple(self._line(tag) for tag in tags[:MAX_RUNS])
        return Runs(runs=lines, more=len(tags) - len(lines), allowed=self._grant.value)

    def _line(self, tag: str) -> RunLine:
        try:
            with self._repository.reading(tag) as served:
                view = served.view
                measured = [t for t in view.trials if t.result and t.status != "baseline"]
                return RunLine(
                    run=tag,
                    state="stopped" if view.pid is None else "running",
                    trials=len(measured),
                    kept=kept_in(view.trials),
                    best=view.best.value if view.best else None,
                    direction=view.run.goal.direction,
                    last_verdict=view.trials[-1].at if view.trials else "",
                    untrusted=RunText(metric=line(view.run.goal.metric, NAME)),
                )
        except Fault as fault:
            text = RunText(metric="", problem=line(fault.message))
            return RunLine(run=tag, state="unreadable", untrusted=text)

    def status(self, run: Run = None) -> Now:
        """Show how far a run is.

        With what is training now and on which machines, the best score, the noise, the counts by
        status, the bounds and what was spent, and what was learnt so far.
        """
        with self._repository.reading(run) as served:
            view = served.view
            asked = view.run
            curves = self._repository.watch.curves(served.tag)
            in_flight = []
            for attempt in served.history.in_flight:
                curve = curves.get(attempt.number, ())
                progress = curve[-1][0] if curve else None
                in_flight.append(flying(attempt, progress, view))
            steering = steering_of(served.history.inputs, len(view.trials))
            return Now(
                run=served.tag,
                running=view.pid is not None,
                paused=steering.paused is not None,
                held=steering.held is not None,
                in_flight=tuple(in_flight),
                places=tuple(places_of(view)),
                trainings_lost=view.places.lost,
                counts=dict(view.counts),
                direction=asked.goal.direction,
                scale=asked.goal.scale,
                budget=asked.allowance,
                baseline=view.baseline.value if view.baseline else None,
                best=view.best.value if view.best else None,
                best_number=view.best.number if view.best else None,
                gain=gain_text(view),
                noise=view.noise.scatter,
                trials_planned=asked.trials,
                hours_planned=asked.hours,
                max_cost=asked.max_cost,
                cost=spending_of(entry.proposal for entry in view.proposed).dollars,
                training_seconds=view.pace.training,
                trials_per_hour=view.per_hour,
                untrusted=text_of(view, served.history),
            )

    def ledger(
        self,
        run: Run = None,
        statuses: Annotated[
            list[Status] | None, Field(description="Only trials of these statuses.")
        ] = None,
        since: Annotated[
            int, Field(ge=0, le=10**9, description="Only trials from this number on.")
        ] = 0,
        words: Annotated[
            str,
            Field(
                max_length=NAME,
                description="Only trials whose hypothesis, rationale or reason has these words.",
            ),
        ] = "",
        order: Annotated[Order, Field(description="Which trials come first.")] = "newest",
        offset: Offset = 0,
        limit: Annotated[int, Field(ge=1, le=MAX_ROWS, description="Rows of a page.")] = 20,
    ) -> LedgerPage:
        """Show a page of the table of trials: status, score, change, reason, hypothesis."""
        with self._repository.reading(run) as served:
            chosen = [
                trial
                for trial in served.view.trials
                if trial.number >= since
                and (not statuses or trial.status in statuses)
                and words.casefold() in _words(trial)
            ]
            ordered = _ordered(chosen, order, served)
            page = ordered[offset : offset + limit]
            more = offset + limit < len(ordered)
            return LedgerPage(
                run=served.tag,
                rows=tuple(row_of(trial, served.view.formatter) for trial in page),
                total=len(ordered),
                next_offset=offset + limit if more else None,
            )

    def trial(self, number: Number, run: Run = None) -> TrialPage:
        """Show one trial in full.

        Its hypothesis, edits, diff, scores pair by pair, curve, and the end of its training logs.
        """
        with self._repository.reading(run) as served:
            entry = served.entry(number)
            trial = None if isinstance(entry, Attempt) else entry
            result = trial.result if trial else None
            scores = result.scores[:MAX_PAIRS] if result else ()
            pairs = trial.pairs[:MAX_PAIRS] if trial else ()
            curve = self._curve(served, entry)
            return TrialPage(
                run=served.tag,
                row=row_of(entry, served.view.formatter),
                starred=marks_of(served.history.inputs, number).starred,
                attempt=served.state(number),
                expected=entry.proposal.expected,
                interval=trial.interval if trial else None,
                pairs=tuple((pair.seed, pair.candidate, pair.incumbent) for pair in pairs),
                scores=tuple((score.seed, score.value, score.kind) for score in scores),
                curve=Curve(points=curve[:: max(1, len(curve) // MAX_POINTS)]),
                peak_memory_mb=result.peak_memory_mb if result else None,
                untrusted=self._text(served, entry),
            )

    def _curve(self, served: Served, entry: Trial | Attempt) -> tuple[tuple[float, float], ...]:
        if isinstance(entry, Attempt):
            return self._repository.watch.curves(served.tag).get(entry.number, ())
        return entry.result.curve if entry.result else ()

    def _text(self, served: Served, entry: Trial | Attempt) -> TrialText:
        edits = [edit.model_dump(mode="json") for edit in entry.proposal.edits]
        result = None if isinstance(entry, Attempt) else entry.result
        facts = list(result.facts.items())[:MAX_FACTS] if result else []
        notes = marks_of(served.history.inputs, entry.number).notes
        return TrialText(
            rationale=block(entry.proposal.rationale),
            edits=block(json.dumps(edits, ensure_ascii=False, indent=1)),
            diff=block(served.files.change(served.state(entry.number))),
            detail=line(result.detail) if result else "",
            tail=block(result.tail if result else "").text,
            facts={line(name, NAME): line(str(value), NAME) for name, value in facts},
            logs=_logs(served, entry.number),
            notes=tuple(map(line, notes[-MAX_NOTES:])),
        )

    def compare(
        self,
        runs: Annotated[
            list[str], Field(min_length=2, max_length=MAX_COMPARED, description="Their TAGs.")
        ],
    ) -> Comparison:
        """Show runs side by side, and in what they differ so that scores cannot be compared."""
        columns = []
        views = []
        for run in runs:
            with self._repository.reading(run) as served:
                columns.append(column_of(served.view, served.history))
                views.append(served.view)
        return Comparison(columns=tuple(columns), differ_in=tuple(differences(views)))

    def constants(
        self,
        run: Run = None,
        searched: Annotated[
            bool, Field(description="Only constants that the search methods vary.")
        ] = True,
    ) -> Constants:
        """List the constants at the run's tip: value, range, what was tried, and its effect."""
        from agent.serve.effects import constants_of  # libcst and scikit-learn take long to load

        with self._repository.reading(run) as served:
            return constants_of(served, self._repository.around.settings, searched)

    def list_files(self, run: Run = None, trial: State = None, offset: Offset = 0) -> FileList:
        """List the files that may be read at one state of a run, and which of them edits may touch.

        Hidden files (the evaluator, held-out data, how it is made) are not among them.
        """
        with self._repository.reading(run) as served:
            state = served.state(trial)
            paths = list(served.files.at(state))
            page = paths[offset : offset + MAX_PATHS]
            project = served.history.project
            editable = [path for path in page if project.edits(path)]
            names = FileNames(paths=tuple(map(line, page)), editable=tuple(map(line, editable)))
            end = offset + MAX_PATHS
            return FileList(
                run=served.tag,
                state=state,
                total=len(paths),
                next_offset=end if end < len(paths) else None,
                untrusted=names,
            )

    def read_file(
        self,
        path: Annotated[
            str, Field(max_length=500, description="The path as list_files writes it.")
        ],
        run: Run = None,
        trial: State = None,
        offset: Annotated[int, Field(ge=0, le=10**9, description="The character to begin at.")] = 0,
    ) -> FilePage:
        """Read a file of the project as a trial ran it, or as it is at the run's newest state."""
        with self._repository.reading(run) as served:
            state = served.state(trial)
            text = FileText(
                path=line(path), content=block(served.files.text(state, path), begins=offset)
            )
            return FilePage(run=served.tag, state=state, untrusted=text)

    def brief(self, run: Run = None) -> Brief:
        """Read the run's program.md: what its owner asked for. It is quoted data as well."""
        with self._repository.reading(run) as served:
            program = BriefText(program=block(served.history.program))
            return Brief(run=served.tag, untrusted=program)


def _words(trial: Trial) -> str:
    """Return the text of a trial that the filter `words` searches."""
    proposal = trial.proposal
    return "\n".join((proposal.hypothesis, proposal.rationale, trial.reason)).casefold()


def _ordered(trials: list[Trial], order: Order, served: Served) -> list[Trial]:
    if order == "oldest":
        return trials
    if order == "newest":
        return trials[::-1]
    sense = served.view.run.sense
    scored = [(sense.loss(t.value), t) for t in trials if t.value is not None]
    return [trial for _, trial in sorted(scored, key=lambda pair: pair[0])]


def _logs(served: Served, number: int) -> tuple[Log, ...]:
    paths = [path for path in log_paths(served.history, number) if OF_TRAINING.fullmatch(path.name)]
    logs = []
    for path in paths[:MAX_LOGS]:
        logs.append(Log(name=path.name, tail=block(tail(path, LOG))))
    return tuple(logs)
