"""Real, tiny training runs: budgets, determinism, failures, and what the scorer relies on."""

import io
import json
import math
import os
import re
import subprocess
import sys
import time
from contextlib import redirect_stdout
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from safetensors.torch import load_model
from small import WORKSPACE, load

RANGE = re.compile(r"^([A-Z0-9_]+) = .*\[([^\[\]]+)\]$", re.MULTILINE)


def run(train: ModuleType, data: Path, out: Path, budget: str, seed: int = 0) -> dict[str, str]:
    """Train in this process; the summary block."""
    printed = io.StringIO()
    with redirect_stdout(printed):
        train.train(data / "train", out, budget, seed)
    return dict(line.split(": ") for line in printed.getvalue().split("---\n")[1].splitlines())


def test_importing_trains_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    load("train")
    assert capfd.readouterr() == ("", "")
    assert not list(tmp_path.iterdir())


def test_as_the_harness_runs_it(data: Path, tmp_path: Path) -> None:
    """The unedited file, in its own process, from a folder it cannot write to."""
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "AUTORESEARCH_DATA": str(data / "train"),
        "AUTORESEARCH_OUT": str(tmp_path),
    }
    environment |= {"AUTORESEARCH_BUDGET": "6steps", "AUTORESEARCH_SEED": "3"}
    command = [sys.executable, "-B", "train.py"]
    printed = subprocess.run(
        command,
        cwd=WORKSPACE,
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    ).stdout
    points = re.findall(
        r"^step (\d{5}) \((\d+\.\d)%\) \| loss: (\d+\.\d{6}) \|", printed, re.MULTILINE
    )
    assert len(points) == 6 and points[-1][1] == "100.0"
    assert float(points[-1][2]) < float(points[0][2]) == pytest.approx(math.log(257), abs=1e-4)
    summary = dict(line.split(": ") for line in printed.split("---\n")[1].splitlines())
    assert summary["num_steps"] == "6"
    assert "val_bpb" not in printed
    model = load("train").build_model(257)
    load_model(model, str(tmp_path / "model.safetensors"), strict=True)
    assert model(torch.randint(257, (2, 32))).shape == (2, 32, 257)


def test_training_learns_more_than_letter_counts(
    train: ModuleType, data: Path, tmp_path: Path
) -> None:
    summary = run(train, data, tmp_path, "150steps")
    tokens = np.fromfile(data / "train" / "tokens.bin", dtype="<u2")
    share = np.bincount(tokens) / len(tokens)
    entropy = -(share[share > 0] * np.log(share[share > 0])).sum()
    assert float(summary["final_loss"]) < entropy - 0.3


def test_seconds_end_on_time_and_leave_weights(
    train: ModuleType, data: Path, tmp_path: Path
) -> None:
    summary = run(train, data, tmp_path, "2s")
    assert 1.5 < float(summary["training_seconds"]) < 10
    assert int(summary["num_steps"]) > 5
    load_model(train.build_model(257), str(tmp_path / "model.safetensors"))


def test_schedule_follows_the_clock_when_the_budget_is_seconds(
    train: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(train.time, "perf_counter", lambda: now[0])
    budget = train.Budget("300s")
    now[0] += 75
    assert budget.progress(step=999) == 0.25
    assert budget.allows(step=999, last=224) and not budget.allows(step=999, last=226)
    now[0] += 1000
    assert budget.progress(step=1) == 1.0
    steps = train.Budget("200steps")
    assert steps.progress(50) == 0.25
    assert steps.allows(199, last=1e9) and not steps.allows(200, last=0)


def test_a_slow_start_shortens_the_training_and_no_other_budget(
    train: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train.time, "perf_counter", lambda: 100.0)
    monkeypatch.setattr(train.time, "time", lambda: 1000.0)
    assert train.Budget("300s", deadline=1400.0).limit == 300
    late = train.Budget("300s", deadline=1100.5)
    assert (late.limit, late.given) == (100, 300)
    assert late.allows(step=9, last=99) and not late.allows(step=9, last=101)
    assert train.Budget("300s", deadline=999.0).progress(step=0) == 0.0, (
        "its one step is still made"
    )
    assert train.Budget("200steps", deadline=1100.5).allows(199, last=1e9)


@pytest.mark.slow  # it keeps to the clock: beside a second worker it may be late
def test_the_deadline_is_kept(data: Path, tmp_path: Path) -> None:
    """As the harness runs it: a budget of a minute ends in time for a deadline, with weights."""
    deadline = time.time() + 10
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "AUTORESEARCH_DATA": str(data / "train")}
    environment |= {"AUTORESEARCH_OUT": str(tmp_path), "AUTORESEARCH_BUDGET": "60s"}
    environment |= {"AUTORESEARCH_DEADLINE": f"{deadline:.3f}"}
    command = [sys.executable, "-B", "train.py"]
    subprocess.run(
        command, cwd=WORKSPACE, env=environment, capture_output=True, timeout=100, check=True
    )
    assert (tmp_path / "model.safetensors").stat().st_mtime < deadline


