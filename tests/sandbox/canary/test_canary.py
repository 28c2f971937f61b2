"""The canary passes what isolates and catches what leaks; without a tier nothing is run."""

import os
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest

from sandbox.canary.canary import prove
from sandbox.ground.devices import Device
from sandbox.ground.fault import SandboxFault
from sandbox.ground.outcome import Outcome, Runner, RunSpec
from sandbox.proof.guarantees import guarantees, missing
from sandbox.tiers import choose
from sandbox.tiers.bubblewrap import Bubblewrap
from sandbox.tiers.namespaces import Namespaces
from sandbox.tiers.plain import Plain
from tests.sandbox.every_tier import ISOLATING, RUNNERS, folders, interpreter_for, why_not


def reached(report):
    """Return the checks whose reply is not as it should be."""
    return {check for check, expected, reply in report.answers if not reply.startswith(expected)}


def wrong(report):
    """Return those of them that the tier is not known to lack."""
    return reached(report) - set(report.lacks)


def test_every_isolating_tier_passes(walled):
    report = prove(walled.runner, python=walled.python, imports=())
    assert report.ok, report.reason
    assert len(report.answers) >= 12
    assert {expected for _, expected, _ in report.answers} == {"yes", "no"}


def test_a_plain_process_fails_on_every_promise():
    report = prove(Plain(), imports=())
    assert not report.ok
    # its environment is clean even so; all else is within its reach
    assert {check for check, expected, _ in report.answers if expected == "no"} - wrong(report) == {
        "read a key in its environment"
    }


@dataclass
class Leaky:
    """An isolation with one hole: the folder beside the trial's is mounted, too."""

    inner: Runner

    @property
    def tier(self) -> str:
        return self.inner.tier

    def run(self, spec: RunSpec, cancel: threading.Event) -> Outcome:
        beside = str(Path(spec.folder).parent / "elsewhere")
        return self.inner.run(
            spec.model_copy(update={"read_only": (*spec.read_only, beside)}), cancel
        )


def test_one_hole_is_found(walled):
    report = prove(Leaky(walled.runner), python=walled.python, imports=())
    assert not report.ok
    assert wrong(report) == {"read a secret file", "connect to a socket file"} - set(report.lacks)
    assert "read a secret file" in report.reason


def test_what_cannot_import_torch_is_not_trusted(walled):
    report = prove(walled.runner, python=walled.python, imports=("no_such_module",))
    assert wrong(report) == {"import no_such_module"}
    assert report.unloaded == ["no_such_module"]


def test_a_module_that_does_not_load_is_not_the_machines_fault(monkeypatch):
    best = next(tier for tier in ISOLATING if why_not(tier) is None)
    monkeypatch.setattr(choose, "TIERS", {best: choose.TIERS[best]})
    with pytest.raises(SandboxFault, match="cannot import no_such_module in the sandbox") as caught:
        choose.choose_runner(imports=("no_such_module",))
    assert caught.value.next_command.endswith("-m pip install --ignore-installed no_such_module")


def test_chooses_the_best_tier_and_reports_each_that_it_tried():
    best = next(tier for tier in ISOLATING if why_not(tier) is None)
    chosen = choose.choose_runner()
    assert chosen.tier == chosen.runner.tier == best
    assert [report.tier for report in chosen.reports] == list(
        ISOLATING[: ISOLATING.index(best) + 1]
    )
    assert ("import torch", "yes", "yes") in chosen.reports[-1].answers


def test_works_without_bubblewrap(monkeypatch):
    if why_not("B"):
        pytest.skip(why_not("B"))
    monkeypatch.setattr(choose, "prove", lambda runner, **given: prove(runner, imports=()))
    monkeypatch.setenv("PATH", "/nowhere")
    chosen = choose.choose_runner()
    assert chosen.tier == "B"
    assert not chosen.reports[0].ok
    assert chosen.reports[0].fix == "sudo apt-get install bubblewrap"


