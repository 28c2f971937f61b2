"""When a provider's limit lifts, by the headers or the text of its refusal."""

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta, tzinfo
from email.utils import parsedate_to_datetime
from zoneinfo import ZoneInfo

LONGEST = timedelta(days=32)
"""Providers have no limit longer than a month; a later time is taken for a misreading."""
JUST_PASSED = timedelta(minutes=10)
"""A time of day that passed so recently means today, not tomorrow."""
AGAIN_AFTER = timedelta(minutes=15)
"""When to ask again where a limit names no time, and after an outage."""
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_CLOCK = r"(?P<hour>\d{1,2})(?::(?P<minute>\d{2}))? ?(?P<half>[ap]\.?m\b)?"
_SAYS = r"(?:resets?|try again|available again|retry)(?: at| on)?:? "
_DAY = r"(?P<month>[a-z]{3})[a-z]* (?P<day>\d{1,2})(?:st|nd|rd|th)?(?:,? (?P<year>\d{4}))?,?"
_ZONE = r"(?: \((?P<zone>[\w+/-]{1,40})\)| (?P<utc>utc|gmt)\b)?"
_MOMENT = re.compile(
    rf"{_SAYS}(?:{_DAY} (?:at )?)?{_CLOCK}{_ZONE}",
    re.IGNORECASE,
)
_DATE = re.compile(
    r"(?:access|resets?|again|retry|available)(?: at| on| after)?:? (?P<date>\d{4}-\d\d-\d\d)"
    r"(?:T| at | )(?P<time>\d\d:\d\d)(?::\d\d)?(?:\.\d{1,9})?(?P<offset>[+-]\d\d:\d\d)?",
    re.IGNORECASE,
)
_EPOCH = re.compile(r"limit[^|\d]{0,40}\|(\d{10})\b", re.IGNORECASE)
_SPAN = re.compile(
    r"(?:again|retry|resets?|wait|available)(?: in| after| for)?:?(?: about| approximately)? "
    r"((?:\d{1,9}(?:\.\d{1,9})? ?(?:d|h|m|s)[a-z]{0,12}[,. ]*(?:and )?)+)",
    re.IGNORECASE,
)
_BARE = re.compile(
    r"retry[ _-]after[\"']?[:= ]+(\d{1,9})(?:\.\d{1,9})?(?![\w:.-]| ?[dhms])", re.IGNORECASE
)
_PART = re.compile(r"(\d{1,9}(?:\.\d{1,9})?) ?(ms|[dhms])", re.IGNORECASE)
_SECONDS = {"d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_LIMIT = re.compile(
    r"\b(?:daily|weekly|monthly|hourly|usage|session|rate|5-hour)[ -](?:[\w-]{1,20} ){0,3}?"
    r"(?:limit|quota|cap|allowance)"
    r"|(?:hit|reached|exceeded) your (?:[\w-]{1,20} ){0,3}(?:limit|quota)"
    r"|too many requests|too many tokens,? (?:please wait|per )|rate_limit|rate exceeded"
    r"|throttl|overloaded|quota will be replenished"
    r"|(?:at|over) capacity|capacity exceeded|high demand|(?:too|server) busy",
    re.IGNORECASE,
)
"""How providers and their clients describe a limit that lifts, even without a time."""
_REPLENISHED = re.compile(r"replenished in (?:(\d{1,2})\.)?(\d{1,2}):(\d\d):(\d\d)", re.IGNORECASE)
_ABOUT_LIMITS = re.compile(r"limit|quota|try again|retry|overloaded|capacity", re.IGNORECASE)


def lifts_at(message: str, headers: Mapping[str, str], now: datetime) -> datetime | None:
    """Return when the limit of a refusal lifts; None if it does not say.

    now: with its time zone. The refusal's text takes precedence, then `retry-after`.
    """
    moment = lifts_by_words(message, now) or _by_retry_after(headers, now)
    moment = moment or _by_windows(headers, now)
    return moment if moment is None or moment - now <= LONGEST else None


def lifts_by_words(message: str, now: datetime) -> datetime | None:
    """Return when a limit lifts, by the text of a refusal; None if it does not say."""
    if not _ABOUT_LIMITS.search(message):
        return None
    for read in (_epoch, _date, _moment, _span, _bare, _replenished):
        with suppress(ValueError, OverflowError):
            moment = read(message, now)
            if moment is not None and moment - now <= LONGEST:
                return max(moment, now)
    return None


def is_limit(message: str) -> bool:
    """Return whether the text of a refusal is about a limit that lifts."""
    return bool(_LIMIT.search(message))


def clock_text(moment: datetime, now: datetime) -> str:
    """Return a moment in the time of this machine: `15:00`, or `2 Dec 15:00` on another day."""
    local = moment.astimezone()
    if local.date() == now.astimezone().date():
        return f"{local:%H:%M}"
    return f"{local.day} {local:%b %H:%M}"


# ---------------------------------------------------------------- words


def _epoch(message: str, _: datetime) -> datetime | None:
    """Read `usage limit reached|1749924000`, as older versions of Claude Code say it."""
    match = _EPOCH.search(message)
    return datetime.fromtimestamp(int(match[1]), UTC) if match else None


def _date(message: str, _: datetime) -> datetime | None:
    """Read `You will regain access on 2026-12-01 at 00:00 UTC`."""
    match = _DATE.search(message)
    if not match:
        return None
    offset = match["offset"] or "+00:00"
    return datetime.fromisoformat(f"{match['date']}T{match['time']}:00{offset}").astimezone(UTC)