def test_same_seed_same_weights(train: ModuleType, data: Path, tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        run(train, data, tmp_path / name, "8steps", seed)
    a, b, c = ((tmp_path / name / "model.safetensors").read_bytes() for name in "abc")
    assert a == b != c


def test_divergence_exits_1_and_says_so(train: ModuleType, data: Path, tmp_path: Path) -> None:
    train.MATRIX_LR = 1e30
    with pytest.raises(SystemExit, match=r"the loss is nan at step .*training diverged") as stopped:
        run(train, data, tmp_path, "50steps")
    assert isinstance(stopped.value.code, str)  # Python prints it and exits with 1
    assert not (tmp_path / "model.safetensors").exists()


def test_model_too_large_for_the_budget_fails_at_once(
    train: ModuleType, data: Path, tmp_path: Path
) -> None:
    train.DEPTH, train.ASPECT_RATIO, train.TOTAL_BATCH_SIZE = 4, 128, 2**20
    with pytest.raises(SystemExit, match="one step would take about"):
        run(train, data, tmp_path, "4s")


def ranges() -> dict[str, str]:
    return dict(RANGE.findall((WORKSPACE / "train.py").read_text()))


def values(text: str) -> list[float | str]:
    """The ends of a range, or all choices."""
    if "|" in text:
        return [choice.strip() for choice in text.split("|")]
    return [
        float(end) if "." in end or "e" in end else int(end)
        for end in re.findall(r"\d+(?:\.\d+)?", text)[:2]
    ]


def test_every_constant_of_the_search_holds_its_own_default() -> None:
    module = load("train")
    constants = {name for name in vars(module) if name.isupper() and name not in ("F", "GPT")}
    assert constants == set(ranges())
    for name, text in ranges().items():
        ends, value = values(text), getattr(module, name)
        assert value in ends if isinstance(value, str) else ends[0] <= value <= ends[1], name


@pytest.mark.parametrize("name", sorted(ranges()))
def test_both_ends_of_every_range_run(
    train: ModuleType, data: Path, tmp_path: Path, name: str
) -> None:
    for value in values(ranges()[name]):
        setattr(train, name, value)
        assert int(run(train, data, tmp_path, "1steps")["num_steps"]) == 1


def test_corners_of_the_search_space_run(train: ModuleType, data: Path, tmp_path: Path) -> None:
    for corner in (0, -1):
        for name, text in ranges().items():
            if corner == 0 or name not in (
                "DEPTH",
                "ASPECT_RATIO",
                "HEAD_DIM",
                "MLP_RATIO",
                "TOTAL_BATCH_SIZE",
            ):
                setattr(train, name, values(text)[corner])
        assert int(run(train, data, tmp_path, "2steps")["num_steps"]) == 2


@pytest.mark.slow
def test_every_constant_does_something(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One end of its range or the other changes the weights, all else equal."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")

    def weights(**changed: object) -> bytes:
        module = load("train")
        module.DEPTH, module.ASPECT_RATIO, module.HEAD_DIM, module.TOTAL_BATCH_SIZE = 3, 16, 16, 512
        module.SHORT_WINDOW, module.DEVICE_BATCH_SIZE = 16, 8
        for name, value in changed.items():
            setattr(module, name, value)
        run(module, data, tmp_path, "3steps")
        return (tmp_path / "model.safetensors").read_bytes()

    plain = weights()
    assert weights() == plain
    idle = [
        name
        for name, text in ranges().items()
        if all(weights(**{name: v}) == plain for v in values(text))
    ]
    assert not idle


def jumbled(train: ModuleType, vocab_size: int = 50) -> torch.nn.Module:
    """A model none of whose weights is 0, unlike a fresh one's."""
    torch.manual_seed(0)
    model = train.build_model(vocab_size)
    with torch.no_grad():
        for p in model.parameters():
            p.normal_(std=0.3)
    return model


@pytest.mark.parametrize("pattern", ["SSSL", "LLLL", "SSSS"])
def test_no_position_sees_what_comes_after_it(train: ModuleType, pattern: str) -> None:
    train.WINDOW_PATTERN, train.DEPTH = pattern, 3
    model = jumbled(train)
    ids = torch.randint(50, (2, 40))
    changed = ids.clone()
    changed[:, 25:] = torch.randint(50, (2, 15))
    before, after = model(ids), model(changed)
    torch.testing.assert_close(before[:, :25], after[:, :25])
    assert not torch.allclose(before[:, 25:], after[:, 25:], atol=1e-2)


def test_short_layers_look_back_only_so_far(train: ModuleType) -> None:
    block = train.Block(16, 1, short=True)
    torch.nn.init.normal_(block.out)
    x = torch.randn(1, 40, 16)
    other = x.clone()
    other[:, 0] = torch.randn(16)
    moved = (block.attend(x) - block.attend(other)).abs().amax(dim=(0, 2)) > 1e-5
    assert moved[: train.SHORT_WINDOW].all() and not moved[train.SHORT_WINDOW :].any()


def test_attention_knows_distance_and_not_place(train: ModuleType) -> None:
    q, k = torch.randn(16), torch.randn(16)
    turned_q, turned_k = (train.rotate(v.expand(1, 1, 20, 16))[0, 0] for v in (q, k))
    torch.testing.assert_close(turned_q[7] @ turned_k[3], turned_q[19] @ turned_k[15])
    assert not torch.isclose(turned_q[7] @ turned_k[3], turned_q[7] @ turned_k[5])


def test_logits_stay_within_the_cap(train: ModuleType) -> None:
    model = jumbled(train)
    with torch.no_grad():
        model.head.weight.mul_(1e4)
    assert model(torch.randint(50, (1, 9))).abs().max() <= train.LOGIT_CAP


@pytest.mark.parametrize("shape", [(2, 24, 24), (1, 16, 64), (3, 64, 16)])
def test_muon_updates_have_singular_values_near_one(
    train: ModuleType, shape: tuple[int, int, int]
) -> None:
    train.MUON_STEPS = 5
    torch.manual_seed(0)
    values = torch.linalg.svdvals(train.orthogonalise(torch.randn(shape) * 7))
    assert values.median() > 0.6 and values.max() < 1.3


def test_rates_rise_stay_and_fall(train: ModuleType) -> None:
    train.WARMUP_RATIO, train.WARMDOWN_RATIO, train.FINAL_LR_FRAC = 0.1, 0.5, 0.2
    assert 0 < train.rate(0.0) < 0.02
    assert train.rate(0.3) == 1.0
    assert train.rate(0.75) == pytest.approx(0.6)
    assert train.rate(1.0) == pytest.approx(0.2)
    train.WARMUP_RATIO = train.WARMDOWN_RATIO = 0
    assert train.rate(0.0) == train.rate(1.0) == 1.0


def test_an_epoch_shows_every_window_once_with_the_next_token_as_target(train: ModuleType) -> None:
    tokens = np.arange(1000, dtype=np.uint16)
    stream = train.batches(tokens, 5, 10, 0, torch.device("cpu"))
    shown = []
    for _ in range(19):
        ids, targets = next(stream)
        assert torch.equal(ids + 1, targets)
        shown += ids.flatten().tolist()
    assert len(set(shown)) == len(shown) == 950


def test_by_hand_it_prepares_its_own_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AUTORESEARCH_DATA", raising=False)
    monkeypatch.setenv("AUTORESEARCH_CACHE", str(tmp_path))
    monkeypatch.syspath_prepend(str(WORKSPACE))
    folder = load("train").data_folder()
    assert json.loads((folder / "meta.json").read_text())["corpus"] == "sotu"
    assert folder.is_relative_to(tmp_path)
