"""`make gpu-check` without a GPU: it says so, and its dry mode runs each step on the CPU."""

from pathlib import Path

import pytest

from benchmarks import gpu_check

GPU = any(Path(node).exists() for node in gpu_check.DRIVER_NODES)


@pytest.mark.skipif(GPU, reason="there is a GPU here")
def test_without_a_gpu_nothing_is_checked_and_that_is_said(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert gpu_check.main([]) == 0
    printed = capsys.readouterr().out
    assert "nothing checked" in printed and printed.count("\n") == 1


def test_a_step_that_fails_and_one_that_hangs_are_told_and_do_not_stop_the_others() -> None:
    failed = gpu_check.check("no-such-step", "nothing", 30, ["--dry"])
    assert failed.state == "FAILED" and "no-such-step" in failed.result
    slow = gpu_check.check("torch", "nothing", 0.05, ["--dry"])
    assert slow.state == "TIMEOUT" and slow.seconds < 10


@pytest.mark.skipif(GPU, reason="there is a GPU here")
def test_dry_steps_are_run_and_written_as_a_table(tmp_path: Path) -> None:
    page = tmp_path / "gpu.md"
    assert gpu_check.main(["--dry", "--only", "vram,upstream", "--write", str(page)]) == 0
    rows = page.read_text().splitlines()
    assert any(
        row.startswith("| vram |") and "| ok |" in row and "the limit itself needs one" in row
        for row in rows
    )
    assert any(row.startswith("| upstream |") and "| skipped |" in row for row in rows)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(GPU, reason="there is a GPU here")
def test_every_step_can_be_made_dry(tmp_path: Path) -> None:
    page = tmp_path / "gpu.md"
    assert gpu_check.main(["--dry", "--write", str(page)]) == 0, page.read_text()
    assert page.read_text().count("| ok |") == len(gpu_check.STEPS) - 1