def _moment(message: str, now: datetime) -> datetime | None:
    """Read `resets 7:06pm (UTC)` of Claude Code, `try again at Dec 2nd, 2026 7:06 PM` of Codex."""
    match = _MOMENT.search(message)
    if not match or not (match["half"] or match["minute"]):
        return None
    there = now.astimezone(_zone_of(match))
    hour = int(match["hour"])
    if match["half"]:
        hour = hour % 12 + (12 if match["half"].lower().startswith("p") else 0)
    moment = there.replace(hour=hour, minute=int(match["minute"] or 0), second=0, microsecond=0)
    if match["month"] is None:
        return moment if moment >= there - JUST_PASSED else moment + timedelta(days=1)
    month = _MONTHS.index(match["month"].lower()) + 1
    moment = moment.replace(month=month, day=int(match["day"]))
    if match["year"]:
        return moment.replace(year=int(match["year"]))
    return moment if moment >= there - LONGEST else moment.replace(year=moment.year + 1)


def _zone_of(match: re.Match[str]) -> tzinfo | None:
    """Return the time zone of a matched time; None for the zone of this machine."""
    if match["utc"]:
        return UTC
    if match["zone"] is None:
        return None
    try:
        return ZoneInfo(match["zone"])
    except (ValueError, OSError, KeyError):  # no such zone, or no data on zones here
        return None


def _span(message: str, now: datetime) -> datetime | None:
    """Read `try again in 3 days 4 hours 12 minutes`, `in 6m0s` or `in 34.07s`."""
    match = _SPAN.search(message)
    return now + timedelta(seconds=_seconds_of(match[1])) if match else None


def _bare(message: str, now: datetime) -> datetime | None:
    """Read `Retry-After: 30`, a header that a gateway writes into its words."""
    match = _BARE.search(message)
    return now + timedelta(seconds=float(match[1])) if match else None


def _replenished(message: str, now: datetime) -> datetime | None:
    """Read `Quota will be replenished in 1.10:30:00` of Azure: days, hours, minutes, seconds."""
    match = _REPLENISHED.search(message)
    if not match:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return now + timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def _seconds_of(span: str) -> float:
    parts = _PART.findall(span)
    if not parts:
        raise ValueError(f"{span!r} is no span of time")
    return sum(float(number) * _SECONDS[unit.lower()] for number, unit in parts)


# ---------------------------------------------------------------- headers


def _by_retry_after(headers: Mapping[str, str], now: datetime) -> datetime | None:
    """Return the moment of `retry-after`: seconds, or a date."""
    with suppress(ValueError, OverflowError):
        milliseconds = headers.get("retry-after-ms")
        if milliseconds:
            return now + timedelta(seconds=_positive(milliseconds) / 1_000)
    text = headers.get("retry-after", "")
    with suppress(ValueError, OverflowError):
        return max(now, _aware(parsedate_to_datetime(text)))
    first = text.partition(",")[0].strip()  # two proxies in a row may each have added one
    with suppress(ValueError, OverflowError):
        return max(now, _end_of_window(first, now))
    return None


def _positive(text: str) -> float:
    number = float(text)
    if not number >= 0:
        raise ValueError(f"{text!r} is no span of time")
    return number


def _by_windows(headers: Mapping[str, str], now: datetime) -> datetime | None:
    """Return when the last used-up window ends; None if no header names one.

    A header of a window's end counts unless the one beside it says that something remains. One
    header may have both: `ratelimit: "default";r=0;t=50`.
    """
    both = _BOTH.search(headers.get("ratelimit", ""))
    moments = [now + timedelta(seconds=int(both[1]))] if both else []
    for name, value in headers.items():
        lowered = name.lower()
        is_end = "ratelimit" in lowered and "reset" in lowered
        if not is_end or headers.get(lowered.replace("reset", "status"), "").startswith("allowed"):
            continue
        left = headers.get(lowered.replace("reset", "remaining"), "0")
        with suppress(ValueError, OverflowError):
            if float(left) <= 0:
                moments.append(_end_of_window(value.strip(), now))
    return max([now, *moments]) if moments else None


_BOTH = re.compile(r"\b(?:r|remaining) ?= ?0\b.{0,80}?\b(?:t|reset) ?= ?(\d{1,9})\b")
_EPOCH_SECONDS = 1e9
_EPOCH_MILLISECONDS = 1e12


def _end_of_window(value: str, now: datetime) -> datetime:
    """Read an epoch in seconds or milliseconds, seconds from now, `6m0s`, or a date of RFC 3339."""
    readers: tuple[Callable[[], datetime], ...] = (
        lambda: _of_number(_positive(value), now),
        lambda: _aware(datetime.fromisoformat(value)),
        lambda: now + timedelta(seconds=_seconds_of(value)),
    )
    for read in readers:
        with suppress(ValueError):
            return read()
    raise ValueError(f"{value!r} is no time")


def _of_number(number: float, now: datetime) -> datetime:
    if number >= _EPOCH_MILLISECONDS:
        return datetime.fromtimestamp(number / 1_000, UTC)
    if number >= _EPOCH_SECONDS:
        return datetime.fromtimestamp(number, UTC)
    return now + timedelta(seconds=number)


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
