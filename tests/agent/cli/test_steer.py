"""What is typed to steer a run becomes the right input, or a usage error that says what to type."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.cli.consent import Consent
from agent.cli.reach import _is_raised, _items_of_inputs, _recorded, bounded_run, remember_run
from agent.cli.steer import _tell
from agent.errors import HistoryFault, UsageFault
from agent.history.history import History
from agent.project.resolve import with_bounds
from agent.records.edits import AddFile, SetConstant
from agent.records.inputs import MAX_REMARK, Admitted, Input, Set, Tell
from agent.records.objective import VAL_BPB
from agent.run.given import Giver
from agent.run.inbox import new_input, send
from tests.agent.study import TRAIN, make_repository, study
from tests.e2e.researcher import git


@pytest.mark.parametrize(("until", "trials"), [(None, None), ("5", 5), (" 12 ", 12)])
def test_a_remark_holds_for_good_or_for_trials(until: str | None, trials: int | None) -> None:
    assert _tell("  try warmup \n", until) == Tell(text="try warmup", trials=trials)


@pytest.mark.parametrize(("until", "minutes"), [("30m", 30), ("8h", 480), ("2 d", 2880)])
def test_a_remark_holds_for_a_time(until: str, minutes: int) -> None:
    before = datetime.now(UTC)
    end = datetime.fromisoformat(_tell("x", until).until)
    assert timedelta(seconds=-1) <= end - before - timedelta(minutes=minutes)
    assert end - datetime.now(UTC) <= timedelta(minutes=minutes)


@pytest.mark.parametrize(
    "until", ["0", "-1", "soon", "0h", "5 parsecs", "9999999h", "²", "9" * 5000]
)
def test_any_other_end_of_a_remark_is_refused(until: str) -> None:
    with pytest.raises(UsageFault, match="--until takes"):
        _tell("x", until)


@pytest.mark.parametrize("text", ["", " \n ", "x" * (MAX_REMARK + 1)])
def test_nothing_and_too_much_are_no_remarks(text: str) -> None:
    with pytest.raises(UsageFault):
        _tell(text, None)


def test_bounds_that_were_set_hold_on_resume(tmp_path: Path) -> None:
    with study(tmp_path, trials=5, max_cost=1.0) as history:
        steps = (Set(trials=9), Set(hours=2.0, lift=("max_cost",)), Set(patience=3))
        run = with_bounds(history.run, steps)
        assert (run.trials, run.hours, run.max_cost) == (9, 2.0, None)


# ---------------------------------------------------------------- a change of one's own


def giver(history: History) -> Giver:
    return Giver(history, Path(history.project.root))


def test_the_working_trees_change_is_typed_edits(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        with pytest.raises(UsageFault, match=r"no change of train\.py that is not committed"):
            giver(history).of_working_tree()
        (tmp_path / "train.py").write_text(TRAIN.replace("DEPTH = 4", "DEPTH = 6"))
        (tmp_path / "program.md").write_text("# Mine\n")
        (tmp_path / "scratch.txt").write_text("not of the run\n")
        status = git(tmp_path, "status", "--porcelain")
        given = giver(history).of_working_tree()
        assert given.edits == (SetConstant(name="DEPTH", value="6"),)
        assert given.what == "the working tree's change: train.py"
        assert git(tmp_path, "status", "--porcelain") == status, "the index is the user's"


def test_a_change_of_what_no_trial_may_change_is_refused(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        (tmp_path / "prepare.py").write_text("MAX_SEQ_LEN = 8\n")
        with pytest.raises(UsageFault, match=r"no trial may change: prepare\.py"):
            giver(history).of_working_tree()


def test_a_committed_change_is_found_by_its_branch(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        git(tmp_path, "switch", "-qc", "idea")
        (tmp_path / "train.py").write_text(TRAIN.replace("LR = 0.1", "LR = 0.3"))
        git(tmp_path, "commit", "-qam", "idea")
        with pytest.raises(UsageFault) as fault:
            giver(history).of_working_tree()
        assert fault.value.next_command == "autoresearch try --branch HEAD"
        for name in ("idea", "HEAD"):
            given = giver(history).of_branch(name)
            assert given.edits == (SetConstant(name="LR", value="0.3"),)
        for wrong in ("nope", "--upload-pack=x", "-"):
            with pytest.raises(HistoryFault, match="no branch or commit"):
                giver(history).of_branch(wrong)


def test_a_patch_fits_the_newest_state_or_an_older_one(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        (tmp_path / "train.py").write_text(TRAIN.replace("LR = 0.1", "LR = 0.3"))
        patch = tmp_path.parent / f"{tmp_path.name}.patch"
        patch.write_text(git(tmp_path, "diff") + "\n")
        git(tmp_path, "checkout", "-q", "train.py")
        given = giver(history).of_patch_file(patch)
        assert given.edits == (SetConstant(name="LR", value="0.3"),)
        patch.write_text(patch.read_text().replace("-LR = 0.1", "-LR = 0.7"))
        with pytest.raises(UsageFault, match="matches no state of the run"):
            giver(history).of_patch_file(patch)
        with pytest.raises(UsageFault, match="Cannot read"):
            giver(history).of_patch_file(tmp_path / "none.patch")


def test_values_of_constants_are_named_as_in_space(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        given = giver(history).of_values(["LR=0.05", "DEPTH = 7"])
        assert given.edits == (
            SetConstant(name="LR", value="0.05"),
            SetConstant(name="DEPTH", value="7"),
        )
        assert given.what == "LR 0.1 → 0.05, DEPTH 4 → 7"
        for wrong, words in (
            ("LRR=1", "Did you mean 'LR'"),
            ("LR", "NAME=VALUE"),
            ("LR=", "NAME=VALUE"),
            ("LR=0.1", "has these values already"),
        ):
            with pytest.raises(UsageFault, match=words):
                giver(history).of_values([wrong])


def test_new_files_of_a_project_are_part_of_the_change(tmp_path: Path) -> None:
    files = {"files": ("train.py", "*.yaml"), "folder": "."}
    with study(tmp_path, objective=VAL_BPB.model_copy(update=files)) as history:
        (tmp_path / "conf.yaml").write_text("lr: 1\n")
        (tmp_path / "data.bin").write_bytes(b"\0" * 100)
        edits = giver(history).of_working_tree().edits
        assert edits == (AddFile(file="conf.yaml", code="lr: 1\n"),)


@pytest.mark.parametrize(
    "data",
    [
        b"lr: 2  # caf\xe9\n",
        b"\xff\xfel\x00r\x00",
        "lr: 2  # \ud83d".encode("utf-8", "surrogatepass"),
    ],
)
def test_a_file_that_is_no_text_any_more_is_not_deleted(tmp_path: Path, data: bytes) -> None:
    """A model's editor saves Latin-1, UTF-16, or half of an emoji."""
    files = {"files": ("train.py", "*.yaml"), "folder": "."}
    (tmp_path / "conf.yaml").write_text("lr: 1\n")
    with study(tmp_path, objective=VAL_BPB.model_copy(update=files)) as history:
        assert "conf.yaml" in history.sources.files
        (tmp_path / "conf.yaml").write_bytes(data)
        with pytest.raises(UsageFault, match=r"conf\.yaml, which no edit can change: it is binary"):
            giver(history).of_working_tree()
        git(tmp_path, "checkout", "-q", "conf.yaml")
        (tmp_path / "more.yaml").write_bytes(data)
        with pytest.raises(UsageFault, match=r"more\.yaml, which no edit can change: it is binary"):
            giver(history).of_working_tree()


