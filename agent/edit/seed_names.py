"""Names of variables that hold a seed, and of calls that choose one."""

import re

SEED_NAME = re.compile(
    r"(^|_)((random|rng|hash|global|base|my|init|manual)?seeds?|random_?state|pythonhashseed)"
    r"(_?\d+|_(value|val|num|number|int|offset|base|start|init|data|model|train|test|split|list))?$",
    re.IGNORECASE,
)
_CAMEL = re.compile(r"[a-z](Seed|RandomState)s?$")
# Last names of calls that seed everything, of whichever library.
EVERYTHING = frozenset(
    {
        *("manual_seed_all", "seed_all", "seed_everything", "set_seed", "set_random_seed"),
        *("set_rng_seed", "set_global_seed", "set_global_seeds", "seed_rng"),
    }
)
# Calls that set the state of every generator of a library.
STATES = frozenset({"set_state", "setstate", "set_rng_state", "set_rng_state_all"})
# Calls that seed one generator, or a library if it offers them.
ONE = frozenset(
    {
        *("seed", "manual_seed", "default_rng", "RandomState", "SeedSequence", "Random"),
        *("PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64", "PRNGKey", "PRNGSequence", "Rngs"),
        "from_seed",
    }
)
SEED_CALLS = EVERYTHING | ONE
"""Calls whose arguments choose a seed, by their last name."""


def is_seed_name(name: str) -> bool:
    """Return whether a variable, key or option of this name holds a seed; SEED_PROMPT does not."""
    bare = bare_name(name)
    return bool(SEED_NAME.search(bare) or _CAMEL.search(bare))


def bare_name(name: str) -> str:
    """Return the last part of a name of an option or an attribute, with underscores."""
    return name.strip("-").replace("-", "_").rpartition(".")[2]
