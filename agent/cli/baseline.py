"""Trains the last commit of a project in the sandbox, without a run."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from agent.cli.build import Kit, Place, bench_of, prepared, proven
from agent.cli.choices import options_of
from agent.cli.consent import Consent
from agent.cli.reach import agree_to_read, front_matter_at
from agent.cli.signals import tidy_end
from agent.display.waiting import waiting
from agent.edit.files import Sources
from agent.evaluate.bench import Assignment, Measures
from agent.evaluate.slots import make_slots, this_machine
from agent.history.runs import head_of, trials_folder
from agent.history.sources import refuse_idle_globs, sources_in
from agent.history.unstarted import Unstarted, passing_tag
from agent.project.flags import Flags
from agent.project.objective import objective_of, recorded
from agent.project.program import FrontMatter
from agent.project.resolve import recorded_caps
from agent.records.objective import Objective
from agent.records.proposals import Proposal, Provenance
from agent.records.results import Attempt, Order, Result

BY = Provenance(method="baseline", origin="baseline")


@dataclass(frozen=True)
class Baseline:
    """Trains a project's last commit."""

    place: Place
    sources: Sources
    objective: Objective
    unstarted: Unstarted
    kit: Kit
    bench: Measures

    def train(self, seed: int, texts: Mapping[str, str] | None = None) -> Result:
        """Train and score under a seed. texts: as in Order. Raise KeyboardInterrupt on Ctrl-C."""
        commit = self.unstarted.tip
        order = Order(commit=commit, seed=seed, texts=dict(texts or {}))
        proposal = Proposal(hypothesis="the files as they are", by=BY)
        attempt = Attempt(number=0, commit=commit, parent=commit, proposal=proposal)
        assignment = Assignment(attempt, order, self.bench.slots[0], 1, None)
        result = self.bench.run(assignment, lambda _: None, threading.Event())
        assert result is not None, "nobody cancels it"
        return result

    def log(self, seed: int) -> Path:
        """Return the log of the last training under a seed."""
        folder = trials_folder(self.unstarted.project, self.unstarted.tag)
        return folder / "0000" / f"train-{seed}.log"

    def judged_by(self, objective: Objective) -> "Baseline":
        """Return a Baseline that trains the same code and reads another metric."""
        run = self.unstarted.run.model_copy(update={"objective": recorded(objective)})
        unstarted = Unstarted(self.place.project, run)
        bench = bench_of(unstarted, self.kit)
        return Baseline(self.place, self.sources, objective, unstarted, self.kit, bench)


@contextmanager
def unstarted_baseline(
    place: Place,
    flags: Flags,
    consent: Consent,
    unsafe: bool,
    front_matter: FrontMatter | None = None,
) -> Iterator[Baseline]:
    """Yield a Baseline that trains the project's last commit as a run would.

    front_matter: None for that of the commit. Raise TrustFault if the user does not agree to what a
    training may read.
    """
    project = place.project
    agree_to_read(project, place.settings, consent)
    head = head_of(project)
    matter = front_matter or front_matter_at(project, "HEAD")
    objective = objective_of(project, place.settings, matter, flags)
    options = options_of(flags.model_copy(update={"model": "none"}), place, matter)
    sources = sources_in(project, head)
    refuse_idle_globs(project, sources)
    slots = make_slots(1, *this_machine())
    sandbox = proven(unsafe, sources.code, place, slots)
    with (
        tidy_end(),
        passing_tag(project) as tag,
        prepared(place, head, sandbox, consent) as data,
    ):
        run = options.record(
            tag=tag,
            start_commit=head,
            score=project.score,
            data_fingerprint=data.fingerprint if data else None,
            objective=recorded(objective),
        )
        unstarted = Unstarted(project, run)
        kit = Kit(place.settings, slots, sandbox, data, recorded_caps(run, place.settings))
        yield Baseline(place, sources, objective, unstarted, kit, bench_of(unstarted, kit))


def trained(
    baseline: Baseline, what: str, seed: int, texts: Mapping[str, str] | None = None
) -> Result:
    """Train under a seed, with a line on stderr meanwhile."""
    with waiting(what):
        return baseline.train(seed, texts)
