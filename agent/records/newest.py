"""Keeps what a function returned for the objects that it was asked about last."""

from collections import deque
from collections.abc import Callable
from functools import wraps
from typing import TypeVar

Argument = TypeVar("Argument")
Result = TypeVar("Result")


def kept_for_newest(
    count: int,
) -> Callable[[Callable[[Argument], Result]], Callable[[Argument], Result]]:
    """Return a decorator that keeps the results for the `count` newest arguments.

    An argument is the same if it is the same object, so it must not change, and needs no hash. The
    results are shared: nobody may change them.
    """

    def decorate(function: Callable[[Argument], Result]) -> Callable[[Argument], Result]:
        newest: deque[tuple[Argument, Result]] = deque(maxlen=count)

        @wraps(function)
        def kept(argument: Argument) -> Result:
            for earlier, result in newest.copy():
                if earlier is argument:
                    return result
            result = function(argument)
            newest.append((argument, result))
            return result

        return kept

    return decorate
