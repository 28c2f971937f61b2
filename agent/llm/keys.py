"""A provider's key: from the environment, else from the system's keyring where the library `keyring` is installed.

A key in the keyring belongs to one address, so that no server is sent the key of another: `keyring set autoresearch
ANTHROPIC_API_KEY` is for the provider itself, and where ANTHROPIC_BASE_URL is set, `keyring set URL ANTHROPIC_API_KEY`. What is
read there goes to the provider's SDK and nowhere else: not into the environment, which a training's is not made of anyway.
"""

from collections.abc import Mapping
from importlib.util import find_spec

from agent.errors import ModelFault

SERVICE = "autoresearch"


def key_of(variable: str, environment: Mapping[str, str]) -> str | None:
    """The key that `variable` (such as OPENAI_API_KEY) stands for, None without one; ModelFault for a locked keyring."""
    key = environment.get(variable, "").strip()
    return key or _in_keyring(
        environment.get(variable.replace("_API_KEY", "_BASE_URL")) or SERVICE, variable
    )


def _in_keyring(service: str, variable: str) -> str | None:
    if find_spec("keyring") is None:
        return None
    import keyring
    from keyring.errors import KeyringError, NoKeyringError

    try:
        return (keyring.get_password(service, variable) or "").strip() or None
    except NoKeyringError:  # a machine without one, as most servers are
        return None
    except (
        KeyringError
    ) as error:  # its words are left out: nobody can know what a back end puts into them
        message = f"the keyring cannot be read ({type(error).__name__})"
        raise ModelFault(
            message, f"keyring get {service} {variable}   # or export {variable}=…"
        ) from None
