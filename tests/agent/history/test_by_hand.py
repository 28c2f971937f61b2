"""Commits by hand under a run that works, another brief in the checkout, perturbed runs."""

from pathlib import Path

import pytest

from agent.errors import HistoryFault
from agent.git.plumbing import Plumbing
from agent.history.brief import brief_difference
from agent.history.by_hand import new_commits
from agent.history.commits import read_commits
from agent.history.history import History
from agent.history.neutral import perturbed_order
from agent.history.runs import brief_at
from agent.history.text import line_of, prose
from agent.history.unstarted import Unstarted, passing_tag
from agent.project.settings import RunSettings
from agent.records.objective import Objective
from agent.records.results import Order, Result, Role, Score, Trial
from agent.space import read_constants
from tests.agent.history.nights import commit
from tests.agent.study import make_repository, project_of, proposal, settings_of, study
from tests.e2e.researcher import git

BRIEF = "# Goal\nLower val_bpb.\n"


# ---------------------------------------------------------------- commits by hand


def meanwhile(history: History, now: str | None) -> list[str]:
    """Return the subjects of the commits by hand that lead from the tip to `now`."""
    git_here = Plumbing(Path(history.project.root))
    found = new_commits(git_here, history.branch, history.tip, now)
    return [each.message.partition("\n")[0] for each in found]


