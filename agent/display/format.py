"""Formats data, trusted or not, for a terminal: sparklines, bars, numbers, colours."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import chain
from math import copysign, expm1

from rich.console import Console
from rich.text import Text

from agent.judge.noise import Noise
from agent.records.curves import Curve, held_loss_at
from agent.records.objective import MAX_EXPONENT, VAL_BPB, Objective, amount_text, score_text
from agent.records.pace import Pace
from agent.records.proposals import Provenance
from agent.records.results import Attempt, Trial
from agent.records.spending import spending_of
from sandbox.ground.record import Record
from sandbox.ground.text import flat, printable, shortened

# A difference of this many times the noise or more is as good as without noise.
MANY_TIMES = 10_000
# Characters of a metric's name at the head of a column, and elsewhere.
HEAD = 16
NAME = 60
# Width of text that is no terminal's: wide enough that nothing is cut or wrapped.
PAPER = 10_000

STYLES = {
    "baseline": "cyan",
    "keep": "bold green",
    "simplify": "green",
    "discard": "dim",
    "guarded": "yellow",
    "suspect": "bold yellow",
    "held": "bold yellow",
    "pruned": "dim",
    "crash": "red",
    "oom": "red",
    "timeout": "yellow",
    "invalid": "magenta",
    "over-limit": "yellow",
    "skipped": "dim",
    "refused": "yellow",
    "adopted": "blue",
    "reported": "dim",
}

_BLOCKS = "▁▂▃▄▅▆▇█"
_ASCII_BLOCKS = "_.-:=+*#"
_BAR = ("━", "╸", "─")
_ASCII_BAR = ("#", "", "-")
_ASCII_TWINS = str.maketrans(
    {
        "→": "->",
        "←": "<-",
        "×": "x",
        "·": "|",
        "–": "-",
        "—": "-",
        "−": "-",
        "…": "...",
        "±": "+-",
        "≤": "<=",
        "≥": ">=",
        "²": "^2",
        "‘": "'",
        "’": "'",
        "“": '"',
        "”": '"',
        "Δ": "d",
        "│": "|",
        "─": "-",
        "µ": "u",
    }
)


def allowance_words(allowance: str) -> str:
    """Return `budget 300s` or `limit 1.1x`: the bound on a training's time, in words."""
    return allowance if allowance.startswith("limit ") else f"budget {allowance}"