def test_refuses_where_nothing_isolates(monkeypatch):
    monkeypatch.setattr(
        choose,
        "TIERS",
        {"A": lambda: Bubblewrap("/no/interpreter"), "B": lambda: Namespaces("/no/interpreter")},
    )
    with pytest.raises(SandboxFault, match=r"(?s)tier A.*tier B") as caught:
        choose.choose_runner()
    assert caught.value.exit_code == 4


def test_unsafe_is_asked_for_and_says_so():
    chosen = choose.choose_runner(unsafe=True)
    assert (chosen.tier, chosen.reports) == ("none", ())
    assert chosen.runner.tier == "none"


def test_a_tier_that_cannot_run_where_the_trials_run_is_not_chosen(monkeypatch):
    """As root, tier C gives a run a uid of its own, which gets to no folder in a closed home."""
    if os.geteuid() != 0:
        pytest.skip("a user's runs reach what is theirs")
    if why_not("C"):
        pytest.skip(why_not("C"))
    with folders() as home:
        (home / "closed/deep").mkdir(parents=True)
        (home / "closed").chmod(0o700)
        runner = RUNNERS["C"]()
        python = str(interpreter_for("C")["python"])
        assert prove(runner, python=python, imports=(), place=home).ok
        report = prove(runner, python=python, imports=(), place=home / "closed/deep")
        assert not report.ok
        assert report.fix and report.fix.startswith(f"chmod o+x {home / 'closed'} ")
        monkeypatch.setattr(choose, "TIERS", {"C": lambda: runner})
        with pytest.raises(SandboxFault, match=r"closed to others; try: chmod o\+x"):
            choose.choose_runner(imports=(), place=home / "closed/deep")


def test_the_canary_works_below_a_path_longer_than_a_socket_s_address(walled):
    place = walled.home / ("x" * 120)
    place.mkdir(mode=0o755)
    report = prove(walled.runner, python=walled.python, imports=(), place=place)
    assert report.ok, report.reason
    assert reached(report) == set(report.lacks)


def test_what_a_tier_lacks_is_really_within_reach(walled):
    """Else it would be held, and should be promised."""
    report = prove(walled.runner, python=walled.python, imports=())
    assert reached(report) == set(report.lacks)
    assert bool(report.lacks) == (walled.tier == "C")


@pytest.mark.parametrize("tier", choose.BACK_ENDS)
def test_what_a_tier_promises_is_told_with_what_it_does_not(tier):
    promises = guarantees(tier)
    assert {"network", "memory", "no survivors", "socket files"} <= {p.what for p in promises}
    assert {p.held for p in promises} == {"yes", "partly", "no"}
    assert missing(tier) == tuple(f"{p.what}: {p.how}" for p in promises if p.held != "yes")


@pytest.mark.parametrize(("can_shut", "held"), [(True, "yes"), (False, "partly")])
def test_what_scored_code_can_leave_behind_is_told(can_shut, held, monkeypatch):
    monkeypatch.setattr("sandbox.proof.guarantees.traces.can_shut", lambda: can_shut)
    monkeypatch.setattr("sandbox.proof.guarantees._may_look", lambda: True)
    [promise] = [p for p in guarantees("A") if p.what == "validation data"]
    assert promise.held == held


def test_no_tier_promises_nothing():
    assert [g.held for g in guarantees("none")] == ["no"]


def test_the_table_covers_every_tier():
    assert set(RUNNERS) == {*choose.TIERS, "none"}


def test_a_gpu_on_which_torch_cannot_compute_is_not_trusted():
    """Without one here, which is what a run on the CPU by mistake looks like from inside."""
    if Path("/dev/nvidiactl").exists():
        pytest.skip("there is a GPU here")
    report = prove(Plain(), imports=("torch",), gpus=(Device(index=0, uuid="GPU-8f2c"),))
    assert not report.ok
    assert "sees 0 of 1" in report.reason and "GPU-8f2c" in report.reason
    assert "nvidia-modprobe" in (report.fix or "")
