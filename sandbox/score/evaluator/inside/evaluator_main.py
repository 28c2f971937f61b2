"""Runs a project's evaluator, inside its sandbox: `python -I evaluator_main.py OPTIONS_AS_JSON`.

The options are the script, its arguments, the run's outputs by name, and the program that the
script's evaluate(path) gets, if it is to be called. What the script prints goes to the log. Once a
byte of the run's was seen, an audit hook ends the process where something is unpickled or text is
executed, and wherever one of the outputs is imported, started or given to torch.load: whoever does
that hands the evaluator over to the run.
"""

from __future__ import annotations

import builtins
import importlib.util
import json
import numbers
import os
import shlex
import sys
import tempfile
from typing import Any

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import autoresearch_evaluate as helper
import autoresearch_frames as frames

LOADERS = ("torch.serialization", "torch.jit._serialization", "joblib.numpy_pickle", "dill._dill")
OPENERS = ("io", "pathlib", "pathlib._local", "pathlib._abc", "_io", "codecs")
"""Modules through which others open files."""
STARTING = ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.system")
IMPORTERS = (
    "importlib._bootstrap_external",
    "_frozen_importlib_external",
    "importlib.machinery",
    "runpy",
    "zipimport",
)


class Watch:
    """The audit hook."""

    def __init__(self, sink: Any, script: str, outputs: dict[str, str]) -> None:
        self.sink = sink
        self.script = script
        self.outputs = frozenset(outputs.values())
        self.seen = False
        """Whether something of the run's was read."""
        self.ended = False

    def see(self) -> None:
        """Note that something of the run's was read."""
        self.seen = True

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        if self.ended:
            return
        if event == "pickle.find_class":
            if self.seen:
                self.end("unpickled")
        elif event == "marshal.loads":
            if self.seen and sys._getframe(1).f_globals.get("__name__") not in IMPORTERS:
                self.end("unpickled")
        elif event == "open":
            self.opened(args[0])
        elif event in ("import", "compile", "ctypes.dlopen", "exec"):
            self.executed(event, args)
            if event == "exec" and self.seen and self.is_own(sys._getframe(1)) and does(args[0]):
                self.end("executed")
        elif event in STARTING and any(self.is_output(word) for word in words_of(args[:2])):
            self.end("started")

    def opened(self, path: Any) -> None:
        if not self.is_output(path):
            return
        self.see()
        frame: Any = sys._getframe(2)
        while frame is not None and frame.f_globals.get("__name__") in OPENERS:
            frame = frame.f_back
        name = frame.f_globals.get("__name__", "") if frame is not None else ""
        if name in LOADERS:
            self.end("unpickled")
        if name in IMPORTERS:
            self.end("imported")

    def executed(self, event: str, args: tuple[Any, ...]) -> None:
        named = args[1] if event in ("import", "compile") and len(args) > 1 else args[0]
        if event == "exec":
            named = getattr(args[0], "co_filename", None)
        if self.is_output(named):
            self.end("imported")

    def is_own(self, frame: Any) -> bool:
        """Return whether code of the evaluator's own files is at work, and not a library's."""
        name = frame.f_code.co_filename
        own = name.startswith(os.path.dirname(self.script) + os.sep)
        return name == self.script or (own and "site-packages" not in name.split(os.sep))

    def is_output(self, path: Any) -> bool:
        if not self.outputs or isinstance(path, int) or path is None:
            return False
        try:
            text = os.fsdecode(path)
        except TypeError:
            return False
        return os.path.abspath(text) in self.outputs

    def end(self, why: str) -> None:
        """Tell the harness, and end the process: no handler of the evaluator's runs."""
        self.ended = True
        line = line_of_frames(sys._getframe(1), self.script)
        frames.write(self.sink, {"do": "forbidden", "why": why, "line": line})
        os._exit(1)


def does(code: Any) -> bool:
    """Return whether text that is executed does more than to write down constants."""
    if not getattr(code, "co_filename", "").startswith("<"):
        return False
    return bool(code.co_names) or any(hasattr(const, "co_code") for const in code.co_consts)


def words_of(arguments: Any) -> list[Any]:
    """Return the words of a command, also those of a shell's."""
    words: list[Any] = []
    for argument in arguments:
        words += argument if isinstance(argument, (list, tuple)) else [argument]
    for word in list(words):
        if isinstance(word, (str, bytes)):
            try:
                words += shlex.split(os.fsdecode(word))
            except ValueError:
                words += os.fsdecode(word).split()
    return words


