"""Who writes a run's proposals: how many writers, what fills in for them, how hard they think."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

AUTO_WRITERS = 8
"""As many as `auto` may take; more drafts at once know too little of each other."""
MAX_WRITERS = 64
"""As many as can be typed."""
NOBODY = 0
AUTO: Literal["auto"] = "auto"
NO_FILL = "none"


def _count(value: object) -> object:
    return int(value) if isinstance(value, str) and value.isdecimal() else value


WriterCount = Annotated[
    Annotated[int, Field(ge=0, le=MAX_WRITERS)] | Literal["auto"], BeforeValidator(_count)
]
"""How many drafts a model writes at once; `auto` for as many as keep the slots busy.

With 0 the method is never asked: only what people and agents try is run.
"""
