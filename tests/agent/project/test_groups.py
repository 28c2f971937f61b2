"""Lists of defaults: the files that they name, and what no list may cost."""

from pathlib import Path

from agent.project.groups import composed

FILES = ("c/a.yaml", "c/model/mlp.yaml", "c/model/x.yaml", "c/opt/adam.yaml", "c/top.yaml")


def listed(folder: Path, text: str) -> tuple[str, ...]:
    (folder / "c").mkdir()
    (folder / "c" / "a.yaml").write_text(text)
    return composed(folder, FILES)


def test_a_list_of_defaults_names_its_files(tmp_path: Path) -> None:
    text = "defaults:\n  - _self_\n  - model: mlp\n  - override /opt: adam\n  - top\nlr: 1\n"
    assert listed(tmp_path, text) == (FILES[0], FILES[1], FILES[3], FILES[4])


def test_aliases_that_stand_for_billions_of_values_cost_nothing(tmp_path: Path) -> None:
    """`init` reads a stranger's files; `{model: *bomb}` would be written out as text."""
    lines = ["a0: &a0 [x]"]
    for level in range(1, 12):
        lines.append(f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]")
    text = "\n".join([*lines, "defaults:", "  - model: *a11", "  - opt: adam", ""])
    assert listed(tmp_path, text) == (FILES[0], FILES[3])