def line_of_frames(frame: Any, script: str) -> int:
    """Return the innermost line of the script that is at work; 0 if none is."""
    while frame is not None:
        if frame.f_code.co_filename == script:
            return int(frame.f_lineno)
        frame = frame.f_back
    return 0


def line_of(trace: Any, script: str) -> int:
    """Return the innermost line of the script in a traceback; 0 if it is not in it."""
    line = 0
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == script:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def name_of(error: BaseException) -> str:
    """Return the name of the nearest class of an error that Python itself defines."""
    for kind in type(error).__mro__:
        if getattr(builtins, kind.__name__, None) is kind:
            return str(kind.__name__)
    return "Exception"


def failure_of(error: BaseException, script: str) -> Any:
    """Return the message to the harness about an error; None for a script that ended well.

    It holds no text of the error, which could quote hidden data.
    """
    if isinstance(error, SystemExit) and error.code in (None, 0):
        return None
    if isinstance(error, Idle):
        return {"do": "failed", "idle": True}
    line = line_of(error.__traceback__, script)
    if isinstance(error, helper.CandidateError):
        return {"do": "failed", "candidate": True, "line": line}
    if isinstance(error, SystemExit):
        return {"do": "failed", "exit": True, "line": line}
    return {"do": "failed", "error": name_of(error), "line": line}


def main() -> int:
    """Run the script, and tell the harness how it ended."""
    options = json.loads(sys.argv[1])
    script = os.path.abspath(options["script"])
    source = os.fdopen(os.dup(0), "rb", buffering=0)
    sink = os.fdopen(os.dup(1), "wb", buffering=0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    outputs = {name: os.path.abspath(name) for name in options["outputs"]}
    watch = Watch(_Whole(sink), script, outputs)
    helper._harness.connect(source, _Whole(sink), outputs, watch.see)
    sys.argv = [script] + options["arguments"]
    sys.path += [os.path.dirname(script)] + options["paths"]
    sys.dont_write_bytecode = True
    sys.addaudithook(watch)
    try:
        if options["program"]:
            score(script, options["program"])
        else:
            run(script)
    except BaseException as error:
        failure = failure_of(error, script)
        if failure is not None:
            frames.write(_Whole(sink), failure)
            return 1
    sys.stdout.flush()
    frames.write(_Whole(sink), {"do": "done"})
    return 0


class Idle(Exception):
    """An evaluator called nothing of the program that it was to evaluate."""


class Program:
    """A program whose functions run outside of the evaluator, as calls of the harness."""

    def __init__(self, module: str) -> None:
        self.module = module
        self.candidate = helper.Candidate()
        self.called = False

    def function(self, name: str) -> Any:
        """Return what calls a function of the program."""
        if name.startswith("__"):
            raise AttributeError(name)

        def call(*args: Any, **options: Any) -> Any:
            self.called = True
            value = self.candidate.call("%s:%s" % (self.module, name), *args, **options)
            # Frames know no tuple, and what several values are returned as is one.
            return tuple(value) if isinstance(value, list) else value

        return call


def score(script: str, path: str) -> None:
    """Report what `evaluate` of a script returns for a program: numbers by name.

    It gets the path of a module that has the program's functions. Raise Idle where it called none.
    """
    program = Program(os.path.splitext(os.path.basename(path))[0])
    sys.modules["autoresearch_program"] = program  # type: ignore[assignment]
    with tempfile.TemporaryDirectory() as folder:
        stub = os.path.join(folder, os.path.basename(path))
        with open(stub, "w") as file:
            file.write("from autoresearch_program import function as __getattr__\n")
        result = loaded(script).evaluate(stub)
    if not program.called:
        raise Idle
    values = getattr(result, "metrics", result)
    real = {name: value for name, value in values.items() if isinstance(value, numbers.Real)}
    helper.report(**real)


def loaded(script: str) -> Any:
    """Return a script as a module."""
    name = os.path.splitext(os.path.basename(script))[0]
    spec: Any = importlib.util.spec_from_file_location(name, script)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


class _Whole:
    """A pipe that writes all of what it is given."""

    def __init__(self, file: Any) -> None:
        self.file = file

    def write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[self.file.write(view) :]

    def flush(self) -> None:
        """Do nothing: all is written at once."""


def run(script: str) -> None:
    """Run a script as Python itself would, compiled anew."""
    with open(script, "rb") as file:
        code = compile(file.read(), script, "exec")
    module = type(sys)("__main__")
    module.__file__ = script
    module.__dict__["__builtins__"] = builtins
    sys.modules["__main__"] = module
    exec(code, module.__dict__)


if __name__ == "__main__":
    sys.exit(main())
