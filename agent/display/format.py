"""Turns data, trusted or not, into text that this terminal can show: escapes, sparklines, bars, numbers, colours."""

import sys
import unicodedata
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from agent.records.proposals import Provenance
from agent.records.results import Trial
from sandbox.ground.record import Record

Curve = Sequence[tuple[float, float]]
"""Points (fraction of the budget in 0..1, training loss), by rising fraction."""

# Width of a page that nobody looks at through a terminal: wide enough that nothing is cut or wrapped there.
PAPER = 10_000

STYLES = {
    "baseline": "cyan",
    "keep": "bold green",
    "simplify": "green",
    "discard": "dim",
    "suspect": "bold yellow",
    "pruned": "dim",
    "crash": "red",
    "oom": "red",
    "timeout": "yellow",
    "invalid": "magenta",
    "refused": "yellow",
    "adopted": "blue",
    "reported": "dim",
}

_BLOCKS = "▁▂▃▄▅▆▇█"
_ASCII_BLOCKS = "_.-:=+*#"
_BAR = ("━", "╸", "─")
_ASCII_BAR = ("#", "", "-")
# Control, format (bidirectional overrides too), surrogate, private and unassigned characters, line and paragraph separators.
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
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
        "\u00a0": " ",
    }
)


class Formatter(Record):
    """What can be drawn: `ascii_only` where the terminal does not speak UTF-8, `plain` where it is no terminal."""

    ascii_only: bool = False
    plain: bool = False

    def line(self, text: str) -> str:
        """`text`, whoever wrote it, as one line without control characters."""
        return self._draw(_escape(" ".join(text.split())))

    def block(self, text: str) -> str:
        """`text`, whoever wrote it, with its line ends, without other control characters."""
        return self._draw(
            "\n".join(map(_escape, text.replace("\r\n", "\n").expandtabs(4).split("\n")))
        )

    def _draw(self, text: str) -> str:
        if not self.ascii_only:
            return text
        return text.translate(_ASCII_TWINS).encode("ascii", "backslashreplace").decode()

    # ------------------------------------------------------------ pictures

    def sparkline(self, curve: Curve, width: int, scale: tuple[float, float] | None = None) -> str:
        """`curve` over the whole budget in `width` characters; cells that training has not reached yet stay empty."""
        if not curve:
            return ""
        low, high = scale or spread(curve)
        blocks = _ASCII_BLOCKS if self.ascii_only else _BLOCKS
        cells = [
            loss_at(curve, (cell + 0.5) / width)
            for cell in range(max(1, round(curve[-1][0] * width)))
        ]
        return "".join(blocks[_level(cell, low, high, len(blocks))] for cell in cells)

    def bar(self, fraction: float, width: int) -> Text:
        """A progress bar of `width` characters."""
        full, half, empty = _ASCII_BAR if self.ascii_only else _BAR
        halves = int(min(1.0, max(0.0, fraction)) * width * 2)
        done = full * (halves // 2) + half * (halves % 2)
        return Text.assemble((done, "cyan"), (empty * (width - len(done)), "dim"))

    # ------------------------------------------------------------ numbers

    def status(self, status: str) -> Text:
        """A verdict's name in its colour."""
        return Text(status, style=STYLES.get(status, ""))

    def delta(self, delta: float | None) -> Text:
        """A signed difference in bits per byte; negative is better."""
        if delta is None:
            return Text("")
        return Text(f"{delta:+.6f}", style="green" if delta < 0 else "red" if delta > 0 else "")


def formatter_for(console: Console) -> Formatter:
    """The formatter that suits `console`."""
    return Formatter(ascii_only=console.options.ascii_only, plain=not console.is_terminal)


def open_console(stderr: bool = False) -> Console:
    """The console on stdout (or stderr): no markup, no guessed highlighting; where it is no terminal, no escapes, nothing cut."""
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


def _escape(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        _escaped(char) if unicodedata.category(char) in _UNSAFE else char for char in text
    )


def _escaped(char: str) -> str:
    return char.encode("unicode_escape", "surrogatepass").decode()


def spread(*curves: Curve) -> tuple[float, float]:
    """The losses between which curves are told apart, without the steep fall of the first steps, which would flatten the rest."""
    losses = [loss for curve in curves for _, loss in curve]
    later = [loss for curve in curves for fraction, loss in curve if fraction > 0.1]
    return min(losses), max(later or losses)


def _level(loss: float, low: float, high: float, levels: int) -> int:
    if high <= low:
        return 0
    return min(levels - 1, max(0, round((loss - low) / (high - low) * (levels - 1))))


def loss_at(curve: Curve, fraction: float) -> float:
    """The loss of `curve` (not empty) at `fraction` of the budget, by linear interpolation; its ends are held beyond it."""
    before = curve[0]
    for point in curve:
        if point[0] >= fraction:
            share = (fraction - before[0]) / (point[0] - before[0]) if point[0] > before[0] else 1.0
            return before[1] + max(0.0, share) * (point[1] - before[1])
        before = point
    return before[1]


def bpb(value: float | None) -> str:
    """A score in bits per byte, or nothing where there is none."""
    return "" if value is None else f"{value:.6f}"


def duration(seconds: float) -> str:
    """`12 s`, `4:05` or `3:04:05`."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, left = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"


def memory(megabytes: float | None) -> str:
    """`812 MB` or `43.9 GB`, in powers of 1024."""
    if megabytes is None:
        return ""
    return f"{megabytes:.0f} MB" if megabytes < 1000 else f"{megabytes / 1024:.1f} GB"


def proposer(by: Provenance) -> str:
    """Who proposed: the method, with its model where it had one, and what it repeats where it does."""
    name = f"{by.method}/{by.model}" if by.model else by.method
    return f"{name} (again #{by.replays})" if by.replays is not None else name


def spending(trials: Sequence[Trial]) -> str:
    """What the proposals cost in US dollars: `$1.23`, or a lower bound where a price is not known."""
    paid = [trial.proposal.by for trial in trials if trial.proposal.by.origin == "llm"]
    unknown = sum(by.cost is None for by in paid)
    known = f"${sum(by.cost or 0.0 for by in paid):.2f}"
    return f"at least {known} (the price of {unknown} is not known)" if unknown else known
