"""A provider's key: from the environment, else from the system's keyring if `keyring` is installed.

A key in the keyring belongs to one address, so no server gets the key of another: `keyring set
autoresearch ANTHROPIC_API_KEY` is for the provider itself; with ANTHROPIC_BASE_URL, it is `keyring
set URL ANTHROPIC_API_KEY`. The key goes to the provider's SDK and nowhere else, not even into the
environment (which trainings do not inherit anyway).
"""

from collections.abc import Mapping
from importlib.util import find_spec

from agent.errors import ModelFault
from sandbox.ground.redaction import conceal
from sandbox.ground.text import is_plain

SERVICE = "autoresearch"


def key_of(variable: str, environment: Mapping[str, str]) -> str | None:
    """Return the key that `variable` (such as OPENAI_API_KEY) names, or None.

    It is removed from every text from now on. Raise ModelFault for a locked keyring, and for a key
    that no header can hold.
    """
    key = environment.get(variable, "").strip()
    if not key:
        address = environment.get(variable.replace("_API_KEY", "_BASE_URL"))
        key = _in_keyring(address or SERVICE, variable) or ""
    if not key:
        return None
    conceal({variable: key})
    for place, character in enumerate(key, 1):
        if not (character.isascii() and is_plain(character) and character != " "):
            raise ModelFault(
                f"the key in {variable} has a character that no key has, {character!a} at "
                f"place {place}: was it copied with something else?",
                f"export {variable}=…",
            )
    return key


def key_place(variable: str, environment: Mapping[str, str]) -> str | None:
    """Return where a key is, in words: a variable or the keyring; None if there is none."""
    if environment.get(variable, "").strip():
        return variable
    return f"{variable} in the keyring" if key_of(variable, environment) else None


def _in_keyring(service: str, variable: str) -> str | None:
    if find_spec("keyring") is None:
        return None
    import keyring
    from keyring.errors import KeyringError, NoKeyringError

    try:
        return (keyring.get_password(service, variable) or "").strip() or None
    except NoKeyringError:  # a machine without one, as most servers are
        return None
    except KeyringError as error:
        # Its message is left out: a back end may put anything into it.
        raise ModelFault(
            f"the keyring cannot be read ({type(error).__name__})",
            f"keyring get {service} {variable}   # or export {variable}=…",
        ) from None
