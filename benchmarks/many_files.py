"""A project of many files, for benchmarks: modules of Python's own library, and who edits them."""

import sysconfig
from collections.abc import Iterator
from pathlib import Path

from agent.propose.context import Context
from agent.records.edits import AddFile, Edit, ReplaceText, SetConstant
from agent.records.proposals import Proposal, Provenance
from benchmarks.small_runs import repository

FILES = 200
LINES = 50_000
LIBRARY = "library"
TRAIN = """import time
began = time.monotonic()
RATE = 0.1  # [0.001 .. 10 log]
print("---")
print("val_bpb:", 1 + RATE)
print("began:", began)
print("ended:", time.monotonic())
"""


class Editor:
    """Proposes another rate, and a line more in one of the other files if there are any."""

    name = "list"
    looks_ahead = False

    def propose(self, context: Context) -> Proposal:
        """Return the next edits; none repeats an earlier one."""
        number = len(context.trials)
        edits: list[Edit] = [SetConstant(name="RATE", value=f"{0.1 + number / 1000:.4f}")]
        others = [path for path in context.sources.files if path != context.sources.main]
        if others:
            path = others[number * 7 % len(others)]
            old = context.sources.files[path]
            line = f"NEW_{number} = {number}\n"
            if old.endswith("\n") and old.count(old[-60:]) == 1:
                edits.append(ReplaceText(file=path, old=old[-60:], new=old[-60:] + line))
            else:
                edits.append(AddFile(file=f"{LIBRARY}/new_{number}.py", code=line))
        by = Provenance(method="list", origin="scripted")
        return Proposal(hypothesis=f"edit {number}", edits=tuple(edits), by=by)


def modules() -> Iterator[tuple[str, str]]:
    """Yield names and texts of modules of Python's library, until there are enough lines."""
    lines = 0
    count = 0
    for path in sorted(Path(sysconfig.get_path("stdlib")).rglob("*.py")):
        text = path.read_text(encoding="utf-8", errors="replace")
        wanted = 100 <= text.count("\n") <= 400 and "test" not in path.parts
        if not wanted or "\ufffd" in text or lines + text.count("\n") > LINES:
            continue
        lines += text.count("\n")
        count += 1
        yield f"m{count:03}_{path.name}", text
        if count == FILES:
            return


def make(folder: Path, large: bool) -> tuple[int, int]:
    """Make a project; return how many files and lines edits may touch."""
    repository(folder, TRAIN)
    if not large:
        return 1, TRAIN.count("\n")
    (folder / LIBRARY).mkdir()
    files = 1
    lines = TRAIN.count("\n")
    for name, text in modules():
        (folder / LIBRARY / name).write_text(text, encoding="utf-8")
        files += 1
        lines += text.count("\n")
    (folder / "autoresearch.toml").write_text(f'files = ["train.py", "{LIBRARY}/*.py"]\n')
    repository(folder, TRAIN)
    return files, lines
