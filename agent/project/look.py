"""Looks at one training script without running it: what it prints, reads and stops by."""

import re
import shlex
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path, PurePosixPath

from agent.git.plumbing import Plumbing
from agent.project.candidates import COMPILED, files_of, is_no_script, text_in
from agent.project.command_words import inner_command
from agent.project.groups import composed
from agent.project.numbers import Number, likely, numbers_in
from agent.project.prose import is_data, prose_in
from agent.project.scripts import imports_of, options_of, paths_of, printed_lines, tree_of
from sandbox.ground.record import Record

MAX_MODULES = 40
"""Files of a project that a script may pull in and that are looked at."""
MAX_ALL = 1 << 20
"""Characters of files whose imports are looked at."""
MAX_CONFIGS = 40
MAX_SOURCES = 40
CONFIGS = (".yaml", ".yml", ".toml", ".json", ".ini", ".cfg", ".conf", ".gin", ".properties")
BUDGET_VARIABLES = ("AUTORESEARCH_BUDGET", "AUTORESEARCH_DEADLINE")
TIME_BUDGET = "TIME_BUDGET"
DATA_FOLDERS = ("data", "dataset", "datasets", "input", "inputs", "raw", "corpus", "assets")
DATA_FILES = tuple(
    f".{name}" for name in ("csv", "tsv", "npz", "npy", "parquet", "jsonl", "h5", "bin", "txt")
)
IGNORED_DATA = (*DATA_FILES, ".pkl", ".pt", ".json", ".zip", ".gz")
MAX_IGNORED = 10_000
"""Files of a folder that git ignores and that are looked at."""
_COUNT = re.compile(
    r"\b((?:n_|num_|max_|total_)?(?:epochs?|steps?|iters|iterations|n_estimators|rounds|"
    r"generations|episodes|trials))\b(?:\s*:\s*int)?\s*=\s*([0-9_]+)\b(?!\.)",
    re.IGNORECASE,
)
"""How long many trainings take, as their sources say it."""
_MEASURES = re.compile(
    r"(?i)(.*[_\-])?(prepare|evaluate|evaluator|eval|metrics?|data|dataset|datasets|download|"
    r"judge|scores?|scorer|scoring|grade|grader|rubric|checker)([_\-].*)?"
)
"""Names of modules that decide what a score means: edits leave them alone."""

_WRITERS = {
    ".json": ("json.dump(", "json.dumps(", ".to_json("),
    ".jsonl": ("json.dumps(",),
    ".yaml": ("yaml.dump(", "yaml.safe_dump(", ".save("),
    ".yml": ("yaml.dump(", "yaml.safe_dump("),
    ".csv": ("csv.writer(", "DictWriter(", ".to_csv(", "savetxt(", ".write("),
    ".tsv": ("csv.writer(", "DictWriter(", ".to_csv(", "savetxt(", ".write("),
    ".txt": (".write(", ".write_text(", "savetxt(", "file="),
}
"""What a source calls that writes results to a file of such a name."""
_CONFIG = re.compile(r"(?i)conf|cfg|param|setting|recipe|experiment")
"""What the path of a JSON file has that holds settings, and no data."""
_RESULTS = re.compile(r"(?i)metric|result|score|eval|summary|report|bench")


class Look(Record):
    """What reading a script shows of its training."""

    script: str
    modules: tuple[str, ...] = ()
    """The project's own files that it imports."""
    measuring: tuple[str, ...] = ()
    """Those of them that seem to decide the score or the data."""
    configs: tuple[str, ...] = ()
    """Configuration files that it names."""
    sources: tuple[str, ...] = ()
    """Sources of compiled programs that it names."""
    prose: tuple[str, ...] = ()
    """Files of text, such as prompts, that it names."""
    options: tuple[str, ...] = ()
    numbers: tuple[Number, ...] = ()
    """What it prints by name, the likeliest result first."""
    data: tuple[str, ...] = ()
    """What it reads in the checkout and git ignores: a folder of data, mostly."""
    is_module: bool = False
    """Whether it is part of a package, and is run by `python -m`."""
    writes: str = ""
    """A file of text that it seems to write its results to."""
    stops: str = ""
    """By what it ends, in words."""
    reads_budget: bool = False
    """Whether it keeps to the harness's budget."""

    @property
    def command(self) -> str:
        """The command that runs it: by its path, or as a module of its package."""
        if self.is_module:
            return f"python -m {self.script.removesuffix('.py').replace('/', '.')}"
        return f"python {shlex.quote(self.script)}"

    @property
    def files(self) -> tuple[str, ...]:
        """The files that edits probably should touch."""
        if self.prose and self.script in self.measuring:
            return (*self.prose, *self.configs)
        modules = [name for name in self.modules if name not in self.measuring]
        return (self.script, *modules, *self.sources, *self.configs, *self.prose)


