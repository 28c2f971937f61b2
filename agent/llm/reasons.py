"""Tells of what kind a refusal is, by its status and its words: for APIs and commands alike."""

import re
from typing import Literal

from agent.llm.lifting import is_limit
from agent.llm.limits import is_too_long

Kind = Literal[
    "never", "place", "money", "long", "limit", "passing", "model", "key", "grant", "account", ""
]
"""What a question is refused for: the plan of an account, the place it comes from, credit, its
length, a limit that lifts, a failure that passes, the model's name, the key or login, a right that
the account lacks, an account that is closed; "" for anything else."""

# Statuses after which another attempt may succeed, besides 500 and above.
PASSING = frozenset({408, 409, 424, 425, 429, 498})
_LIMITED = frozenset({429, 498, 529})
"""Statuses of a limit that lifts: of the account's, or of all that a provider can answer (498 is
Groq's)."""
_NO_MONEY = 402
_TOO_LARGE = 413
_LEGAL = 451
_KEY = frozenset({401, 403})
_ABOUT_GRANTS = frozenset({None, 401, 403, 404})
_ADDRESS = re.compile(r"https?://\S+")
"""Providers put the address of their page on billing behind limits of every kind."""
_GEMINIS_LIMITS = "gemini-api/docs/rate-limits"
"""The page that Gemini names with every limit, in the words that mean no credit at OpenAI."""


def _pattern(*texts: str) -> re.Pattern[str]:
    return re.compile("|".join(texts), re.IGNORECASE | re.DOTALL)


_NEVER = _pattern(
    r"\blimit: ?0\b(?![.,]\d)",  # Gemini's, which says when to try again all the same
    r"extra usage is required",
    r"use case details have not been submitted",
    r"not available with the .{0,40} plan",
    r"to use codex with your chatgpt plan",
)
_MONEY = _pattern(
    r"credit balance",
    r"insufficient[_ ](?:quota|balance|credit|funds)",
    r"billing",
    r"exceeded your current quota",
    r"budget has been exceeded|over budget",
    r"(?:have any|out of|not enough|no|used all available|add more) credits",
    r"credits? (?:are|is|have been|has been) (?:depleted|exhausted|used up)",
    r"spend(?:ing)? limit|\(total limit\)",
    r"inactive subscription",
)
_PLACE = _pattern(
    r"(?:country|countries|region|territory|location|referer)\b.{0,40}"
    r"(?:not (?:supported|available|allowed)|unsupported|blocked)",
    r"(?:not (?:supported|available|allowed)|isn't (?:supported|available)|unavailable) in "
    r"(?:your|this) (?:\w{1,20} )?(?:country|region|territory|location)",
    r"unsupported_country|request not allowed|check your network settings|firewall rules"
    r"|public access is disabled|ip (?:address )?(?:is )?not (?:authorized|allowed)"
    r"|unable to load site|attention required!|you have been blocked",
)
_ACCOUNT = _pattern(
    r"(?:organi[sz]ation|account|project|workspace|team)\b.{0,60}"
    r"\b(?:disabled|restricted|deactivated|suspended|not active|banned)",
    r"access (?:has been |is )?blocked",
)
_MODEL = _pattern(
    r"\bmodel\b.{0,120}(?:may not exist|do(?:es)? not exist|not exist|not found|not supported"
    r"|not available|decommissioned|deprecated|retired|identifier is invalid)",
    r"(?:unknown|invalid|unsupported|no such) model\b",
    r"access (?:to )?(?:the )?(?:non-serverless )?model\b|verified to use the model",
    r"not a (?:valid|chat) model|no models? (?:is |are )?loaded|model unloaded",
    r"no endpoints found for|no allowed providers|inference profile|with the specified model",
)
_GRANT = _pattern(
    r"permission|not authorized|missing scopes|lacks the required|does not have access"
    r"|don't have access|blocked at the|has not been used in project|data policy"
    r"|must (?:first )?accept|gated",
)
_WRONG_KEY = _pattern(
    r"(?:invalid|incorrect|missing|expired|wrong)(?: or \w{1,20})? (?:x-)?(?:api[ _-]?key|api token"
    r"|authorization header|credentials)",
    r"api[ _-]?key (?:is )?(?:not valid|invalid|expired)",
    r"credential is only authorized",
)


WORDS: dict[Kind, tuple[str, str]] = {
    "never": ("this account may not ask this model at all", "autoresearch models"),
    "place": ("the provider does not answer from this place or network", "autoresearch models"),
    "money": (
        "no credit left, or what may be spent is spent",
        "autoresearch start --model none",
    ),
    "long": (
        "the question is longer than the model's context or the account allows; a server of your "
        "own may be started with a longer context",
        "autoresearch models",
    ),
    "model": ("no such model, or not for this account", "autoresearch models"),
    "grant": ("the account or its key lacks the right to this", "autoresearch models"),
    "account": ("the account is closed or restricted", "autoresearch start --model none"),
}
"""What to add to a provider's own words, and the next command; not where it depends on who asked,
or where waiting helps."""


def kind_of(status: int | None, reason: str) -> Kind:
    """Return of what kind a refusal is. status: None where only words are known.

    A time at which a limit lifts is not read here: it takes precedence over all but "never".
    """
    plain = _ADDRESS.sub("", reason)
    lifts = status in _LIMITED or is_limit(reason)
    may_last = not lifts and (status is None or status < 500)
    kinds: tuple[tuple[Kind, bool], ...] = (
        ("never", bool(_NEVER.search(reason))),
        ("place", may_last and (status == _LEGAL or bool(_PLACE.search(plain)))),
        ("limit", _GEMINIS_LIMITS in reason),
        ("money", status == _NO_MONEY),
        ("long", status == _TOO_LARGE or is_too_long(reason)),
        ("money", bool(_MONEY.search(plain))),
        ("limit", lifts),
        ("passing", status is not None and (status in PASSING or status >= 500)),
        ("model", bool(_MODEL.search(plain))),
        ("key", bool(_WRONG_KEY.search(plain))),
        ("grant", status in _ABOUT_GRANTS and bool(_GRANT.search(plain))),
        ("account", bool(_ACCOUNT.search(plain))),
        ("key", status in _KEY),
    )
    return next((kind for kind, is_so in kinds if is_so), "")
