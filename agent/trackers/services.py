"""Mail, chats and phones, as Apprise reaches them: one channel for each address of the user's."""

import importlib.util
import logging
import re
from typing import Any

from agent.errors import Fault, UsageFault
from agent.trackers.messages import Message
from sandbox.ground.text import one_line

EXTRA = "pip install 'autoresearch[notify]'"
ADDRESSES = "https://appriseit.com/services/"
# Shorter parts of an address are words that any message may hold.
LEAST_SECRET = 6
_PARTS = re.compile(r"[/?&=:@,]+")


class Service:
    """One address, `mailto://…` or `tgram://…`, written as Apprise reads it."""

    def __init__(self, address: str) -> None:
        """Raise UsageFault without Apprise, and for an address that it does not know."""
        if importlib.util.find_spec("apprise") is None:
            raise UsageFault("Apprise is not installed, which reaches mail and chats.", EXTRA)
        import apprise

        scheme = address.partition("://")[0]
        asset = apprise.AppriseAsset(app_id="autoresearch", plugin_paths=[], async_mode=False)
        service = apprise.Apprise.instantiate(address, asset=asset)
        if service is None:
            message = f"Apprise does not know this kind of address, or it is incomplete: {scheme}"
            raise UsageFault(
                one_line(f"{message}://…", 200), f"autoresearch notify   # forms: {ADDRESSES}"
            )
        self._service: Any = service
        self._secrets = [part for part in _PARTS.split(address) if len(part) >= LEAST_SECRET]
        self.name = one_line(service.url(privacy=True).partition("?")[0], 200)
        """The address without its secrets."""

    def send(self, message: Message) -> None:
        """See Channel."""
        import apprise

        kinds = {"keep": "SUCCESS", "error": "FAILURE", "hold": "WARNING", "money": "WARNING"}
        with _Heard() as heard:
            sent = self._service.notify(
                title=message.title,
                body=message.body,
                notify_type=apprise.NotifyType[kinds.get(message.event, "INFO")],
                body_format=apprise.NotifyFormat.TEXT,
            )
        if not sent:
            raise Fault(self._without_secrets(heard.last or "it was not sent"))

    def _without_secrets(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "…")
        return one_line(text, 300)


class _Heard(logging.Handler):
    """Hears the last warning that Apprise logs, which says why nothing was sent."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.last = ""
        self._logger = logging.getLogger("apprise")

    def __enter__(self) -> "_Heard":
        self._logger.addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        self._logger.removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        self.last = record.getMessage()
