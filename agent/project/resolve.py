"""Resolves the options of a run from all that may set them, in one order of precedence.

    start, adopt:  flag > front matter of program.md > autoresearch.toml > inferred > default
    start --from:  the same, with how trials are run and judged: > the other run's record > default
    resume:        flag > the run's record (limits of a trial: > autoresearch.toml) > default

Nothing here reads a file or the environment: what was read is passed in.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, TypeVar

from agent.errors import UsageFault
from agent.judge.decide import LEAST_FALSE_KEEPS, VerdictRule
from agent.judge.pruning import PruneRule
from agent.judge.suspicion import Interval
from agent.llm.effort import Effort
from agent.project.flags import Flags
from agent.project.option import Option, Origin, first
from agent.project.program import FrontMatter
from agent.project.settings import (
    Caps,
    RunSettings,
    ScoreKind,
    Settings,
)
from agent.project.staffing import AUTO
from agent.project.time_options import KEEPS_A_BUDGET, TimeInferred, time_options
from agent.project.trust import REPLAY, SCRIPTED
from agent.records.inputs import Set
from agent.records.lineage import Parent
from agent.records.objective import VAL_BPB, Objective, Python
from sandbox.ground.budget import Budget, Limit

T = TypeVar("T")

DEFAULT_WORKERS = 1
DEFAULT_WRITERS: int | Literal["auto"] = AUTO
DEFAULT_SEED = 0
DEFAULT_REPEATS = 3
DEFAULT_VERDICT: VerdictRule = "sequential"
DEFAULT_PRUNE: PruneRule = "off"
DEFAULT_MAX_COST = 20.0
"""Dollars that a new run may spend on a model that sends a bill, where nobody says how many."""
WITH_MODEL = "hybrid"
WITHOUT_MODEL = "trust"

NO_MODEL = "none"
FREE = (SCRIPTED, REPLAY)
"""How the names of models begin that never cost anything."""

ModelNeed = Literal["none", "optional", "needed"]


@dataclass(frozen=True)
class Inferred:
    """What the machine and the project suggest for options that nobody set."""

    model: str | None = None
    """By the keys and servers of the environment."""
    bills: bool = True
    """False if whoever answers sends no bill, as a server of the user's own."""
    time: TimeInferred = KEEPS_A_BUDGET


@dataclass(frozen=True)
class SessionOptions:
    """What one session of work may use."""

    trials: Option[int | None]
    """Measured trials of this session."""
    hours: Option[float | None]
    """Hours of this session."""
    max_cost: Option[float | None]
    """Dollars of the whole run."""
    workers: Option[int]
    writers: Option[int | Literal["auto"]]
    """How many drafts a model writes at once."""
    fill: Option[str]
    """The search method that fills slots which would wait for the model, or `none`."""
    effort: Option[Effort | None]
    """How hard the model is asked to think."""
    memory: Option[int | None]
    """Bytes of main memory of a trial; so are the next three, of its GPUs, its disk and output."""
    vram: Option[int | None]
    disk: Option[int | None]
    output: Option[int | None]

    @property
    def caps(self) -> Caps:
        """The limits of one trial, wherever they came from."""
        return Caps(**{name: getattr(self, name).value for name in Caps.model_fields})


@dataclass(frozen=True)
class StartOptions(SessionOptions):
    """All that a new run is asked for."""

    model: Option[str | None]
    method: Option[str]
    budget: Option[Budget | None]
    """What trainings keep to; None where they end by themselves. Its origin is then that of a
    budget which nothing reads."""
    limit: Option[Limit | None]
    """Of trainings that end by themselves, and of those that turn out to leave their budget."""
    seed: Option[int]
    baseline_repeats: Option[int]
    verdict: Option[VerdictRule]
    false_keeps: Option[float]
    prune: Option[PruneRule]
    look: Option[bool]
    """Whether a model may look before it proposes."""
    plausible: Option[Interval | None]

    def lines(self) -> Iterator[str]:
        """Yield a line for each origin but flags and defaults, with the options that it set."""
        for origin in (Origin.FRONT_MATTER, Origin.SETTINGS, Origin.PARENT, Origin.INFERRED):
            texts = []
            for field in fields(self):
                option = getattr(self, field.name)
                if option.origin is origin:
                    texts.append(f"{field.name} {_in_words(field.name, option.value)}")
            if texts:
                yield f"{origin}: {', '.join(texts)}"

    def record(
        self,
        tag: str,
        start_commit: str,
        score: ScoreKind,
        data_fingerprint: str | None,
        warm: str | None = None,
        objective: Objective | None = None,
        parent: Parent | None = None,
        interpreter: Python | None = None,
    ) -> RunSettings:
        """Return what the run's first commit keeps.

        Limits of a trial are recorded only where they were typed, for the run or for the one that
        it begins at: those of autoresearch.toml are read again by each session.
        """
        options = {name: getattr(self, name).value for name in _RECORDED}
        limit = self.limit.value
        if limit is not None:
            objective = (objective or VAL_BPB).model_copy(update={"limit": str(limit)})
        typed = {name: _typed(getattr(self, name)) for name in Caps.model_fields}
        return RunSettings(
            tag=tag,
            start_commit=start_commit,
            score=score,
            data_fingerprint=data_fingerprint,
            warm=warm,
            caps=Caps(**typed),
            objective=objective,
            parent=parent,
            interpreter=interpreter,
            **options,
        )


