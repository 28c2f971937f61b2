"""Caches the results of a function for its newest arguments, by identity."""

from collections import deque
from collections.abc import Callable
from functools import wraps
from typing import TypeVar

Argument = TypeVar("Argument")
Result = TypeVar("Result")


def kept_for_newest(
    count: int,
) -> Callable[[Callable[[Argument], Result]], Callable[[Argument], Result]]:
    """Return a decorator that caches the results for the `count` newest arguments.

    Arguments are compared by identity, so they need no hash but must not change. Results are
    shared, and must not be changed either.
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