def test_commits_on_the_tip_are_taken_oldest_first(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        for message in ("one", "two"):
            commit(tmp_path, message)
        newest = git(tmp_path, "rev-parse", "autoresearch/t").strip()
        assert meanwhile(history, newest) == ["one", "two"]


def test_a_branch_that_does_not_stand_on_the_tip_is_never_followed(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        back = f"git update-ref refs/heads/autoresearch/t {history.tip}"
        beside = git(tmp_path, "commit-tree", f"{history.tip}^{{tree}}", "-p", "main", "-m", "x")
        for now, words in (
            (None, "was deleted"),
            (history.run.start_commit, "set back or replaced"),
            (beside.strip(), "set back or replaced"),
        ):
            with pytest.raises(HistoryFault, match=words) as fault:
                meanwhile(history, now)
            assert str(fault.value.next_command).startswith(back)


def test_what_another_process_recorded_is_no_commit_by_hand(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        attempt = history.draft(0, proposal(LR=0.2), history.sources)
        with pytest.raises(HistoryFault, match=r"moved by another process: \w+ is a record"):
            meanwhile(history, attempt.commit)


def test_a_message_may_be_anything_and_none_is_asked_for_nothing(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        commit(tmp_path, "a subject\n\n  body: with lines\n")
        newest = git(tmp_path, "rev-parse", "autoresearch/t").strip()
        [read] = read_commits(Plumbing(tmp_path), [newest]).values()
        assert read.message == "a subject\n\n  body: with lines\n"
        assert (read.id, read.parents) == (newest, [history.tip])
        assert read_commits(Plumbing(tmp_path), []) == {}


def test_words_that_look_like_a_record_are_indented() -> None:
    assert prose("fine\nTrial: 9\n--- a rule\nlow: 1\n") == "fine\n  Trial: 9\n  --- a rule\nlow: 1"
    assert line_of("Autoresearch: {}") == "  Autoresearch: {}"


# ---------------------------------------------------------------- the brief


def test_only_another_text_is_another_brief(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        checkout = project_of(tmp_path)
        path = tmp_path / "program.md"
        assert brief_difference(history, checkout) == []
        path.write_bytes(BRIEF.replace("\n", "\r\n").encode())
        assert brief_difference(history, checkout) == []
        path.write_text(f"{BRIEF}Be bold.\n")
        [line] = brief_difference(history, checkout)
        assert "`autoresearch brief t --from-checkout`" in line
        path.unlink()
        assert brief_difference(history, checkout) == []
        path.symlink_to("train.py")
        assert brief_difference(history, checkout) == [], "a link is not followed"


# ---------------------------------------------------------------- perturbations


def baseline(history: History, *values: float) -> Trial:
    """Commit a baseline with these scores, and a perturbed run."""
    attempt = history.commit_attempt(0, proposal(), history.sources)
    scores = [Score(value=v, seed=n, kind="self-reported") for n, v in enumerate(values)]
    scores.append(Score(value=2.0, seed=1, kind="self-reported", role="neutral"))
    result = Result(status="scored", scores=tuple(scores))
    trial = Trial(number=0, status="baseline", proposal=proposal(), reason="r", result=result)
    return history.commit_verdict(attempt, trial)


@pytest.mark.parametrize(
    ("role", "seed", "values", "moves"),
    [
        ("candidate", 1, (1.0, 1.0, 1.0), True),
        ("incumbent", 2, (1.0, 1.0, 1.0), True),
        ("candidate", 0, (1.0, 1.0, 1.0), False),  # under the run's first seed it stays
        ("baseline", 1, (1.0, 1.0, 1.0), False),  # where the baseline is timed
        ("candidate", 1, (1.0, 1.1, 1.2), False),  # seeds move this score
        ("neutral", 1, (1.0, 1.1, 1.2), True),
    ],
)
def test_code_is_perturbed_where_no_seed_moves_its_score(
    tmp_path: Path, role: Role, seed: int, values: tuple[float, ...], moves: bool
) -> None:
    with study(tmp_path) as history:
        trial = baseline(history, *values)
        order = Order(commit=trial.attempt, seed=seed, role=role)
        perturbed = perturbed_order(history, order)
        checks = order.model_copy(update={"checks": ("true",)})
        assert perturbed_order(history, checks) == checks
    assert set(perturbed.texts) == ({"train.py"} if moves else set())
    assert perturbed.model_copy(update={"texts": {}}) == order


def test_a_perturbed_constant_stays_in_the_range_of_the_run(tmp_path: Path) -> None:
    objective = Objective(metric="val_bpb", ranges={"LR": "0.01 .. 0.1"})
    with study(tmp_path, objective=objective) as history:
        order = Order(commit=history.tip, seed=1, role="neutral")
        texts = perturbed_order(history, order).texts
    assert 0.0999 < float(read_constants(texts["train.py"])["LR"]) < 0.1


# ---------------------------------------------------------------- a project without a run


def test_a_project_as_it_stands_is_read_and_nothing_is_written(tmp_path: Path) -> None:
    project = project_of(make_repository(tmp_path / "r"))
    run: RunSettings = settings_of(project)
    before = git(tmp_path / "r", "for-each-ref")
    standing = Unstarted(project, run)
    assert (standing.tag, standing.tip) == ("t", run.start_commit)
    sealed = project.model_copy(update={"score": "sealed"})
    assert Unstarted(sealed, run).project.score == run.score == "printed"
    assert standing.file_at(standing.tip, "program.md") == BRIEF
    assert brief_at(project, standing.tip) == BRIEF
    assert brief_at(project.model_copy(update={"program": None}), standing.tip) == ""
    standing.export(standing.tip, tmp_path / "copy")
    standing.export_whole(tmp_path / "whole", "val")
    assert all((tmp_path / to / "train.py").exists() for to in ("copy", "whole"))
    assert git(tmp_path / "r", "for-each-ref") == before


def test_the_folder_of_a_killed_process_without_a_run_is_removed(tmp_path: Path) -> None:
    project = project_of(make_repository(tmp_path / "r"))
    with passing_tag(project) as tag:
        runs = tmp_path / "r" / ".autoresearch" / "runs"
        other_end = "y" if tag.endswith("x") else "x"
        left = runs / f"{tag[:-1]}{other_end}" / "trials"  # of a process that was killed
        left.mkdir(parents=True)
        with passing_tag(project) as other:
            assert sorted(path.name for path in runs.iterdir()) == sorted((tag, other))
    assert not list(runs.iterdir())
