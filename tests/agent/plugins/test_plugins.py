"""Plug-ins: found by entry points, imported when asked for, and never in place of ours."""

import sys
import threading
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from agent.errors import UsageFault
from agent.evaluate.bench import Bench
from agent.evaluate.engines import find_engine
from agent.llm.catalog import offers
from agent.llm.model import Request, Tool
from agent.llm.patience import Patience
from agent.llm.resolve import open_model
from agent.llm.scripted import Scripted
from agent.plugins import installed, is_reference, load_reference
from agent.propose import METHODS, Observation, ask, find_method, list_methods
from agent.records.proposals import Configuration
from agent.space import Space
from agent.trackers import list_trackers, open_trackers
from agent.trackers.targets import Targets
from tests.agent.plugins.packages import write_package
from tests.agent.propose.example import SPACE, context

MODEL = Scripted([])
CODE = """
    class Model:
        origin = "llm"

        def __init__(self, name):
            self.name = name

    def open_model(name, environment, patience):
        return Model(f"{name} of {environment['LAB']}")

    def suggest(space, observations, seed):
        return {**space.default, "DEPTH": 5 + len(observations)}

    class Proposer:
        model_use = "needed"
        name = "careful"
        looks_ahead = False

        def __init__(self, model):
            self.model = model

        def propose(self, context):
            raise NotImplementedError

    class Tracker:
        def __init__(self, where, folder):
            self.where = where

    def engine(plan, runner, slots, folder, export):
        return (plan, slots)

    number = 1
"""
GROUPS = {
    "autoresearch.methods": {
        "steps": "lab:suggest",
        "careful": "lab:Proposer",
        "trust": "lab:suggest",
        "number": "lab:number",
        "missing": "nowhere_at_all:suggest",
        "Ctrl\x1b[2J": "lab:suggest",
    },
    "autoresearch.providers": {"lab": "lab:open_model", "openai": "lab:open_model"},
    "autoresearch.trackers": {"wall": "lab:Tracker", "wandb": "lab:Tracker"},
    "autoresearch.engines": {"rack": "lab:engine", "local": "lab:engine"},
}


@pytest.fixture(autouse=True)
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed package that offers one of everything, and names of ours as well."""
    folder = write_package(tmp_path / "site", "lab", GROUPS, CODE, "2.1")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "lab", raising=False)
    return folder


def test_a_search_method_of_a_package_is_asked_like_ours() -> None:
    trials = [Observation(SPACE.default, 1.0)]
    configurations = ask("steps", SPACE, trials, seed=0, count=2)
    assert [configuration["DEPTH"] for configuration in configurations] == [6, 7]
    assert find_method("steps").build(None).name == "steps"


def test_a_proposer_says_what_it_does_with_a_model() -> None:
    method = find_method("careful")
    assert method.needs_model and not method.is_search
    with pytest.raises(UsageFault, match="needs a model"):
        method.build(None)


def test_lists_say_where_each_comes_from_and_import_nothing() -> None:
    methods = list_methods()
    assert list(methods)[: len(METHODS)] == list(METHODS)
    assert methods["steps"].origin == "lab:suggest of lab 2.1"
    assert methods["missing"].origin == "nowhere_at_all:suggest of lab 2.1"
    assert list_trackers()["wall"].origin == "lab:Tracker of lab 2.1"
    assert "lab" not in sys.modules


def test_our_own_names_always_win() -> None:
    assert find_method("trust") is METHODS["trust"] and list_methods()["trust"].origin == ""
    assert list_trackers()["wandb"].origin == ""
    assert find_engine("local") is Bench
    environment = {"OPENAI_API_KEY": "k", "LAB": "x"}
    assert open_model("openai:o3", environment, 1.0, threading.Event()).name == "o3"


def test_names_that_could_not_be_typed_or_printed_are_left_out() -> None:
    assert set(installed("methods", METHODS)) == {"steps", "careful", "number", "missing"}


def test_a_provider_opens_the_name_behind_its_colon() -> None:
    model = open_model("lab:big", {"LAB": "there"}, 1.0, threading.Event())
    assert model.name == "big of there"
    listed = list(offers({"PATH": ""}, Patience(1.0, threading.Event())))
    assert [(offer.model, offer.provider) for offer in listed] == [
        ("lab:NAME", "lab:open_model of lab 2.1")
    ]


def test_a_tracker_is_built_with_what_stands_behind_its_name(tmp_path: Path) -> None:
    assert open_trackers(["wall:left"], Targets(), tmp_path).warnings() == []
    with pytest.raises(UsageFault, match="Did you mean 'wall'"):
        open_trackers(["wal"], Targets(), tmp_path)


def test_an_engine_is_found_by_name() -> None:
    engine: Any = find_engine("rack")
    assert engine("plan", None, (), None, None) == ("plan", ())
    with pytest.raises(UsageFault, match="Unknown engine 'moon'"):
        find_engine("moon")


def test_what_cannot_be_imported_is_an_error_only_when_asked_for() -> None:
    with pytest.raises(UsageFault, match="No module named 'nowhere_at_all'") as fault:
        find_method("missing")
    assert "lab 2.1" in fault.value.message
    assert fault.value.next_command == "pip install --upgrade lab"


def test_what_is_no_method_is_refused() -> None:
    with pytest.raises(UsageFault, match="neither a function"):
        find_method("number")


def broken(*_: object) -> None:
    """Fail, as other people's code may."""
    raise ZeroDivisionError("of the lab")


