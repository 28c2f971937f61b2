"""Finds named numbers in text that a training prints, and which way they are better by name."""

import json
import re
from collections.abc import Iterable, Iterator
from operator import itemgetter
from typing import Any

from pydantic import FiniteFloat

from agent.records.objective import Direction
from sandbox.ground.record import Record
from sandbox.ground.text import is_plain, one_line
from sandbox.score.forms import MAX_NESTED, OTHERS, Form, Printed, json_objects, parts_of

MAX_NAMES = 200
"""Names that are told apart in one log."""
MAX_TRIED = 1_000
"""Names that are tried: what it takes to read a new one is most of the work."""
MAX_LINE = 2_000
"""Characters of a line that are looked at."""
MAX_NAME = 100
MAX_QUOTE = 120

_NAMED = re.compile(
    r"""(?<![\w.@/\-])
    (?P<name> [^\W\d_][\w.@/\-]{0,40} (?: [ ](?: [^\W\d_] | \( )[\w.@/\-)]{0,40} ){0,5} )
    ["'*`]{0,3} (?: [ \t]{0,40}[:=|│：](?: \*\* )?[ \t]{0,40} | [ \t]{1,40} ) ["'*`$]?
    (?: [A-Za-z_][\w.]{0,40} \( \[? )? [+\-]? (?: \d | \.\d )""",
    re.VERBOSE,
)
_QUALIFIERS = frozenset(f"{OTHERS}|final|overall|total|macro|micro|weighted".split("|"))
"""Words that make a name another one: `best accuracy` is not `accuracy`."""
_WORD = re.compile(r"[A-Z]+(?![a-z])[0-9]*|[A-Z]?[a-z]+[0-9]*|[0-9]+")


def words_of(text: str) -> frozenset[str]:
    """Return the words of a text."""
    return frozenset(text.split())


_UP = words_of(
    """acc accuracy auc auroc auprc aupr roc f1 fscore precision recall map ap ndcg mrr iou miou
    dice jaccard bleu rouge meteor cider r2 reward rewards return returns score fitness win
    winrate wins hit hits elo sharpe profit pnl psnr ssim correlation corr pearson spearman
    throughput speedup fps correct top1 top5 kappa mcc specificity sensitivity coverage similarity
    elbo likelihood radii flops gflops tflops gflop tflop qps tps rps ips iops"""
)
_DOWN = words_of(
    """loss losses error err mse rmse mae mape rmsle msle ppl perplexity nll bpb bpc bpd latency
    wer cer fid kl divergence cost regret brier ece crossentropy entropy logloss ce drawdown
    distance runtime residual"""
)
_COSTS = words_of("time seconds secs sec ms memory elapsed duration mb gb benchmarks")
"""What a training prints beside its result: lower is better, but seldom what is meant."""
_SPEEDS = words_of(
    """time seconds secs sec ms us elapsed duration benchmarks latency runtime throughput fps
    speedup flops gflops tflops qps"""
)
_RATE = re.compile(r"(?i)\w(?:/| per |_per_)(?:s|sec|secs|seconds?)\b")
"""What a speed ends in: `GB/s`, `tokens_per_sec`."""
_COUNTS = words_of(
    """epoch epochs step steps iter iters iteration iterations batch batches lr seed params
    parameters samples tokens examples size rank fold gpus"""
)
"""What is never a result."""
_VALIDATION = words_of("val valid validation eval evaluation dev holdout heldout cv")
_HELD_OUT = _VALIDATION | {"test"}
_LEADING = words_of("fid kid lpips sharpe combined overall final")
"""Words of a name that make it the one result among several."""
_CENTRES = words_of("mean median")
"""The times of pytest-benchmark that stand for all rounds."""
_NO_NAME = words_of(
    """to at in on of for with from by than and or is was are against via over per up after
    before saved took using"""
)
"""Words before a number that name nothing."""
_TRAIN = frozenset(("train", "training"))
_SPREADS = words_of("std min worst lowest baseline initial init target previous prev old")


class Number(Record):
    """A number by its name, as it was printed last."""

    name: str
    value: FiniteFloat | None
    """None where only the source was read."""
    line: str
    """Where it stands, in one printable line."""
    times: int = 1
    """How many lines have it."""

    @property
    def direction(self) -> Direction | None:
        """Whether lower or higher is better, by its name."""
        if self.value is not None and self.value < 0 and "drawdown" in _words(self.name):
            return "maximize"
        return direction_of(self.name)


def direction_of(name: str) -> Direction | None:
    """Return which way a metric is better by its name; None where the name does not say it."""
    if _RATE.search(name):
        return "maximize"
    words = _words(name)
    direction: Direction | None = None
    for word in words:
        if word in _UP:
            direction = "maximize"
        elif word in _DOWN or word in _COSTS:
            direction = "minimize"
    if direction and {"neg", "negative"} & set(words):
        return "minimize" if direction == "maximize" else "maximize"
    return direction


