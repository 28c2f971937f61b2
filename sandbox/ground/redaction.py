"""Removes secrets from text before it leaves this process for a commit, a prompt or a report.

Removed are the values of this process's environment variables whose name looks secret, and of those
that are handed on to trainings, as they are and as repr, JSON and URLs write them; keys of
well-known shapes; passwords in addresses. Not a wall: a program that encodes a secret in another
way, or prints it in pieces, is not noticed. The sandbox is what keeps secrets from a training.
"""

import json
import os
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

SECRET_NAME = re.compile(
    r"KEY|TOKEN|SECRET|PASSW|PASSPHRASE|CREDENTIAL|_PAT$|_PWD$|COOKIE", re.IGNORECASE
)
# A shorter value is a word that any text may hold.
MIN_CHARACTERS = 8
_SHAPES = {
    "key": re.compile(
        r"(?<![A-Za-z0-9])(?:"
        r"sk-(?=[A-Za-z_-]{0,200}[0-9])[A-Za-z0-9_-]{20,}"
        r"|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}"
        r"|glpat-[A-Za-z0-9_-]{20,}|hf_[A-Za-z0-9]{20,}"
        r"|(?:AKIA|ASIA)[A-Z0-9]{16}|AIza[A-Za-z0-9_-]{35}|ya29\.[A-Za-z0-9_-]{20,}"
        r"|xox[abprs]-[A-Za-z0-9-]{10,}"
        r"|(?:(?:gsk|r8|npm|fw|[sr]k_live)_|(?:xai|pplx|csk)-)(?=[A-Za-z]{0,200}[0-9])[A-Za-z0-9]{20,}"
        r"|dckr_pat_[A-Za-z0-9_-]{20,}|lsv2_[ps][tk]_[0-9a-f]{32}(?:_[0-9a-f]{4,40})?"
        r"|(?:tgp_v1_|nvapi-)(?=[A-Za-z_-]{0,200}[0-9])[A-Za-z0-9_-]{30,}"
        r"|pypi-AgE[A-Za-z0-9_-]{20,}|dapi[0-9a-f]{32})"
    ),
    # Begins nowhere inside a word of its own letters: else each would be read to its end again.
    "web token": re.compile(
        r"(?<![A-Za-z0-9_.-])eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"
    ),
    "private key": re.compile(
        r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[^-]*(?:-----END [A-Z ]{0,40}PRIVATE KEY-----)?"
    ),
    "password": re.compile(r"(?<=://)[^/\s:@\[\]]*:[^/\s@]+(?=@)"),
}


_concealed: dict[str, str] = {}
"""Further variables and their values, whatever their names look like."""


def conceal(variables: Mapping[str, str]) -> None:
    """Redact the values of these variables in this process from now on."""
    _concealed.update(variables)


def looks_secret(text: str) -> bool:
    """Return whether there is a key of a well-known shape or a password in `text`."""
    return any(shape.search(text) for shape in _SHAPES.values())


def redacted(text: str, environment: Mapping[str, str] | None = None) -> str:
    """Return `text` with every secret replaced by `[redacted NAME]`.

    environment: where secret values are looked up, by default this process's.
    """
    environment = os.environ if environment is None else environment
    secrets = _secrets(environment) | _forms_of_all(_concealed)
    for value, name in sorted(secrets, key=lambda secret: -len(secret[0])):
        if value in text:
            text = text.replace(value, f"[redacted {name}]")
    for name, shape in _SHAPES.items():
        text = shape.sub(f"[redacted {name}]", text)
    return text


def secrets_in(text: str) -> dict[str, str]:
    """Return the values of this process's secrets that a text holds, with their variables."""
    secrets = _secrets(os.environ) | _forms_of_all(_concealed)
    return {value: name for value, name in secrets if value in text}


def without(text: str, secret: str) -> str:
    """Return `text` with `***` for a secret in each form that `redacted` knows, or cut short.

    Servers quote the beginning of a key that they do not know. A secret that is as short as a word
    stays.
    """
    for form in sorted(_forms(secret), key=len, reverse=True):
        if len(form) >= MIN_CHARACTERS:
            text = text.replace(form, "***")
    for length in range(len(secret) - 1, max(MIN_CHARACTERS, len(secret) // 2) - 1, -1):
        text = text.replace(secret[:length], "***")
    return text


def redacted_data(data: Any) -> Any:
    """Return JSON-like data with every string in it redacted."""
    match data:
        case str():
            return redacted(data)
        case dict():
            return {name: redacted_data(value) for name, value in data.items()}
        case list() | tuple():
            return [redacted_data(value) for value in data]
    return data


def _secrets(environment: Mapping[str, str]) -> set[tuple[str, str]]:
    """Return each form of each secret value, with the name of its variable."""
    secrets = {name: value for name, value in environment.items() if SECRET_NAME.search(name)}
    return _forms_of_all(secrets)


def _forms_of_all(variables: Mapping[str, str]) -> set[tuple[str, str]]:
    secrets = set()
    for name, value in variables.items():
        label = re.sub(r"\W", "_", name)
        for line in (value, *value.split("\n")):
            for form in _forms(line.strip()):
                if len(form) >= MIN_CHARACTERS:
                    secrets.add((form, label))
    return secrets


def _forms(value: str) -> set[str]:
    """Return a value as it is, and as repr, JSON and URLs write it."""
    return {
        value,
        repr(value)[1:-1],
        json.dumps(value)[1:-1],
        quote(value, safe="", errors="replace"),
    }