@pytest.mark.parametrize(
    ("step", "raised"),
    [
        (Set(max_cost=0.5), False),
        (Set(max_cost=5.0), True),
        (Set(lift=("max_cost",)), True),
        (Set(trials=9), False),
    ],
)
def test_a_bound_on_cost_that_an_input_raised_is_asked_about(
    tmp_path: Path, step: Set, raised: bool
) -> None:
    at = "2026-11-29T01:00:00+00:00"
    with study(tmp_path, max_cost=1.0, model="opus") as history:
        asked = Input(id="k-1", ask=step, sent=at)
        history.admit(Admitted(input=asked, at=at, accepted=True))
        assert _is_raised(history) == raised
        asking = _recorded(history, bound_typed=False)
        assert asking
        assert asking.bound == bounded_run(history).max_cost


def test_what_waits_for_a_run_that_was_not_started_here_is_asked_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An archive brings the folder of inputs along, and with it another bound on cost."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    with study(tmp_path / "r", max_cost=1.0, model="opus") as history:
        consent = Consent(history.project, trusted=False)
        send(history.project, history.branch, new_input(Tell(text="go on"), "somebody"))
        assert _items_of_inputs(history, consent) == ()
        lower = Set(max_cost=0.5, only_down=True)
        send(history.project, history.branch, new_input(lower, "mcp"))
        assert _items_of_inputs(history, consent) == ()
        send(history.project, history.branch, new_input(Set(max_cost=500.0), "somebody"))
        [item] = _items_of_inputs(history, consent)
        assert item.line.startswith("1 input in the inbox of autoresearch/t")
        assert "500" in item.line
        remember_run(consent, history)
        assert _items_of_inputs(history, consent) == ()


def test_a_change_is_read_without_entering_a_submodule(tmp_path: Path) -> None:
    """`git add` would look for changes in it, by programs that its own settings name."""
    folder = tmp_path / "r"
    with study(folder) as history:
        inner = make_repository(folder / "inner")
        (inner / ".gitattributes").write_text("* filter=x\n")
        entry = f"160000,{git(inner, 'rev-parse', 'HEAD')},inner"
        git(folder, "update-index", "--add", "--cacheinfo", entry)
        git(folder, "commit", "-qm", "a submodule")
        git(inner, "config", "filter.x.clean", f"sh -c 'touch {tmp_path}/trace; cat'")
        (inner / "train.py").write_text("changed\n")
        (folder / "train.py").write_text(TRAIN.replace("LR = 0.1", "LR = 0.25"))
        giver(history).of_working_tree()
        assert not (tmp_path / "trace").exists()