def configs_of(command: str, files: tuple[str, ...]) -> tuple[str, ...]:
    """Return the files of settings that a command names: `--config conf/base.yaml`, `run.sh`."""
    try:
        words = shlex.split(inner_command(command).replace("&&", " && "))
    except ValueError:
        return ()
    folder = words[1] if words[:1] == ["cd"] and len(words) > 1 else ""
    configs: dict[str, None] = {}
    for word in words:
        path = str(PurePosixPath(folder, word.rpartition("=")[2]))
        is_config = path.endswith((*CONFIGS, ".sh")) and not path.endswith(".json")
        if path in files and (is_config or (path.endswith(".json") and _CONFIG.search(path))):
            configs[path] = None
    return tuple(configs)


def with_results(command: str, path: str) -> str:
    """Return a command that prints the file to which another one writes its results."""
    whole = f"{inner_command(command)} && cat {shlex.quote(path)}"
    return f"sh -c {shlex.quote(whole)}"


def look_at(folder: Path, script: str) -> Look:
    """Return what a script of a repository, and the project's modules that it imports, say."""
    files = files_of(folder)
    modules = _modules(folder, script, files)
    texts = {name: text_in(folder, name) for name in (script, *modules)}
    lines = list(chain.from_iterable(map(_lines, texts.values())))
    words = {name: tuple(_words(text)) for name, text in texts.items()}
    configs = composed(folder, tuple(_configs(folder, script, words, files)))
    sources = tuple(_sources(script, words[script], files))
    reads = any(variable in "".join(texts.values()) for variable in BUDGET_VARIABLES)
    tree = tree_of(texts[script]) if script.endswith(".py") else None
    prose = prose_in(folder, tree, script, files) if tree else ()
    deciding = modules if not prose else (script, *modules)
    return Look(
        script=script,
        modules=modules,
        measuring=tuple(name for name in deciding if _MEASURES.fullmatch(PurePosixPath(name).stem)),
        configs=configs[:MAX_CONFIGS],
        sources=sources[:MAX_SOURCES],
        prose=prose,
        options=options_of(tree) if tree else (),
        numbers=likely(numbers_in(lines, real=False)),
        data=tuple(_data(folder, words[script], files)),
        is_module=tree is not None and _is_module(script, imports_of(tree), files),
        writes=_written(texts.values(), chain.from_iterable(words.values()), files),
        stops=_stops(texts, reads),
        reads_budget=reads,
    )


def _lines(text: str) -> list[str]:
    tree = tree_of(text)
    return [line for _, line in printed_lines(tree)] if tree else []


def _words(text: str) -> Iterator[str]:
    tree = tree_of(text)
    if tree:
        yield from paths_of(tree)


def _modules(folder: Path, script: str, files: tuple[str, ...]) -> tuple[str, ...]:
    """Return the project's own files that a script imports, directly or through another."""
    present = set(files)
    modules: dict[str, None] = {}
    waiting = [script]
    room = MAX_ALL
    while waiting and len(modules) < MAX_MODULES:
        name = waiting.pop(0)
        text = text_in(folder, name)
        room -= len(text)
        tree = tree_of(text) if room > 0 else None
        for imported in imports_of(tree) if tree else ():
            path = _path_of(imported, name, script, present)
            if path and path != script and path not in modules:
                modules[path] = None
                waiting.append(path)
    return tuple(modules)


def _path_of(imported: str, importer: str, script: str, present: set[str]) -> str | None:
    """Return the file of the project that a dotted name means, or None."""
    levels = len(imported) - len(imported.lstrip("."))
    inside = imported.lstrip(".").replace(".", "/")
    places = [PurePosixPath(script).parent, PurePosixPath(), PurePosixPath("src")]
    if levels:
        place = PurePosixPath(importer).parent
        for _ in range(levels - 1):
            place = place.parent
        places = [place]
    for place in places:
        for path in (place / f"{inside}.py", place / inside / "__init__.py"):
            if str(path) in present:
                return str(path)
    return None