class Formatter(Record):
    """Formats values for one console and one objective."""

    ascii_only: bool = False
    """The console's encoding is not UTF-8."""
    plain: bool = False
    """The console is not a terminal."""
    objective: Objective = VAL_BPB
    """The metric, which decides how scores and differences are written."""

    def line(self, text: str) -> str:
        """Return untrusted `text` as one line without control characters."""
        return self._draw(flat(text))

    def block(self, text: str) -> str:
        """Return untrusted `text` with its line ends and no other control characters."""
        return self._draw(printable(text).expandtabs(4))

    def _draw(self, text: str) -> str:
        if not self.ascii_only:
            return text
        return text.translate(_ASCII_TWINS).encode("ascii", "backslashreplace").decode()

    # ------------------------------------------------------------ pictures

    def sparkline(self, curve: Curve, width: int, scale: tuple[float, float] | None = None) -> str:
        """Return `curve` over the whole budget in `width` characters, as far as training is.

        scale: the losses at the bottom and at the top.
        """
        if not curve:
            return ""
        low, high = scale or spread(curve)
        blocks = _ASCII_BLOCKS if self.ascii_only else _BLOCKS
        count = max(1, round(curve[-1][0] * width))
        losses = [held_loss_at(curve, (cell + 0.5) / width) for cell in range(count)]
        return "".join(blocks[_level(loss, low, high, len(blocks))] for loss in losses)

    def bar(self, fraction: float, width: int) -> Text:
        """Return a progress bar of `width` characters."""
        full, half, empty = _ASCII_BAR if self.ascii_only else _BAR
        halves = int(min(1.0, max(0.0, fraction)) * width * 2)
        done = full * (halves // 2) + half * (halves % 2)
        return Text.assemble((done, "cyan"), (empty * (width - len(done)), "dim"))

    # ------------------------------------------------------------ numbers

    def status(self, status: str) -> Text:
        """Return the name of a status in its colour."""
        return Text(status, style=STYLES.get(status, ""))

    @property
    def metric(self) -> str:
        """The metric's name, cut where it is too long to be read."""
        return self._draw(shortened(self.objective.metric, NAME))

    @property
    def head(self) -> str:
        """The metric's name as the head of a column."""
        return self._draw(shortened(self.objective.metric, HEAD))

    def score(self, value: float | None) -> str:
        """Return a score as text; "" if it is None."""
        return "" if value is None else score_text(value)

    def change(self, delta: float | None) -> str:
        """Return a difference of losses as a change of the metric; "" if it is None."""
        if delta is None:
            return ""
        return self.objective.sense.change_text(delta)

    def interval(self, interval: tuple[float, float]) -> tuple[str, str]:
        """Return the ends of an interval of losses as changes of the metric, the lower first."""
        change = self.objective.sense.change
        low, high = sorted(interval, key=change)
        return self.change(low), self.change(high)

    def gain(self, size: float, form: str = "") -> str:
        """Return a reduction of the loss as a gain of the metric; a negative one is a worsening."""
        text = f"{size:{form}}" if form else amount_text(size)
        match self.objective.scale:
            case "log":
                change = self.objective.sense.change(-size)
                return f"{copysign(expm1(min(change, MAX_EXPONENT)), size):.2%}"
            case "logit":
                return f"{text} logit"
        return text

    def spread(self, sd: float, form: str = ".2g") -> str:
        """Return a standard deviation of losses in the unit that changes of the metric have.

        form: "" for as many digits as changes have.
        """
        text = f"{sd:{form}}" if form else amount_text(sd)
        match self.objective.scale:
            case "log":
                return f"{100 * expm1(min(sd, MAX_EXPONENT)):.3g}%"
            case "logit":
                return f"{text} logit"
        return text

    def delta(self, delta: float | None) -> Text:
        """Return a difference of losses as a change of the metric: green where it is better."""
        if delta is None:
            return Text("")
        style = ""
        if delta < 0:
            style = "green"
        elif delta > 0:
            style = "red"
        return Text(self.change(delta), style=style)


USUAL = Formatter()
"""Formats val_bpb for a console with UTF-8."""


def formatter_for(console: Console, objective: Objective = VAL_BPB) -> Formatter:
    """Return the formatter that suits `console`."""
    return Formatter(
        ascii_only=console.options.ascii_only, plain=not console.is_terminal, objective=objective
    )


def open_console(stderr: bool = False) -> Console:
    """Return the console on stdout (or stderr), without markup or guessed highlighting.

    If it is no terminal, nothing is cut and no escape codes are written.
    """
    paper = not (sys.stderr if stderr else sys.stdout).isatty()
    return Console(
        stderr=stderr,
        markup=False,
        highlight=False,
        emoji=False,
        width=PAPER if paper else None,
        # FORCE_COLOR in the environment would have escape codes in files.
        force_terminal=False if paper else None,
    )


def spread(*curves: Curve) -> tuple[float, float]:
    """Return the losses at the bottom and at the top of a picture of these curves.

    The steep fall of the first steps is left out: it would flatten the rest.
    """
    points = list(chain(*curves))
    losses = [loss for _, loss in points]
    later = [loss for fraction, loss in points if fraction > 0.1]
    return min(losses), max(later or losses)


def _level(loss: float, low: float, high: float, levels: int) -> int:
    if high <= low:
        return 0
    return min(levels - 1, max(0, round((loss - low) / (high - low) * (levels - 1))))


def times(multiple: float, form: str = ".1f") -> str:
    """Return a multiple of the noise as text; huge ones are shown as a lower bound."""
    if abs(multiple) >= MANY_TIMES:
        return f">{MANY_TIMES}" if multiple > 0 else f"<-{MANY_TIMES}"
    return f"{multiple:{form}}"


def duration(seconds: float) -> str:
    """Return `12 s`, `4:05` or `3:04:05`."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, left = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"


def rough_time(seconds: float) -> str:
    """Return a duration in few characters: `12 s`, `40 min`, `13 h` or `3 d`."""
    if seconds < 120:
        return f"{max(0.0, seconds):.0f} s"
    if seconds < 2 * 3600:
        return f"{seconds / 60:.0f} min"
    if seconds < 48 * 3600:
        return f"{seconds / 3600:.0f} h"
    return f"{seconds / 86400:.0f} d"


def utc_time(stamp: str) -> str:
    """Return an ISO 8601 time as `2026-11-24 15:04 UTC`; empty for an empty text."""
    if not stamp:
        return ""
    return datetime.fromisoformat(stamp).astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def memory(megabytes: float | None) -> str:
    """Return `812 MB` or `43.9 GB`, in powers of 1024."""
    if megabytes is None:
        return ""
    return f"{megabytes:.0f} MB" if megabytes < 1000 else f"{megabytes / 1024:.1f} GB"


def proposer(by: Provenance) -> str:
    """Return the proposer in words: the method, its model if any, and the trial that it repeats."""
    name = f"{by.method}/{by.model}" if by.model else by.method
    if by.adopts is not None:
        return f"{name} {by.adopts}"
    return f"{name} (again #{by.replays})" if by.replays is not None else name


def noise_text(noise: Noise, formatter: Formatter = USUAL) -> str:
    """Return the noise of a run in words, in the unit that changes of its metric have."""
    if noise.sd is None and noise.seeds is None:
        return "not measured yet: no seed or trial re-run"
    parts = []
    spread = formatter.spread
    between = "neutral perturbations" if noise.perturbed else "seeds"
    if noise.sd is not None:
        degrees = "1 degree" if noise.degrees == 1 else f"{noise.degrees} degrees"
        pairs = f"per paired comparison ({degrees} of freedom)"
        parts.append(f"±{spread(noise.sd)} {pairs}")
        if noise.seeds is not None:
            parts.append(f"±{spread(noise.seeds)} between {between} ({noise.runs} runs)")
    elif noise.seeds is not None:
        parts.append(f"±{spread(noise.seeds)} between the baseline's {noise.runs} {between}")
    if noise.spread is not None:
        count = noise.spread.machines
        parts.append(f"±{spread(noise.spread.effect)} between {count} machines, noise apart")
    if noise.sd is None:
        return f"{', '.join(parts)}; no trial re-run yet"
    return ", ".join(parts)


def pace_text(pace: Pace) -> str:
    """Return `1:30 of training in 2:04; 10.4 trials per hour`, without unknown parts."""
    text = f"{duration(pace.training)} of training"
    if pace.elapsed is not None:
        text += f" in {duration(pace.elapsed)}"
        if pace.training > pace.elapsed:
            text += ", several at once"
    if pace.per_hour is not None:
        text += f"; {pace.per_hour:.1f} trials per hour"
    return text


def dollars(amount: float) -> str:
    """Return `$1.23`, or `$0.0042` where cents would hide it."""
    return f"${amount:.4f}" if 0 < amount < 0.1 else f"${amount:.2f}"


def spending(trials: Sequence[Trial | Attempt]) -> str:
    """Return the cost of the proposals: `$1.23`, or a lower bound in dollars with its reason."""
    spent = spending_of(trial.proposal for trial in trials)
    amount = dollars(spent.dollars)
    if not spent.unpriced:
        return amount
    return f"at least {amount} (the price of {spent.unpriced} is not fully known)"
