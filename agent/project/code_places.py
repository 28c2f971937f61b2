"""Places in a project's code that its owner names: `data.py`, or `data.py:make_data`."""

import re
from pathlib import PurePosixPath

MAX_PLACES = 64
_PLACE = re.compile(r"(?!/)[^:\x00-\x1f]{1,1000}\.py(:[^\W\d]\w{0,99})?")


def is_code_place(text: str) -> bool:
    """Return whether `text` names a Python file of the project, or a function in one."""
    return bool(_PLACE.fullmatch(text)) and ".." not in PurePosixPath(text).parts