def _configs(
    folder: Path, script: str, words: dict[str, tuple[str, ...]], files: tuple[str, ...]
) -> Iterator[str]:
    """Yield the configuration files that strings name: whole paths, or a folder of Hydra's."""
    configs = {name for name in files if name.endswith(CONFIGS)}
    here = PurePosixPath(script).parent
    named: dict[str, None] = {}
    for texts in words.values():
        for text in texts:
            for path in (text.removeprefix("./"), str(here / text)):
                if path in configs:
                    named[path] = None
            group = str(here / text) if text and "/" not in text else text
            if text in ("conf", "config", "configs") or text.endswith("/conf"):
                inside = [name for name in sorted(configs) if name.startswith(f"{group}/")]
                named.update(dict.fromkeys(inside))
    yield from (name for name in named if not is_data(folder, name))


def _sources(script: str, words: tuple[str, ...], files: tuple[str, ...]) -> Iterator[str]:
    """Yield the sources of compiled programs that strings name, but for those that measure."""
    sources = {name for name in files if name.endswith(COMPILED) and not is_no_script(name)}
    here = PurePosixPath(script).parent
    for text in dict.fromkeys(words):
        path = text.removeprefix("./")
        place = path if path in sources else str(here / path)
        if place in sources and not _MEASURES.fullmatch(PurePosixPath(place).stem):
            yield place


def _data(folder: Path, words: tuple[str, ...], files: tuple[str, ...]) -> Iterator[str]:
    """Yield what strings name, lies in the checkout, and git has not."""
    paths: dict[str, None] = {}
    for path in dict.fromkeys(PurePosixPath(word) for word in words):
        usual = path.suffix in DATA_FILES or path.parts[:1] in [(name,) for name in DATA_FOLDERS]
        if not usual or path.is_absolute() or ".." in path.parts or "\0" in str(path):
            continue
        place = _untracked(folder, path, files)
        if place:
            paths[place] = None
    for place in paths:
        if not any(str(above) in paths for above in PurePosixPath(place).parents):
            yield place


def _untracked(folder: Path, path: PurePosixPath, files: tuple[str, ...]) -> str:
    """Return the topmost part of a path that git has not, or a folder that git has partly."""
    for part in (*reversed(path.parents), path):
        own = str(part)
        tracked = any(name == own or name.startswith(f"{own}/") for name in files)
        if own != "." and not tracked:
            return own if (folder / own).exists() else ""
    return str(path) if _has_ignored_data(folder, path) else ""


def _has_ignored_data(folder: Path, path: PurePosixPath) -> bool:
    if not (folder / path).is_dir() or path.parts == ():
        return False
    options = ("-z", "--others", "--ignored", "--exclude-standard", "--", str(path))
    names = Plumbing(folder)("ls-files", *options).split("\0")[:MAX_IGNORED]
    return any(name.endswith(IGNORED_DATA) for name in names)


def _is_module(script: str, imported: tuple[str, ...], files: tuple[str, ...]) -> bool:
    """Return whether a script imports from its own package, which its path alone cannot."""
    package = PurePosixPath(script).parent
    if str(package) == ".":
        return False
    if any(name.startswith(".") for name in imported):
        return True
    top = package.parts[0]
    inside = any(name == top or name.startswith(f"{top}.") for name in imported)
    return inside and f"{package}/__init__.py" in files


def _written(texts: Iterable[str], words: Iterable[str], files: tuple[str, ...]) -> str:
    """Return the file of text that a training seems to write its results to.

    texts: of its files. words: the strings and paths in them.
    """
    source = "\n".join(texts)
    suffixes = []
    for suffix, marks in _WRITERS.items():
        if any(mark in source for mark in marks):
            suffixes.append(suffix)
    fits = re.compile(r"(?![/.]*$)[\w./\-]+")
    names = [
        word
        for word in words
        if word not in files and PurePosixPath(word).suffix in suffixes and fits.fullmatch(word)
    ]
    # A path that is joined of several strings has the last of them, too, which may begin with "/".
    return max(names, key=_like_results, default="")


def _like_results(path: str) -> tuple[bool, bool, int]:
    """Return a sort key of a path: high if a training probably writes its results there."""
    return bool(_RESULTS.search(path)), not path.startswith("/"), path.count("/")


def _stops(texts: dict[str, str], reads: bool) -> str:
    """Return in words what ends a training; "" if the source does not show it."""
    if reads:
        return "it keeps to AUTORESEARCH_BUDGET"
    if any(TIME_BUDGET in text for text in texts.values()):
        return f"it stops by itself, after {TIME_BUDGET}"
    for name, text in texts.items():
        match = _COUNT.search(text)
        if match:
            return f"it stops by itself: {match[1]} = {match[2]} in {name}"
    return "it stops by itself"
