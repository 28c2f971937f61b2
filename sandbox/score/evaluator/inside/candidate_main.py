"""Answers an evaluator's calls with the run's own code, inside the candidate's sandbox.

Started as `python candidate_main.py FOLDER SCRIPTS` in the copy of the attempt's files, whose
modules lie in the two folders. A request is a
frame; so is its answer, which carries the request's number. The message of an exception stays here:
only the nearest of Python's own exceptions, the file and the line leave.
"""

from __future__ import annotations

import builtins
import importlib
import os
import subprocess
import sys
import traceback
from typing import Any

HERE = os.path.dirname(os.path.abspath(__file__))
if sys.path and os.path.abspath(sys.path[0]) == HERE:
    del sys.path[0]
sys.path.insert(0, HERE)

import autoresearch_frames as frames

sys.path.remove(HERE)


def main() -> None:
    """Answer until the harness hangs up."""
    folder = sys.argv[1]
    source = os.fdopen(os.dup(0), "rb")
    sink = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)  # whatever the run's code prints goes to its log, not into the answers
    sys.path[:0] = [sys.argv[2], folder]
    sys.argv = [""]
    while True:
        try:
            request, raw = frames.read(source)
        except frames.Ended:
            return
        arrays: list[Any] = []
        try:
            value = frames.encode(answer(request, frames.decode(request.get("value"), raw)), arrays)
            header: dict[str, Any] = {"ok": True, "value": value}
        except BaseException as error:
            traceback.print_exc()
            arrays = []
            header = {"ok": False, "error": name_of(error)}
            header["file"], header["line"] = place_of(error.__traceback__, folder)
        header["id"] = request["id"]
        try:
            frames.write(sink, header, arrays)
        except frames.BadFrame:
            frames.write(sink, {"ok": False, "error": "OverflowError", "id": request["id"]})


def answer(request: dict[str, Any], value: Any) -> Any:
    """Return what a request asks for."""
    if request["do"] == "import":
        resolve(request["target"])
        return None
    if request["do"] == "call":
        return resolve(request["target"])(*value["args"], **value["kwargs"])
    argv = list(value["argv"])
    if argv[0] in ("python", "python3"):
        argv[0] = sys.executable
    done = subprocess.run(
        argv, input=value["stdin"], stdout=subprocess.PIPE, stderr=sys.stderr, check=False
    )
    return {"code": done.returncode, "stdout": done.stdout}


def resolve(target: str) -> Any:
    """Return the function `module:function`."""
    module, _, path = target.partition(":")
    value: Any = importlib.import_module(module)
    for name in path.split("."):
        value = getattr(value, name)
    return value


def name_of(error: BaseException) -> str:
    """Return the name of the nearest class of an error that Python itself defines."""
    for kind in type(error).__mro__:
        if getattr(builtins, kind.__name__, None) is kind:
            return str(kind.__name__)
    return "Exception"


def place_of(trace: Any, folder: str) -> tuple[str, int]:
    """Return the innermost (file, line) of a traceback that lies in the run's files."""
    place = ("", 0)
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        path = "" if name.startswith("<") else os.path.abspath(name)
        if path.startswith(folder + os.sep):
            place = (os.path.relpath(path, folder), trace.tb_lineno)
        trace = trace.tb_next
    return place


if __name__ == "__main__":
    main()
