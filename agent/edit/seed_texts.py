"""Seeds in texts that are read as a whole: shell scripts, ini files, notebooks, C, commands."""

import re
from collections.abc import Iterator

from agent.edit.seed_names import SEED_CALLS, is_seed_name

MAX_SEEDS = 1_000  # of one text
# Every name that is looked for has one of these in it.
_HINT = re.compile(
    r"seed|rand|rng|mt19937|NewSource|Xoshiro|Twister|PCG64|Philox|SFC64", re.IGNORECASE
)
# `SEED=1`, `"seed": 1`, `seed = 1`, `set.seed(1)`, `--seed 1`.
_NAMED = re.compile(
    r"(?<![\w.-])(?P<dash>-{1,2}+)?+(?P<name>[A-Za-z_][\w.-]{0,80}+)!?\\?[\"']?[ \t]{0,8}"
    r"(?P<between>:?=|:|\(|[ \t])[ \t({\[]{0,8}\\?[\"']?(?P<value>[-+]?[0-9][\w.]{0,40})"
)
# `std::mt19937 gen(1)`
_ENGINE = re.compile(
    r"\b(?:mt19937(?:_64)?|default_random_engine|minstd_rand)[ \t]+\w{1,80}[ \t]{0,8}"
    r"[({=][ \t]{0,8}(?P<value>[0-9][\w.]{0,40})"
)
_CALLS = SEED_CALLS | frozenset(
    {"srand", "srand48", "srandom", "seed_from_u64", "NewSource", "Seed", "curand_init", "Xoshiro"}
    | {"MersenneTwister"}
)


def seeds_in_text(text: str) -> Iterator[tuple[str, str]]:
    """Yield the name and the value of each number that a text gives to a seed.

    Only seeds that are written as numbers are found, not computed ones.
    """
    if not _HINT.search(text):
        return
    count = 0
    for match in _NAMED.finditer(text):
        if _is_seed(match):
            yield match["name"].rpartition(".")[2], match["value"]
            count += 1
        if count >= MAX_SEEDS:
            return
    for match in _ENGINE.finditer(text):
        yield "engine", match["value"]


def _is_seed(match: re.Match[str]) -> bool:
    name = match["name"]
    between = match["between"]
    if between == "(":
        return name.rpartition(".")[2] in _CALLS or is_seed_name(name)
    if between.isspace() and not match["dash"]:
        return False
    return is_seed_name(name)
