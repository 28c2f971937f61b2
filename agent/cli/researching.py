"""Builds the tools, the probes and the description of the machine for a session's model."""

import threading
from itertools import chain
from pathlib import Path

from agent.cli.build import Kit, Place, trial_memory
from agent.history.history import History
from agent.project.around import Around
from agent.run.probing import Probing, probes_in
from agent.run.research import NO_RESEARCH, Research
from agent.serve.looking import Researcher
from agent.serve.machine import about_machine, machine_words
from agent.serve.served import Repository


def _probing_of(history: History, kit: Kit, cancel: threading.Event) -> Probing | None:
    """Return the probes of a session; None if its model makes none."""
    run = history.run
    if run.model is None or not run.look or not kit.settings.look.probes:
        return None
    looked = chain.from_iterable(trial.proposal.by.looked for trial in history.trials)
    return Probing(cancel, run.seed, probes_in(look.tool for look in looked))


def research_of(history: History, kit: Kit, cancel: threading.Event) -> Research:
    """Return the tools of a session's model, and the description of the machine."""
    run = history.run
    if run.model is None:
        return NO_RESEARCH
    project = history.project
    bounds = kit.settings.look
    memory = trial_memory(kit.caps, len(kit.slots))
    machine = about_machine(project, kit.settings, kit.slots, memory)
    words = machine_words(machine)
    if not run.look:
        return Research(machine=words, remembers=bounds.memory)
    probing = _probing_of(history, kit, cancel)
    around = Around(Path(project.root) / project.base, project, kit.settings)
    researcher = Researcher(
        Repository(around), history.tag, bounds, machine, probing, f"the model {run.model}"
    )
    return Research(researcher.begin, probing, words, bounds.memory)


def shown_research(place: Place, tag: str, looks: bool) -> Research:
    """Return the same for a question that is only shown."""
    bounds = place.settings.look
    machine = about_machine(place.project, place.settings)
    words = machine_words(machine)
    if not looks:
        return Research(machine=words, remembers=bounds.memory)
    probing = Probing(threading.Event(), 0) if bounds.probes else None
    around = Around(Path(place.project.root) / place.project.base, place.project, place.settings)
    researcher = Researcher(Repository(around), tag, bounds, machine, probing, "nobody")
    return Research(researcher.begin, None, words, bounds.memory)