_RECORDED = tuple(
    field.name for field in fields(StartOptions) if field.name in RunSettings.model_fields
)


def start_options(
    flags: Flags,
    front_matter: FrontMatter,
    settings: Settings,
    inferred: Inferred,
    need_of: Callable[[str], ModelNeed],
    parent: RunSettings | None = None,
) -> StartOptions:
    """Return the options of a new run; raise UsageFault where they do not fit each other.

    need_of: returns whether a method needs a model; raises UsageFault for an unknown one. parent:
    the record of the run that the new one begins at, by which trials are run and judged alike.
    """
    typed = _cost_bound(flags, front_matter.max_cost, Origin.FRONT_MATTER)
    method, model = _method_and_model(flags, inferred, typed.value, need_of)
    budget, limit = time_options(flags, front_matter, settings, inferred.time, parent)
    max_cost = typed
    if typed == Option(None, Origin.DEFAULT) and inferred.bills and may_cost(model.value):
        max_cost = Option(DEFAULT_MAX_COST, Origin.DEFAULT)
    return StartOptions(
        trials=_bound("trials", flags, front_matter),
        hours=_bound("hours", flags, front_matter),
        max_cost=max_cost,
        workers=_typed_or(flags.workers, DEFAULT_WORKERS),
        writers=_typed_or(flags.writers, DEFAULT_WRITERS),
        fill=_typed_or(flags.fill, WITHOUT_MODEL),
        effort=_effort(flags, None),
        **_caps(flags, parent, settings),
        model=model,
        method=method,
        budget=budget,
        limit=limit,
        seed=_typed_or(flags.seed, DEFAULT_SEED),
        baseline_repeats=_alike("baseline_repeats", flags, parent, DEFAULT_REPEATS),
        verdict=_alike("verdict", flags, parent, DEFAULT_VERDICT),
        false_keeps=_alike("false_keeps", flags, parent, LEAST_FALSE_KEEPS),
        prune=_alike("prune", flags, parent, DEFAULT_PRUNE),
        look=_look(flags, settings),
        plausible=first(
            (front_matter.plausible, Origin.FRONT_MATTER), (settings.plausible, Origin.SETTINGS)
        ),
    )


def resume_options(
    flags: Flags, record: RunSettings, settings: Settings, measured: int
) -> SessionOptions:
    """Return what a session that goes on with a run may use; raise UsageFault where it cannot.

    measured: trials of the run that were measured, without its baseline.
    """
    max_cost = _cost_bound(flags, record.max_cost, Origin.RECORD)
    _refuse_paid(record.model, max_cost.value, "resume")
    return SessionOptions(
        trials=first(
            (flags.trials, Origin.FLAG), (trials_left(record.trials, measured), Origin.RECORD)
        ),
        hours=first((flags.hours, Origin.FLAG), (record.hours, Origin.RECORD)),
        max_cost=max_cost,
        workers=_typed_or(flags.workers, record.workers, Origin.RECORD),
        writers=_typed_or(flags.writers, record.writers, Origin.RECORD),
        fill=_typed_or(flags.fill, record.fill, Origin.RECORD),
        effort=_effort(flags, record),
        **_caps(flags, record, settings),
    )


def with_bounds(record: RunSettings, sets: Sequence[Set]) -> RunSettings:
    """Return what a run was asked for, with the bounds that were set while it worked."""
    changes: dict[str, float | None] = {}
    for step in sets:
        changes |= dict.fromkeys(step.lift)
        values: dict[str, float | None] = {
            "trials": step.trials,
            "hours": step.hours,
            "max_cost": step.max_cost,
        }
        values["workers"] = step.workers
        changes |= {name: value for name, value in values.items() if value is not None}
    return record.model_copy(update=changes)


