"""The file of results: whole after any kill, one writer at a time, and never of two versions of a task."""

from pathlib import Path

import pytest

from agent.benchmark.results import Game, Line, Results, setup_of
from agent.benchmark.task import Task
from agent.benchmark.tasks import open_task
from agent.errors import UsageFault
from agent.space import Space

GAME = Game(task="valley", method="random", seed=1)


def line(number: int, value: float | None = 1.0) -> Line:
    """A trial."""
    return Line(
        game=GAME,
        number=number,
        configuration={"A": 1},
        value=value,
        failure=None if value is not None else "oom",
    )


def written(path: Path, count: int) -> None:
    """A file of `count` trials."""
    with Results.open(path) as results:
        for number in range(count):
            results.append(line(number, None if number == 2 else 1.0 / (number + 1)))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    written(tmp_path / "a.jsonl", 4)
    read = Results.read(tmp_path / "a.jsonl")
    assert [(one.number, one.value, one.failure) for one in read.lines(GAME)] == [
        (0, 1.0, None),
        (1, 0.5, None),
        (2, None, "oom"),
        (3, 0.25, None),
    ]


def test_a_file_that_is_torn_anywhere_is_read_and_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    written(path, 3)
    whole = path.read_bytes()
    ends = [place for place, byte in enumerate(whole) if byte == ord("\n")]
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        complete = sum(end < cut for end in ends)
        assert len(Results.read(path).lines(GAME)) == complete
        with Results.open(path) as results:
            for number in range(complete, 3):
                results.append(line(number, None if number == 2 else 1.0 / (number + 1)))
        assert path.read_bytes() == whole


def test_a_broken_line_in_the_middle_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    written(path, 3)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([lines[0], lines[1][:40] + "\n", lines[2]]))
    with pytest.raises(UsageFault, match=r"line 2 of .*a\.jsonl"):
        Results.read(path)


def test_two_writers_are_not_let_in(tmp_path: Path) -> None:
    with Results.open(tmp_path / "a.jsonl"), pytest.raises(UsageFault, match="another bench"):
        Results.open(tmp_path / "a.jsonl")
    with Results.open(tmp_path / "a.jsonl"):
        pass


def test_another_version_of_a_task_is_refused(tmp_path: Path) -> None:
    task = open_task("valley")
    other = Task(
        "valley",
        task.about,
        task.noise,
        Space(parameters=task.space.parameters[1:]),
        task.source,
        task.make,
    )
    with Results.open(tmp_path / "a.jsonl") as results:
        results.agree(setup_of(task, "m", {}))
        results.agree(setup_of(task, "another machine", {}))
        with pytest.raises(UsageFault, match="another version"):
            results.agree(setup_of(other, "m", {}))


def test_a_true_score_goes_before_the_measured_one() -> None:
    assert line(0, 2.0).score == 2.0
    assert line(0, 2.0).model_copy(update={"true": 1.5}).score == 1.5
    assert line(0, None).score is None
