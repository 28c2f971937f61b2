"""The file of results: whole after any kill, one writer at a time, one version of a task."""

from pathlib import Path

import pytest

from agent.benchmark.results import Line, Results, Run, setup_of
from agent.benchmark.task import Task
from agent.benchmark.tasks import open_task
from agent.errors import UsageFault
from agent.space import Space

RUN = Run(task="valley", method="random", seed=1)


def line(number: int, value: float | None = 1.0) -> Line:
    """Return a trial."""
    return Line(
        run=RUN,
        number=number,
        configuration={"A": 1},
        value=value,
        failure=None if value is not None else "oom",
    )


def written(path: Path, count: int) -> None:
    """Write a file of `count` trials."""
    with Results.open(path) as results:
        for number in range(count):
            results.append(line(number, None if number == 2 else 1.0 / (number + 1)))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    written(tmp_path / "a.jsonl", 4)
    read = Results.read(tmp_path / "a.jsonl")
    assert [(line.number, line.value, line.failure) for line in read.lines(RUN)] == [
        (0, 1.0, None),
        (1, 0.5, None),
        (2, None, "oom"),
        (3, 0.25, None),
    ]


def test_a_file_that_is_torn_anywhere_is_read_and_added_to(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    written(path, 3)
    whole = path.read_bytes()
    ends = [place for place, byte in enumerate(whole) if byte == ord("\n")]
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        complete = sum(end < cut for end in ends)
        assert len(Results.read(path).lines(RUN)) == complete
        with Results.open(path) as results:
            for number in range(complete, 3):
                results.append(line(number, None if number == 2 else 1.0 / (number + 1)))
        assert path.read_bytes() == whole


def test_a_file_with_the_words_of_an_older_version_is_read_and_added_to(tmp_path: Path) -> None:
    path = tmp_path / "old.jsonl"
    path.write_text(
        '{"kind":"asked","command":"autoresearch bench","tasks":["valley"],"trials":2}\n'
        '{"kind":"trial","game":{"task":"valley","method":"random","seed":1},"number":0,'
        '"configuration":{"A":1},"value":1.0,"asked":0.25,"ran":1.5}\n'
    )
    with Results.open(path) as results:
        results.append(line(1, 0.5))
    read = Results.read(path)
    assert read.commands == ["autoresearch bench"]
    assert read.lengths == {"valley": 2}
    first, second = read.lines(RUN)
    assert (first.value, first.propose_seconds, first.evaluate_seconds) == (1.0, 0.25, 1.5)
    assert second == line(1, 0.5)


def test_a_broken_line_in_the_middle_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    written(path, 3)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([lines[0], lines[1][:40] + "\n", lines[2]]))
    with pytest.raises(UsageFault, match=r"line 2 of .*a\.jsonl"):
        Results.read(path)


def test_a_second_writer_is_refused(tmp_path: Path) -> None:
    with Results.open(tmp_path / "a.jsonl"), pytest.raises(UsageFault, match="another benchmark"):
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


def test_a_true_score_counts_before_the_measured_one() -> None:
    assert line(0, 2.0).score == 2.0
    assert line(0, 2.0).model_copy(update={"true": 1.5}).score == 1.5
    assert line(0, None).score is None
