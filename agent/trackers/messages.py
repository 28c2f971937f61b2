"""The messages to a user about a run, and their occasions."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Any, Literal, get_args

from pydantic import Field

from agent.display.claims import change_text
from agent.display.format import Formatter
from agent.display.scores import gain_text
from agent.display.state import baseline_of
from agent.display.waits import wait_words
from agent.judge.decide import incumbent_of
from agent.propose.code.policy import plateau_of
from agent.records.events import ModelWaited, RunStarted
from agent.records.inputs import Admitted, Set
from agent.records.results import TAKEN, Trial
from agent.records.spending import spending_of
from sandbox.ground.record import Record
from sandbox.ground.redaction import redacted
from sandbox.ground.text import one_line

Occasion = Literal["keep", "plateau", "money", "hold", "wait", "error", "end"]
OCCASIONS: tuple[Occasion, ...] = get_args(Occasion)
WAITING = frozenset({"held", "suspect"})
"""Trials with these statuses wait for `autoresearch approve` or `reject`."""
SHARE = 0.75
"""Of the money that a run may spend: told once."""
MOST_CHANGES = 4
MAX_CHARACTERS = 1_000
# A name behind these calls people together in a chat; a hypothesis is written by a model.
_MENTION = re.compile(r"@(?=[A-Za-z!&#])")
_COMMAND = re.compile(r"<(?=[!@#])")


class Message(Record):
    """A message to the user."""

    event: Occasion
    title: str
    """One line."""
    text: str
    """One line in plain words."""
    details: tuple[str, ...] = ()
    """Further lines."""
    next_command: str = ""
    """What to type next."""
    about: Annotated[dict[str, str], Field(max_length=20)] = {}
    """Facts by name, for a program."""
    record: dict[str, Any] = {}
    """The trial, whole, for a program."""

    @property
    def body(self) -> str:
        """Return the message for a mail or a chat."""
        lines = [self.text, *self.details]
        if self.next_command:
            lines += ["", f"next: {self.next_command}"]
        return "\n".join(chat_line(line) if line else "" for line in lines)


def chat_line(text: str) -> str:
    """Return text of others as one line of at most MAX_CHARACTERS.

    It holds no secrets, and nothing that a chat would read as a mention or a command.
    """
    line = one_line(redacted(text), MAX_CHARACTERS)
    return _COMMAND.sub("< ", _MENTION.sub("＠", line))


def _changes(trial: Trial) -> str:
    changes = [change_text(change) for change in trial.changes[:MOST_CHANGES]]
    if len(trial.changes) > MOST_CHANGES:
        changes.append(f"{len(trial.changes) - MOST_CHANGES} more")
    return ", ".join(changes)


def sample() -> Message:
    """Return the message that `autoresearch notify --test` sends."""
    return Message(
        event="end",
        title="autoresearch: a test",
        text="This is what a message about a run looks like; nothing has run.",
        details=("score: val_acc 0.831200 (+0.012000)", "changed: LR 0.1 → 0.2"),
        next_command="autoresearch notify",
        about={"run": "test", "branch": "autoresearch/test"},
    )


class Messages:
    """The messages about one session of a run, in the order of its verdicts."""

    def __init__(self, run: RunStarted) -> None:
        self._run = run
        self._trials = list(run.trials)
        self._formatter = Formatter(objective=run.objective)
        self._is_away = False

    def of_verdict(self, trial: Trial) -> Iterator[Message]:
        """Yield the messages that a verdict causes."""
        spent = self._dollars
        self._trials.append(trial)
        by = trial.proposal.by
        self._is_away = self._is_away and (not by.calls or by.called_off)
        if trial.status in TAKEN:
            yield self._of_trial("keep", trial, "kept", f"autoresearch show {trial.number}")
        elif trial.status in WAITING:
            command = f"autoresearch approve {trial.number}"
            yield self._of_trial("hold", trial, "waits for you", command)
        elif trial.result and len(plateau_of(self._trials)) == self._run.patience:
            yield self._plateau()
        bound = self._run.max_cost
        if bound and spent < SHARE * bound <= self._dollars:
            yield self._money(bound)

    def hear(self, admitted: Admitted) -> None:
        """Handle an input, which may change the bounds."""
        ask = admitted.input.ask
        if not admitted.accepted or not isinstance(ask, Set):
            return
        bound = self._run.max_cost if ask.max_cost is None else ask.max_cost
        self._run = replace(
            self._run,
            max_cost=None if "max_cost" in ask.lift else bound,
            patience=ask.patience or self._run.patience,
        )

    def of_wait(self, waited: ModelWaited) -> Iterator[Message]:
        """Yield the message that the model is away; once, until it has answered again."""
        if not waited.until or self._is_away:
            return
        self._is_away = True
        tag = self._run.tag
        yield Message(
            event="wait",
            title=self._title("goes on without its model"),
            text=f"{tag} is {wait_words(waited.until, waited.reason)}",
            details=(self._best(), self._measured()),
            next_command=f"autoresearch status {tag}",
            about=self._names(),
        )

    def of_end(self, reason: str, failed: bool) -> Message:
        """Return the message at the end of a session. failed: a fault with the message `reason`."""
        tag = self._run.tag
        how = "stopped by an error" if failed else "ended"
        command = f"autoresearch resume {tag}" if failed else f"autoresearch log {tag}"
        return Message(
            event="error" if failed else "end",
            title=self._title(how),
            text=f"{tag} {how}: {reason}",
            details=(self._best(), self._measured()),
            next_command=command,
            about=self._names(),
        )

    def _of_trial(self, event: Occasion, trial: Trial, how: str, command: str) -> Message:
        formatter = self._formatter
        score = self._score(trial)
        what = f"#{trial.number} {how}"
        details = {"score": score, "changed": _changes(trial), "why": trial.reason}
        facts = {
            "trial": str(trial.number),
            "metric": formatter.objective.metric,
            "value": formatter.score(trial.value),
            "delta": formatter.change(trial.delta or 0.0),
            "hypothesis": trial.proposal.hypothesis,
        }
        return Message(
            event=event,
            title=self._title(f"{what}: {score}" if score else what),
            text=f"{self._run.tag} {what}: {trial.proposal.hypothesis}",
            details=tuple(f"{name}: {text}" for name, text in details.items() if text),
            next_command=f"{command} --branch {self._run.tag}",
            about={**self._names(), **facts},
            record={"trial": trial.model_dump(mode="json")},
        )

    def _score(self, trial: Trial) -> str:
        """Return `val_acc 0.83 (+0.01)`; empty where the trial has no score that is believed."""
        if trial.value is None:
            return ""
        formatter = self._formatter
        change = f" ({formatter.change(trial.delta)})" if trial.delta is not None else ""
        return f"{formatter.metric} {formatter.score(trial.value)}{change}"

    def _plateau(self) -> Message:
        count = self._run.patience
        return Message(
            event="plateau",
            title=self._title(f"{count} trials without a keep"),
            text=f"{self._run.tag} has measured {count} trials since the last keep.",
            details=(self._best(),),
            next_command=f"autoresearch tell 'look elsewhere' {self._run.tag}",
            about=self._names(),
        )

    def _money(self, bound: float) -> Message:
        return Message(
            event="money",
            title=self._title(f"${self._dollars:.2f} of ${bound:.2f} spent"),
            text=f"{self._run.tag} has spent ${self._dollars:.2f} of the ${bound:.2f} that it may.",
            details=(self._best(), self._measured()),
            next_command=f"autoresearch status {self._run.tag}",
            about=self._names(),
        )

    @property
    def _dollars(self) -> float:
        return spending_of(trial.proposal for trial in self._trials).dollars

    def _title(self, text: str) -> str:
        return chat_line(f"{self._run.tag}: {text}")

    def _names(self) -> dict[str, str]:
        return {"run": self._run.tag, "branch": self._run.branch}

    def _best(self) -> str:
        """Return the best trial so far, with its gain over the baseline."""
        best = incumbent_of(self._trials)
        baseline = baseline_of(self._trials)
        if best is None or best.value is None:
            return "best: no trial has a score yet"
        formatter = self._formatter
        text = f"best: {formatter.metric} {formatter.score(best.value)} by #{best.number}"
        if baseline is None or best.number == baseline.number:
            return f"{text}, the baseline"
        gain = gain_text(best, baseline, formatter)
        against = f", {gain} against the baseline" if gain else ""
        return f"{text}{against}: {best.proposal.hypothesis}"

    def _measured(self) -> str:
        trials = [trial for trial in self._trials if trial.status != "baseline"]
        kept = sum(trial.status in TAKEN for trial in trials)
        measured = sum(trial.result is not None for trial in trials)
        return f"trials: {measured} measured, {kept} kept"
