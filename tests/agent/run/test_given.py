"""What a person gives to be tried: a working tree, a patch, a branch or constants."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.errors import HistoryFault, UsageFault
from agent.records.edits import SetConstant
from agent.run.given import Giver
from tests.agent.study import TRAIN, make_repository, study
from tests.e2e.researcher import git


@pytest.fixture
def giver(tmp_path: Path) -> Iterator[Giver]:
    with study(tmp_path) as history:
        yield Giver(history, tmp_path)


def changed(folder: Path, name: str = "train.py") -> str:
    """Change a file of the checkout; return the patch."""
    path = folder / name
    path.write_text(path.read_text().replace("0.1", "0.2") + "# more\n")
    return git(folder, "diff") + "\n"


def test_a_change_is_the_same_edits_however_it_is_given(giver: Giver, tmp_path: Path) -> None:
    patch = changed(tmp_path)
    tree = giver.of_working_tree()
    assert tree.what == "the working tree's change: train.py"
    assert giver.of_patch(patch.encode(), "my.diff").edits == tree.edits
    git(tmp_path, "commit", "-qam", "mine")
    assert giver.of_branch("main").edits == tree.edits
    with pytest.raises(UsageFault, match="has no change") as fault:
        giver.of_working_tree()
    assert fault.value.next_command == "autoresearch try --branch HEAD"


def test_what_no_trial_may_change_is_refused_by_name(giver: Giver, tmp_path: Path) -> None:
    (tmp_path / "prepare.py").write_text("MAX_SEQ_LEN = 128\n")
    with pytest.raises(UsageFault, match=r"touches what no trial may change: prepare\.py"):
        giver.of_working_tree()


def test_constants_are_set_to_other_values_only(giver: Giver) -> None:
    given = giver.of_values(["LR=0.2", "DEPTH = 6"])
    assert given.what == "LR 0.1 → 0.2, DEPTH 4 → 6"
    assert {edit.name for edit in given.edits if isinstance(edit, SetConstant)} == {"LR", "DEPTH"}
    for values, words in (
        (["LR=0.1"], "has these values already"),
        (["LR"], "takes NAME=VALUE"),
        (["LRR=1"], "constant"),
    ):
        with pytest.raises(UsageFault, match=words):
            giver.of_values(values)


def test_a_patch_of_another_state_matches_none(giver: Giver, tmp_path: Path) -> None:
    other = make_repository(tmp_path / "other")
    (other / "train.py").write_text(TRAIN.replace("DEPTH", "HEIGHT"))
    git(other, "commit", "-qam", "another state")
    (other / "train.py").write_text(TRAIN.replace("DEPTH", "WIDTH"))
    patch = git(other, "diff").encode() + b"\n"
    for file, name, again in (
        ("my.diff", "my.diff", "git diff > my.diff"),
        ("", "The patch", "git"),
    ):
        with pytest.raises(UsageFault, match=f"{name} matches no state of the run: .*") as fault:
            giver.of_patch(patch, file)
        assert "train.py" in fault.value.message, "what git says of it"
        assert fault.value.next_command and fault.value.next_command.startswith(again)


def test_what_has_nothing_to_try_says_so(giver: Giver, tmp_path: Path) -> None:
    (tmp_path / "program.md").write_text("# Goal\nAnother.\n")
    with pytest.raises(UsageFault, match="the working tree's change changes nothing that a trial"):
        giver.of_working_tree()
    for name in ("nope", "--all"):
        with pytest.raises(HistoryFault, match=f"no branch or commit '{name}' here"):
            giver.of_branch(name)
    git(tmp_path, "checkout", "-q", "--orphan", "other")
    git(tmp_path, "commit", "-qam", "another root")
    with pytest.raises(UsageFault, match="other and the run have no commit in common"):
        giver.of_branch("other")
