"""A project with planted improvements, for benchmarks of proposers: real data, a real training.

A linear model predicts readings. Six things are wrong with it, and each counts by itself:

    rate    the rate is too small                       a constant, in the file
    square  the setting's square is missing             code, in the brief
    scale   readings grow exponentially                 two edits at once, in the brief
    pair    the reading before says much                two constants that do nothing alone
    unit    a third of the readings is in Fahrenheit    only the training's log says so
    season  the readings have a season of 17 steps      only the body of prepare.py says so
"""

import subprocess
from math import log
from pathlib import Path

from agent.edit.files import Sources
from agent.records.edits import Edit, ReplaceDefinition, SetConstant

METRIC = "error"
PREPARE = '''"""The readings of a station, and the error of a prediction."""

import math

ROWS = 160


def numbers(split):
    """Yield numbers from 0 to 1, always the same: no seed of a trial may move the data."""
    state = sum(map(ord, split))
    while True:
        state = (state * 1103515245 + 12345) % 2**31
        yield state / 2**31


def rows(split: str) -> list[tuple[int, float, str]]:
    """Return the rows of a split: when, the setting, and the reading as it was written down."""
    draw = numbers(split)
    season = 17
    drift = 0.0
    written = []
    for when in range(ROWS):
        setting = next(draw)
        drift = 0.9 * drift + 0.3 * (sum(next(draw) for _ in range(3)) - 1.5)
        wave = 0.5 * math.sin(2 * math.pi * when / season)
        reading = math.exp(2.0 + setting + 1.5 * setting**2 + wave + drift)
        unit, value = ("F", 32 + 1.8 * reading) if setting > 0.6 else ("C", reading)
        written.append((when, setting, f"{value:.4f} {unit}"))
    return written


def celsius(texts: list[str]) -> list[float]:
    """Return readings as they were written down in one unit."""
    pairs = [text.split() for text in texts]
    return [(float(v) - 32) / 1.8 if unit == "F" else float(v) for v, unit in pairs]


def error(predicted: list[float], true: list[float]) -> float:
    """Return the mean absolute error of the logarithm."""
    pairs = zip(predicted, true, strict=True)
    return sum(abs(math.log(max(a, 2.0) / b)) for a, b in pairs) / len(true)
'''
TRAIN = '''"""Learns to predict the readings of a station from its setting."""

import math
import random

import prepare

RATE = 0.01  # [0.003 .. 1 log]
STEPS = 120
DECAY = 0.0  # [0 .. 0.1]
SHARE = 0.95  # [0.5 .. 1]
SMOOTH = 0.0  # [0 .. 0.2]
PERIOD = 0
LAG = 0  # [0 .. 4]
BLEND = 0.0  # [0 .. 1]


def parse(text):
    value, unit = text.split()
    return float(value)


def features(when, setting):
    parts = [1.0, setting]
    return parts + season(when)


def season(when):
    if not PERIOD:
        return []
    angle = 2 * math.pi * when / PERIOD
    return [math.sin(angle), math.cos(angle)]


def encode(reading):
    return reading


def decode(value):
    return value


def start(count):
    return [0.0] * count


def fit(inputs, targets):
    weights = start(len(inputs[0]))
    for _ in range(STEPS):
        slopes = [DECAY * weight for weight in weights]
        for parts, target in zip(inputs, targets):
            miss = sum(w * p for w, p in zip(weights, parts)) - target
            for place, part in enumerate(parts):
                slopes[place] += 2 * miss * part / len(targets)
        weights = [w - RATE * slope for w, slope in zip(weights, slopes)]
    return weights


def predict(weights, rows, readings):
    values = []
    for when, setting, _ in rows:
        value = sum(w * p for w, p in zip(weights, features(when, setting)))
        values.append(value * (1 - SMOOTH) + SMOOTH * (values[-1] if values else value))
    guesses = [max(2.0, decode(value)) for value in values]
    if not LAG:
        return guesses
    ratios = [1.0] * LAG + [reading / guess for reading, guess in zip(readings, guesses)]
    return [guess * ratio**BLEND for guess, ratio in zip(guesses, ratios)]


random.seed(0)
rows = prepare.rows("training")
kept = [(when, setting, parse(text)) for when, setting, text in rows]
mixed = [text for _, _, text in rows if parse(text) == float(text.split()[0])]
units = {text.split()[1]: text for text in mixed}
if len(units) > 1:
    print(f"warning: readings in {len(units)} units are read alike, such as {units['F']!r}")
kept = random.sample(kept, int(SHARE * len(kept)))
weights = fit([features(w, s) for w, s, _ in kept], [encode(y) for _, _, y in kept])
held = prepare.rows("validation")
true = prepare.celsius([text for _, _, text in held])
print(f"error: {prepare.error(predict(weights, held, true), true):.6f}")
'''
PROGRAM = """Lower the error of the predicted readings. The station's manual says that a reading
grows exponentially, with the setting and with its square. prepare.py is not to be edited.
"""
SETTINGS = f'train = "train.py"\nmetric = "{METRIC}"\ndirection = "minimize"\n'
START = 1.099
"""The error before anything, and after all six: the means of eight seeds."""
END = 0.150
RUNGS: dict[str, tuple[Edit, ...]] = {
    "rate": (SetConstant(name="RATE", value="0.1"),),
    "square": (
        ReplaceDefinition(
            name="features",
            code="def features(when, setting):\n"
            "    parts = [1.0, setting, setting**2]\n    return parts + season(when)\n",
        ),
    ),
    "scale": (
        ReplaceDefinition(
            name="encode",
            code="def encode(reading):\n    return math.log(max(reading, 0.01))\n",
        ),
        ReplaceDefinition(
            name="decode",
            code="def decode(value):\n    return math.exp(min(value, 20.0))\n",
        ),
    ),
    "pair": (SetConstant(name="LAG", value="1"), SetConstant(name="BLEND", value="0.7")),
    "unit": (
        ReplaceDefinition(
            name="parse",
            code='def parse(text):\n    value, unit = text.split()\n    if unit == "F":\n'
            "        return (float(value) - 32) / 1.8\n    return float(value)\n",
        ),
    ),
    "season": (SetConstant(name="PERIOD", value="17"),),
}
"""The edits of each improvement."""
SIGNS = {
    "rate": "RATE = 0.01 ",
    "square": "parts = [1.0, setting]\n",
    "scale": "    return reading\n",
    "pair": "LAG = 0 ",
    "unit": "unit = text.split()\n    return float(value)\n",
    "season": "PERIOD = 0\n",
}
"""What train.py says where an improvement has not been made."""


def climbed(source: str) -> set[str]:
    """Return the improvements that a train.py has."""
    return {name for name, sign in SIGNS.items() if sign not in source}


def gain(error: float) -> float:
    """Return the share of all that can be gained, by the logarithm of the error."""
    return log(START / error) / log(START / END)


def make(folder: Path, explore: bool = True, settings: str = "") -> Path:
    """Make the repository. explore: whether its runs ask for other kinds of change."""
    folder.mkdir(parents=True)
    head = "" if explore else "---\nexplore: off\n---\n"
    texts = {
        "train.py": TRAIN,
        "prepare.py": PREPARE,
        "program.md": head + PROGRAM,
        "autoresearch.toml": SETTINGS + settings,
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    author = ["-c", "user.name=b", "-c", "user.email=b@b"]
    for command in (["init", "-q"], ["add", "."], [*author, "commit", "-qm", "start"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return folder


def sources() -> Sources:
    """Return the file that edits may touch, as it begins."""
    return Sources.of(TRAIN)
