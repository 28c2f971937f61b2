"""The example of several files: it trains alone, its constants are found, and a night runs."""

import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

from agent.edit.files import Sources, apply_edits
from agent.project.settings import Settings, read_settings
from agent.records.edits import ReplaceStatements, SetConstant
from agent.records.patterns import matches
from agent.space import read_space

SPIRALS = Path(__file__).parent.parent.parent / "examples" / "spirals"
SETTINGS: Settings = read_settings(SPIRALS)


def sources_of(folder: Path) -> Sources:
    paths = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    chosen = [path for path in paths if matches(path, SETTINGS.files)]
    files = {path: (folder / path).read_text(encoding="utf-8") for path in chosen}
    return Sources(files, patterns=SETTINGS.files)


def score_of(folder: Path) -> float:
    command = [sys.executable, "train.py"]
    environment = {"PATH": os.environ["PATH"], "AUTORESEARCH_BUDGET": "60steps"}
    run = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    _, _, line = run.stdout.partition("val_bpb: ")
    return float(line.split()[0])


def copied(folder: Path) -> Path:
    shutil.copytree(SPIRALS, folder / "spirals", ignore=shutil.ignore_patterns("__pycache__"))
    return folder / "spirals"


def test_it_trains_by_itself_and_an_edit_of_two_files_trains_too(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    before = score_of(folder)
    assert 0 < before < 2
    edits = (
        SetConstant(file="conf/base.yaml", name="optim.lr", value="0.03"),
        ReplaceStatements(
            file="net/mlp.py",
            within="Mlp.features",
            old="return np.concatenate([points, np.sin(turned), np.cos(turned)], axis=1)",
            new="return np.concatenate([points**3, np.sin(turned), np.cos(turned)], axis=1)",
        ),
    )
    applied = apply_edits(sources_of(folder), edits)
    assert isinstance(applied, Sources), applied
    for path, text in applied.files.items():
        (folder / path).write_text(text, encoding="utf-8")
    after = score_of(folder)
    assert math.isfinite(after) and after != before


def test_its_constants_are_found_in_all_kinds_of_files() -> None:
    sources = sources_of(SPIRALS)
    assert "net/data.py" not in sources.files, "it decides what is measured"
    names = set(read_space(sources).names)
    assert {"conf/base.yaml:optim.betas[0]", "net/mlp.py:MlpConfig.width"} <= names
    assert not any("LOG_EVERY" in name for name in names)