def test_what_fails_later_is_a_fault_that_names_its_package(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lab = import_module("lab")
    for name in ("suggest", "open_model", "Tracker"):
        monkeypatch.setattr(lab, name, broken)
    monkeypatch.setattr(lab.Proposer, "__init__", broken)
    with pytest.raises(UsageFault, match=r"lab 2\.1.*failed: ZeroDivisionError: of the lab"):
        ask("steps", SPACE, [], seed=0)
    with pytest.raises(UsageFault, match=r"'careful'.*failed: ZeroDivisionError"):
        find_method("careful").build(MODEL)
    with pytest.raises(UsageFault, match=r"the provider 'lab'.*failed"):
        open_model("lab:big", {}, 1.0, threading.Event())
    with pytest.raises(UsageFault, match=r"the tracker 'wall'.*failed"):
        open_trackers(["wall"], Targets(), tmp_path)


def test_a_proposer_that_fails_in_a_run_names_its_package() -> None:
    with pytest.raises(UsageFault, match=r"'careful'.*failed: NotImplementedError"):
        find_method("careful").build(MODEL).propose(context())


def test_what_a_package_answers_wrongly_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    lab = import_module("lab")
    monkeypatch.setattr(lab.Proposer, "propose", lambda *_: {"edits": []})
    with pytest.raises(UsageFault, match=r"'careful'.*returned a dict, no Proposal"):
        find_method("careful").build(MODEL).propose(context())
    model = open_model("lab:big", {"LAB": "there"}, 1.0, threading.Event())
    request = Request(
        system="", blocks=("b",), tool=Tool(name="propose", description="", parameters={})
    )
    monkeypatch.setattr(lab.Model, "complete", lambda *_: None, raising=False)
    with pytest.raises(UsageFault, match=r"the provider 'lab'.*returned a NoneType, no Reply"):
        model.complete(request)
    monkeypatch.setattr(lab.Model, "complete", exits, raising=False)
    with pytest.raises(UsageFault, match=r"the provider 'lab'.*failed: SystemExit"):
        model.complete(request)


def exits(*_: object) -> None:
    """End the process, as other people's code may."""
    sys.exit()


def test_what_a_package_suggests_is_made_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_module("lab"), "suggest", lambda *_: {"DEPTH": 10**9})
    [configuration] = ask("steps", SPACE, [], seed=0)
    assert configuration == SPACE.repair({**SPACE.default, "DEPTH": 10**9})


def test_a_package_sees_the_constants_that_are_searched_and_no_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[Observation] = []

    def suggest(space: Space, observations: list[Observation], seed: int) -> Configuration:
        seen.extend(observations)
        return space.default

    monkeypatch.setattr(import_module("lab"), "suggest", suggest)
    trained = Observation({**SPACE.default, "SEED": 3}, 1.0)
    find_method("steps").suggest()(SPACE, [trained], 0)
    assert [trial.configuration for trial in seen] == [SPACE.default]


def test_two_packages_with_one_name_are_an_error_when_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups = {"autoresearch.methods": {"steps": "other:suggest"}}
    monkeypatch.syspath_prepend(str(write_package(tmp_path / "more", "other", groups, CODE)))
    with pytest.raises(UsageFault, match=r"lab 2\.1 and other 1 both offer 'steps'"):
        find_method("steps")


def test_a_module_and_a_name_are_imported_only_where_they_were_typed() -> None:
    assert find_method("lab:suggest", typed=True).is_search
    with pytest.raises(UsageFault, match="type the method again") as fault:
        find_method("lab:suggest")
    assert fault.value.next_command == "autoresearch resume --method lab:suggest"


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("lab:nothing", "the module 'lab' has no 'nothing'"),
        ("nowhere_at_all:suggest", "cannot import 'nowhere_at_all'"),
    ],
)
def test_a_reference_that_leads_nowhere_is_named(reference: str, message: str) -> None:
    with pytest.raises(UsageFault, match=message):
        load_reference(reference, "--method")


def test_what_ends_the_process_as_it_is_imported_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ends_at_once.py").write_text("raise SystemExit(0)\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UsageFault, match="cannot import 'ends_at_once': SystemExit: 0"):
        load_reference("ends_at_once:suggest", "--method")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("lab:suggest", True),
        ("lab.methods:suggest", True),
        ("trust", False),
        ("lab:", False),
        (":suggest", False),
        ("../lab:suggest", False),
        ("lab:suggest()", False),
    ],
)
def test_what_looks_like_a_reference(text: str, expected: bool) -> None:
    assert is_reference(text) is expected


def test_a_misspelt_method_is_told_the_nearest() -> None:
    with pytest.raises(UsageFault, match=r"Unknown method 'trsut'\. Did you mean 'trust'"):
        find_method("trsut")
