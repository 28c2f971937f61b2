"""Which files of a run a proposer may read, and what is said of the others."""

from pathlib import Path

import pytest

from agent.errors import ProjectFault, UsageFault
from agent.git.plumbing import Plumbing
from agent.git.store import Store
from agent.history.files import Files
from agent.history.runs import public_at
from agent.history.sources import sources_in
from agent.history.visible import VisibleFiles
from agent.records.evaluator import Evaluator
from agent.records.objective import Objective
from tests.agent.history.files import repository
from tests.agent.study import make_repository, project_of
from tests.e2e.researcher import git


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> VisibleFiles:
    """The files of a workspace: a text, a large one, a binary one and a link; one lies outside."""
    monkeypatch.setattr("agent.history.visible.MAX_BYTES", 20)
    root = make_repository(tmp_path)
    (root / "sub").mkdir()
    (root / "sub" / "net.py").write_text("WIDTH = 4\n")
    (root / "sub" / "large.txt").write_text("x" * 21)
    (root / "sub" / "weights.bin").write_bytes(b"\0\1")
    (root / "sub" / "link.py").symlink_to("../train.py")
    git(root, "add", ".")
    git(root, "commit", "-qm", "a workspace")
    project = project_of(root).model_copy(update={"workspace": "sub"})
    return VisibleFiles(project, Objective(metric="val_bpb"))


def test_plain_files_of_the_workspace_are_listed_and_texts_are_read(files: VisibleFiles) -> None:
    assert list(files.at("HEAD")) == ["sub/large.txt", "sub/net.py", "sub/weights.bin"]
    assert files.text("HEAD", "sub/net.py") == "WIDTH = 4\n"


def test_of_a_change_the_visible_part_is_shown(files: VisibleFiles, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("LR = 0.2\n")
    git(tmp_path, "commit", "-qam", "beside")
    assert files.change("HEAD") == ""
    (tmp_path / "sub" / "net.py").write_text("WIDTH = 8\n")
    git(tmp_path, "commit", "-qam", "inside")
    both = files.between("HEAD~2", "HEAD")
    assert both == files.change("HEAD")
    assert "-WIDTH = 4\n+WIDTH = 8\n" in both


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("train.py", "no file train.py to be visible"),
        ("sub/link.py", "no file sub/link.py to be visible"),
        ("sub/nett.py", "Did you mean sub/net.py?"),
        ("sub/large.txt", "has 21 bytes: too many"),
        ("sub/weights.bin", "is not a text file"),
    ],
)
def test_other_files_are_refused_with_the_reason(
    files: VisibleFiles, path: str, words: str
) -> None:
    with pytest.raises(UsageFault) as fault:
        files.text("HEAD", path)
    assert words in str(fault.value)


def test_what_is_public_about_an_evaluator_lies_in_the_workspace(tmp_path: Path) -> None:
    root = make_repository(tmp_path)
    (root / "sub").mkdir()
    (root / "sub" / "about.md").write_text("Accuracy on a hidden set.\n")
    git(root, "add", ".")
    git(root, "commit", "-qm", "a workspace")
    evaluator = Evaluator(command="python evaluate.py", public="about.md")
    update = {"workspace": "sub", "evaluate": evaluator}
    project = project_of(root).model_copy(update=update)
    files = Files(Store(Plumbing(root)), project, "HEAD", "t")
    files.start = git(root, "rev-parse", "HEAD")
    assert files.public == public_at(project, "HEAD") == "Accuracy on a hidden set.\n"
    assert public_at(project.model_copy(update={"evaluate": None}), "HEAD") == ""


def test_no_edit_may_touch_what_is_hidden_whatever_matches_it(tmp_path: Path) -> None:
    root = repository(tmp_path, ("train.py", "data/**"), {"data/secret.txt": "42\n"})
    evaluator = Evaluator(command="python evaluate.py", hidden=("data/**",))
    shown = project_of(root)
    hiding = shown.model_copy(update={"evaluate": evaluator})
    assert "data/secret.txt" in sources_in(shown, "HEAD").files
    assert "data/secret.txt" not in sources_in(hiding, "HEAD").files
    files = Files(Store(Plumbing(root)), hiding, "HEAD", "t")
    (root / "data" / "secret.txt").write_text("43\n")
    git(root, "commit", "-qam", "hidden")
    (root / "train.py").write_text("LR = 0.2\n")
    git(root, "commit", "-qam", "shown")
    hidden, shown_in = git(root, "rev-parse", "HEAD~1", "HEAD").split()
    assert files.diff("HEAD~2", hidden) == "" and files.diffs([hidden]) == {hidden: ""}
    for text in (files.diff("HEAD~2", shown_in), files.diffs([shown_in])[shown_in]):
        assert "+LR = 0.2" in text and "43" not in text.partition("@@")[2]


def test_no_more_is_edited_than_fits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = project_of(repository(tmp_path))
    size = sum(len(text.encode()) for text in sources_in(project, "HEAD").files.values())
    monkeypatch.setattr("agent.history.sources.MAX_TOTAL", size)
    assert sources_in(project, "HEAD").files
    monkeypatch.setattr("agent.history.sources.MAX_TOTAL", size - 1)
    with pytest.raises(ProjectFault, match=f"files of {size} bytes"):
        sources_in(project, "HEAD")