def is_speed(name: str) -> bool:
    """Return whether a metric says by its name that it is how fast something runs."""
    return bool(set(_words(name)) & _SPEEDS or _RATE.search(name))


def numbers_in(lines: Iterable[str], real: bool = True) -> tuple[Number, ...]:
    """Return the numbers in lines of output that the harness could read by their names.

    In the order in which each was printed last. real: whether the lines were printed; else their
    values mean nothing.
    """
    found: dict[str, tuple[float, str, int]] = {}
    forms: dict[str, Form] = {}
    for line in lines:
        text = line[:MAX_LINE]
        for name, value in _in_line(text, forms):
            before = found.pop(name, None)
            if before or len(found) < MAX_NAMES:
                found[name] = (value, text, before[2] + 1 if before else 1)
    return tuple(
        Number(
            name=name,
            value=value if real else None,
            line=one_line(text.strip(), MAX_QUOTE),
            times=times,
        )
        for name, (value, text, times) in found.items()
    )


def likely(numbers: Iterable[Number]) -> tuple[Number, ...]:
    """Return the numbers that may be the result of a training, the likeliest first."""
    ranked = []
    for place, number in enumerate(numbers):
        rank = _rank(number)
        if rank is not None:
            ranked.append(((*rank, -place), number))
    ranked.sort(key=itemgetter(0), reverse=True)
    return tuple(number for _, number in ranked)


def _rank(number: Number) -> tuple[int, ...] | None:
    """Return a sort key of a number: low for a training's likely result; None if it is none.

    What was printed once, at the end, comes before what was printed all along.
    """
    words = set(_words(number.name))
    if words & _SPREADS or (words & _COUNTS and not words & (_UP | _DOWN)):
        return None
    kind = 0
    if words & (_UP | _DOWN) or _RATE.search(number.name):
        kind = 2
    elif words & _COSTS:
        kind = 1
    split = 1
    if words & _VALIDATION:
        split = 3
    elif words & _HELD_OUT:
        split = 2
    elif words & _TRAIN:
        split = 0
    timed = "benchmarks" in words and bool(words & _CENTRES)
    leading = 2 * (timed or bool(words & _LEADING)) + bool(words & _UP)
    return kind, split, leading, int(number.times == 1)


def _words(name: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(name)]


def _in_line(line: str, forms: dict[str, Form]) -> Iterator[tuple[str, float]]:
    """Yield the names in a line with the value that the harness would read for each.

    forms: those of the names that were tried; new ones are added, up to MAX_TRIED.
    """
    names: list[str] = []
    for data, _, _ in json_objects(line):
        names += [path for path, _ in _leaves(data)]
    if not names:
        names = [match["name"] for match in _NAMED.finditer(line)]
    for name in dict.fromkeys(names):
        own, printed = _shortest(name.strip(), line, forms)
        is_name = is_plain(own) and 0 < len(own) <= MAX_NAME and not _names_nothing(own)
        if is_name and printed is not None and abs(printed.value) < float("inf"):
            yield own, printed.value


def _read(name: str, line: str, forms: dict[str, Form]) -> Printed | None:
    """Return the last value of a name in a line; None without one, or if too many were tried."""
    form = forms.get(name)
    if form is None:
        if len(forms) >= MAX_TRIED:
            return None
        form = forms[name] = Form(name)
    return form.last(line)


def _names_nothing(name: str) -> bool:
    """Return whether a name has only words such as `to`; one of another script has no words."""
    words = set(_words(name))
    return bool(words) and words <= _NO_NAME


def _shortest(name: str, line: str, forms: dict[str, Form]) -> tuple[str, Printed | None]:
    """Return a name without the words before it that no reading needs, and what it reads.

    `done, val_acc` is `val_acc`.
    """
    value = _read(name, line, forms)
    words = name.split(" ")
    while value and len(words) > 1 and words[0].lower().strip("()") not in _QUALIFIERS:
        shorter = " ".join(words[1:])
        read = _read(shorter, line, forms)
        if read is None or read.value != value.value or not shorter[:1].isalpha():
            break
        if direction_of(shorter) is None and direction_of(name) is not None:
            break
        words = words[1:]
        value = read
    return " ".join(words), value


def _leaves(data: Any, above: str = "", depth: int = 0) -> Iterator[tuple[str, float]]:
    """Yield the numbers in nested objects and lists by their paths."""
    if depth > MAX_NESTED:
        return
    for key, value in parts_of(data):
        path = f"{above}{key}"
        if isinstance(value, float):
            yield path, value
        else:
            yield from _leaves(value, f"{path}.", depth + 1)


def as_json(names: Iterable[str]) -> str:
    """Return a JSON object with these names, as a dictionary in a source would be printed."""
    return json.dumps(dict.fromkeys(names, 0.5))