def recorded_caps(record: RunSettings, settings: Settings) -> Caps:
    """Return the limits of a trial of a run, where no flag sets them."""
    options = _caps(Flags(), record, settings)
    return Caps(**{name: option.value for name, option in options.items()})


def trials_left(planned: int | None, measured: int) -> int | None:
    """Return how many of the planned trials are left; where none is, as many again."""
    if planned is None:
        return None
    return planned - measured if measured < planned else planned


def may_cost(model: str | None) -> bool:
    """Return whether asking this model may cost money."""
    return model is not None and not model.startswith(FREE)


def _method_and_model(
    flags: Flags, inferred: Inferred, max_cost: float | None, need_of: Callable[[str], ModelNeed]
) -> tuple[Option[str], Option[str | None]]:
    model = _model(flags, inferred, max_cost)
    usual = WITH_MODEL if model.value else WITHOUT_MODEL
    method = _typed_or(flags.method, usual)
    need = need_of(method.value)
    if need == "needed" and model.value is None:
        raise UsageFault(
            f"The method {method.value!r} needs a model.",
            f"autoresearch start --method {method.value} --model opus",
        )
    if need == "none":
        model = Option(None, Origin.FLAG if flags.model == NO_MODEL else Origin.DEFAULT)
    _refuse_paid(model.value, max_cost, "start")
    return method, model


def _model(flags: Flags, inferred: Inferred, max_cost: float | None) -> Option[str | None]:
    if flags.model == NO_MODEL:
        return Option(None, Origin.FLAG)
    if flags.model:
        return Option(flags.model, Origin.FLAG)
    if inferred.model is None:
        return Option(None, Origin.DEFAULT)
    if max_cost == 0 and may_cost(inferred.model):
        return Option(None, Origin.INFERRED)
    return Option(inferred.model, Origin.INFERRED)


def _refuse_paid(model: str | None, max_cost: float | None, command: str) -> None:
    """Raise UsageFault where nothing may be spent and asking the model may cost something."""
    if max_cost == 0 and may_cost(model):
        raise UsageFault(
            f"--max-cost 0 allows no question that may cost money, and the model {model!r} may; "
            "only none, scripted:FILE and replay:BRANCH are always free.",
            f"autoresearch {command} --max-cost 10",
        )


def _effort(flags: Flags, record: RunSettings | None) -> Option[Effort | None]:
    if flags.effort is not None or record is None:
        return Option(flags.effort, Origin.FLAG if flags.effort else Origin.DEFAULT)
    return Option(record.effort, Origin.RECORD)


def _alike(name: str, flags: Flags, parent: RunSettings | None, default: T) -> Option[T]:
    """Return an option of judging as the run has it that the new run begins at."""
    recorded = getattr(parent, name, default)
    origin = Origin.DEFAULT if recorded == default else Origin.PARENT
    return _typed_or(getattr(flags, name), recorded, origin)


def _look(flags: Flags, settings: Settings) -> Option[bool]:
    on = settings.look.on
    origin = Origin.DEFAULT if on else Origin.SETTINGS
    return _typed_or(flags.look, on, origin)


def _caps(
    flags: Flags, record: RunSettings | None, settings: Settings
) -> dict[str, Option[int | None]]:
    options = {}
    for name in Caps.model_fields:
        recorded = getattr(record.caps, name) if record else None
        options[name] = first(
            (getattr(flags, name), Origin.FLAG),
            (recorded, Origin.RECORD),
            (getattr(settings, name), Origin.SETTINGS),
        )
    return options


def _bound(name: str, flags: Flags, front_matter: FrontMatter) -> Option[Any]:
    return first(
        (getattr(flags, name), Origin.FLAG), (getattr(front_matter, name), Origin.FRONT_MATTER)
    )


def _cost_bound(flags: Flags, written: float | None, where: Origin) -> Option[float | None]:
    """Return the bound that was typed, or that was written somewhere."""
    if flags.max_cost == "none":
        return Option(None, Origin.FLAG)
    return first((flags.max_cost, Origin.FLAG), (written, where))


def _typed_or(typed: T | None, default: T, origin: Origin = Origin.DEFAULT) -> Option[T]:
    if typed is None:
        return Option(default, origin)
    return Option(typed, Origin.FLAG)


def _typed(option: Option[int | None]) -> int | None:
    return option.value if option.origin in (Origin.FLAG, Origin.RECORD) else None


def _in_words(name: str, value: object) -> str:
    if value is None:
        return "none"
    if name == "max_cost":
        return f"${value:.2f}"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, int) and name in Caps.model_fields:
        return f"{value / 2**30:.3g} GiB"
    return str(value)
