"""Handlers of signals that hold for a block."""

import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager


@contextmanager
def handling(handlers: Mapping[signal.Signals, Callable[..., None]]) -> Iterator[None]:
    """Install handlers for the block. A signal that was ignored before stays ignored."""
    heeded = [number for number in handlers if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, handlers[number]) for number in heeded}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def tidy_end() -> Iterator[None]:
    """Let SIGTERM, or a terminal that is closed, end the block as Ctrl-C does."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with handling({signal.SIGTERM: interrupt, signal.SIGHUP: interrupt}):
        yield
