"""Shared by `start` and `resume`: where trials run, the session's parts, and handing on."""

import shlex
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from agent.cli.build import Kit, Place, elsewhere_of
from agent.cli.choices import Asked, build_proposer, build_staff
from agent.cli.detach import Flag, go_on, renew, words_of
from agent.cli.news import News
from agent.cli.run_log import RunLog
from agent.cli.session import bounds_of, trackers_of, work
from agent.cli.slurm import GoingOn, place_of_trials, send_inside
from agent.cli.slurm_options import OnSlurm
from agent.display.waiting import waiting
from agent.evaluate.engines import read_where
from agent.evaluate.slots import Slot
from agent.evaluate.where import RAY, Where
from agent.history.history import History
from agent.project.data import Prepared
from agent.project.find import Project
from agent.project.resolve import SessionOptions
from agent.propose import Method, Proposer
from agent.run.bounds import Renewal
from agent.run.drafting import Staff
from agent.trackers import Trackers
from sandbox.tiers.choose import Chosen


@dataclass(frozen=True)
class Manner:
    """The options for how and where a session works."""

    where: Where
    slurm: OnSlurm
    workers: int | None
    tracker: tuple[str, ...]
    notify: str | None
    trust: bool
    unsafe: bool
    detach: bool
    as_json: bool

    @property
    def goes_inside(self) -> bool:
        """Whether the driver works in the batch job."""
        return self.slurm.goes_inside(self.where)

    @property
    def stays(self) -> bool:
        """Whether the driver is this process."""
        return not self.detach and not self.goes_inside

    def check(self, options: SessionOptions) -> None:
        """Raise UsageFault for invalid options of Slurm, and for any without Slurm."""
        self.slurm.check(self.where, options.hours.value, options.workers.value)

    def check_reach(self) -> None:
        """Connect to the cluster, and disconnect. Raise Fault if that fails."""
        if self.where.engine == RAY:
            from agent.evaluate.cluster.ray_cluster import check_reach

            with waiting(f"{self.where}, to connect"):
                check_reach(self.where.address)

    def words(self, **others: Flag) -> list[str]:
        """Return the options for a process that continues the session.

        How many workers there are is a run's own on this machine; elsewhere it is typed each time.
        --trust is not among them: what was agreed to is remembered, and more may be listed then.
        """
        return words_of(
            **others,
            workers=None if self.where.is_local else self.workers,
            tracker=self.tracker,
            notify=self.notify,
            unsafe_no_sandbox=self.unsafe,
            on=None if self.where.is_local else str(self.where),
            **self.slurm.flags,
        )


def manner_of(
    on: str | None,
    slurm: OnSlurm,
    workers: int | None,
    tracker: Sequence[str] | None,
    notify: str | None,
    *,
    trust: bool,
    unsafe: bool,
    detach: bool,
    as_json: bool,
) -> Manner:
    """Return the options of a session. Raise UsageFault for an invalid --on."""
    return Manner(
        where=read_where(on),
        slurm=slurm,
        workers=workers,
        tracker=tuple(tracker or ()),
        notify=notify,
        trust=trust,
        unsafe=unsafe,
        detach=detach,
        as_json=as_json,
    )


@dataclass(frozen=True)
class Crew:
    """The method, the model, the trackers and the news of a session."""

    proposer: Proposer
    staff: Staff
    trackers: Trackers
    news: News
    cancel: threading.Event
    """Ends what they wait for."""


def crew_of(
    project: Project,
    tag: str,
    method: Method,
    model: str | None,
    options: SessionOptions,
    manner: Manner,
) -> Crew:
    """Return the crew of the run `tag`. Raise UsageFault if it cannot work."""
    cancel = threading.Event()
    news = News()
    staff = build_staff(method, model, options)
    asked = Asked(model, options.effort.value)
    return Crew(
        proposer=build_proposer(method, asked, project, tag, cancel, news),
        staff=staff,
        trackers=trackers_of(project, tag, manner.tracker, manner.notify),
        news=news,
        cancel=cancel,
    )


@dataclass(frozen=True)
class Working:
    """A session that is ready to work on a run."""

    place: Place
    options: SessionOptions
    manner: Manner
    log: RunLog
    crew: Crew
    slots: tuple[Slot, ...]
    sandbox: Chosen
    words: Sequence[str]
    """The options of a `resume` that goes on in the same way."""
    bounds: Sequence[str] = ()
    """Its bounds, as far as they are not the run's own."""

    @property
    def resume(self) -> str:
        """The command that goes on where and as this session works."""
        words = () if self.manner.where.is_local else (*self.bounds, *self.words)
        return shlex.join(["autoresearch", "resume", self.log.tag, *words])

    def work(self, history: History, data: Prepared | None) -> Renewal | None:
        """Work on the run in this process, unless another one does; see session.work."""
        manner = self.manner
        if not manner.stays:
            return None
        project = self.place.project
        going_on = GoingOn(self.log, self.resume)
        with place_of_trials(manner.where, manner.slurm, self.options, project, going_on) as where:
            away = elsewhere_of(where, manner.workers, manner.unsafe, history.sources.code)
            settings = self.place.settings
            kit = Kit(settings, self.slots, self.sandbox, data, self.options.caps, away)
            return work(
                history,
                kit,
                self.crew.proposer,
                bounds_of(self.options),
                self.crew.cancel,
                self.log,
                self.crew.trackers,
                as_json=manner.as_json,
                news=self.crew.news,
                staff=self.crew.staff,
                resume=self.resume,
            )

    def hand_on(self, renewal: Renewal | None) -> None:
        """Start another process that continues the run, if one is needed. The lock must be free.

        A renewal has bounds of its own.
        """
        manner = self.manner
        words = (*self.bounds, *self.words)
        if manner.goes_inside:
            request = manner.slurm.request(
                manner.where, self.options.hours.value, self.options.workers.value
            )
            project = self.place.project
            send_inside(request, project, self.log, words, manner.as_json)
        elif manner.detach:
            go_on(self.log, words, manner.as_json)
        elif renewal is not None:
            renew(self.log, renewal, [*self.words, *words_of(json=manner.as_json)])
