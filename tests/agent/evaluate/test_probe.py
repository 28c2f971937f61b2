"""Probes: code that runs for a moment, shows what it prints, and has no score."""

import threading
from pathlib import Path

import pytest

from agent.errors import SandboxFault
from agent.evaluate.folders import put_texts
from agent.evaluate.probe import LEFT_OUT, Probe, put_files
from agent.evaluate.slots import Slot
from sandbox.ground.outcome import Cancelled, Crashed, Outcome, RunSpec, TimedOut, Usage
from tests.agent.evaluate.test_bench import bench_of, finished

PRINTED = "\n".join(
    (
        "step 00003 (50.0%) | loss: 2.5 |",
        "tokens a second: 9000",
        "val_bpb: 0.987654",
        "Validation accuracy 71.2",
        "evaluation strategy is fine",
        "---",
    )
)
SLOT = Slot(number=0, cpus=(0,))


def wanted(**more: object) -> Probe:
    return Probe.model_validate({"commit": "c1", "seed": 1_500_000_001, "seconds": 20.0, **more})


def test_a_probe_runs_the_files_it_was_given_within_its_seconds(tmp_path: Path) -> None:
    specs: list[RunSpec] = []
    texts: list[str] = []

    def script(spec: RunSpec) -> tuple[Outcome, str]:
        specs.append(spec)
        texts.append(Path(spec.folder, "train.py").read_text())
        texts.append(Path(spec.folder, "net", "new.py").read_text())
        return finished(3.0), PRINTED

    bench = bench_of(tmp_path, script)
    changed = {"train.py": "LR = 2\n", "net/new.py": "DEPTH = 3\n"}
    probed = bench.probe(wanted(texts=changed), SLOT, threading.Event())
    assert texts == ["LR = 2\n", "DEPTH = 3\n"]
    [spec] = specs
    assert spec.limits.wall_seconds == 20.0
    assert spec.environment["AUTORESEARCH_BUDGET"] == "10s"
    assert spec.environment["AUTORESEARCH_SEED"] == "1500000001"
    assert (probed.ended, probed.seconds, probed.peak_memory_mb) == ("it ended by itself", 3.0, 1.0)
    assert not (tmp_path / "probe" / "probe-0").exists(), "nothing of it stays but its log"


def test_a_probe_has_no_file_that_it_takes_out_and_no_more_than_the_budget(tmp_path: Path) -> None:
    specs: list[RunSpec] = []

    def script(spec: RunSpec) -> tuple[Outcome, str]:
        specs.append(spec)
        assert not Path(spec.folder, "train.py").exists()
        return finished(memory=None), "loss 1.0\n"

    bench = bench_of(tmp_path, script)
    removed = wanted(removed=("train.py", "never.py"), seconds=600.0)
    probed = bench.probe(removed, SLOT, threading.Event())
    assert probed.tail.strip() == "loss 1.0" and probed.peak_memory_mb is None
    short = wanted(removed=("train.py",), seconds=1.0)
    bench.probe(short, SLOT, threading.Event())
    budgets = [spec.environment["AUTORESEARCH_BUDGET"] for spec in specs]
    assert budgets == ["60s", "1s"], "never more than a trial, and never nothing"
    attempt = removed.attempt()
    assert (attempt.number, attempt.proposal.by.method) == (0, "probe")


def test_a_text_is_written_as_it_was_read_and_with_the_mode_of_its_file(tmp_path: Path) -> None:
    for put in (
        lambda folder, texts: put_files(folder, wanted(texts=texts)),
        put_texts,
    ):
        (tmp_path / "run.sh").write_text("old")
        (tmp_path / "run.sh").chmod(0o755)
        put(tmp_path, {"run.sh": "caf\udce9\n"})
        assert (tmp_path / "run.sh").read_bytes() == b"caf\xe9\n"
        assert (tmp_path / "run.sh").stat().st_mode & 0o777 == 0o755
        (tmp_path / "link").unlink(missing_ok=True)
        (tmp_path / "link").symlink_to("/tmp")
        with pytest.raises(SandboxFault):
            put(tmp_path, {"link/a.py": ""})


def test_lines_about_held_out_data_are_left_out(tmp_path: Path) -> None:
    bench = bench_of(tmp_path, lambda spec: (finished(), PRINTED))
    shown = bench.probe(wanted(), SLOT, threading.Event()).tail
    assert "0.98" not in shown and "71.2" not in shown
    assert shown.count(LEFT_OUT) == 2
    assert "tokens a second: 9000" in shown and "evaluation strategy" in shown


def test_a_probe_that_fails_or_takes_too_long_says_so_in_words(tmp_path: Path) -> None:
    usage = Usage(seconds=20.0)
    ends: list[Outcome] = [
        TimedOut(usage=usage),
        Crashed(usage=usage, exit_code=1),
        Cancelled(usage=usage),
    ]
    words: list[str] = []
    for outcome in ends:
        bench = bench_of(tmp_path, lambda spec, end=outcome: (end, "ValueError: val_bpb is nan"))
        words.append(bench.probe(wanted(), SLOT, threading.Event()).ended)
    assert words == ["it was ended after 20 s", LEFT_OUT, "the run ends"]


def test_only_of_a_score_that_is_printed_lines_are_left_out_and_the_data_is_there(
    tmp_path: Path,
) -> None:
    checkout = tmp_path / "checkout"
    (checkout / "data").mkdir(parents=True)
    (checkout / "data/a.csv").write_text("1\n")
    seen: list[bool] = []

    def script(spec: RunSpec) -> tuple[Outcome, str]:
        seen.append(Path(spec.folder, "data").is_symlink())
        return finished(), PRINTED

    bench = bench_of(tmp_path, script)
    plan = {"score": "evaluated", "checkout": str(checkout)}
    bench._plan = bench._plan.model_copy(
        update={**plan, "read_only": (str(checkout / "data"),), "budget": None}
    )
    probed = bench.probe(wanted(), SLOT, threading.Event())
    assert "val_bpb: 0.98" in probed.tail and "71.2" in probed.tail and seen == [True]
    assert probed.curve == ((0.5, 2.5),)


def test_words_of_held_out_data(tmp_path: Path) -> None:
    told = ("val_loss", "VALID", "validation 1", "test", "eval", "my_dev", "holdout", "sub_acc")
    others = ("devices 2", "retest 1", "interval 3")
    printed = "\n".join((*told, *others))
    bench = bench_of(tmp_path, lambda spec: (finished(), printed))
    bench._plan = bench._plan.model_copy(
        update={"metric": bench._plan.metric.model_copy(update={"also": ("SUB_acc",)})}
    )
    shown = bench.probe(wanted(), SLOT, threading.Event()).tail.strip().splitlines()
    assert shown == [*[LEFT_OUT] * len(told), *others]
