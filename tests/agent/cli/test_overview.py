"""What start says that it chose, and why."""

from pathlib import Path

import pytest

from agent.cli.build import find_place
from agent.cli.overview import Chosen, rows
from agent.edit.files import Sources
from agent.evaluate.neighbours import Session
from agent.evaluate.slots import make_slots
from agent.project.flags import read_flags
from agent.project.option import Origin
from agent.project.program import FrontMatter
from agent.project.resolve import Inferred, start_options
from agent.propose import find_method
from agent.records.objective import VAL_BPB, Objective
from tests.e2e.researcher import TRAIN, miniature

KEYS = {"ANTHROPIC_API_KEY": "sk-secret"}


@pytest.fixture(autouse=True)
def _no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return miniature(tmp_path_factory.mktemp("overview") / "home")


def said(
    repository: Path,
    environment: dict[str, str] | None = None,
    inferred: str | None = None,
    front_matter: FrontMatter | None = None,
    others: tuple[Session, ...] = (),
    objective: Objective = VAL_BPB,
    **typed: object,
) -> dict[str, str]:
    """The lines of the block, by name."""
    place = find_place(repository)
    options = start_options(
        read_flags("start", **typed),
        front_matter or FrontMatter(),
        place.settings,
        Inferred(model=inferred),
        lambda name: find_method(name, typed=True).model,
    )
    slots = make_slots(options.workers.value, (0, 1), ())
    chosen = Chosen(place, options, slots, "B", Sources.of(TRAIN), "", objective)
    return {row.name: row.text for row in rows(chosen, environment or {}, others)}


def test_about_ten_lines_name_all_that_was_chosen(repository: Path) -> None:
    block = said(repository, trials=4, budget="20s")
    assert list(block) == [
        "files",
        "objective",
        "python",
        "constants",
        "method",
        "model",
        "device",
        "sandbox",
        "bounds",
    ]
    assert block["files"] == "train.py is edited; prepare.py, program.md"
    assert block["objective"] == "val_bpb, lower is better; self-reported: as the run prints it"
    assert block["constants"] == "2 searched, of 3 found in train.py"
    assert block["method"] == "trust"
    assert block["device"] == "CPU, 2 cores; 1 trial at once"
    assert block["sandbox"] == "tier B"
    assert block["bounds"] == "20s of training a trial, 4 trials"


def test_a_run_without_an_end_says_so(repository: Path) -> None:
    assert "no end but Ctrl-C" in said(repository)["bounds"]
    assert "no end" not in said(repository, hours=2)["bounds"]


def test_a_model_has_its_key_and_a_default_bound_without_the_key_itself(repository: Path) -> None:
    block = said(repository, KEYS, inferred="opus")
    assert block["model"] == "opus (inferred), key from ANTHROPIC_API_KEY"
    assert "$20.00 by default (--max-cost none lifts it)" in block["bounds"]
    assert "sk-secret" not in str(block)
    assert "no bound on cost" in said(repository, KEYS, model="opus", max_cost="none")["bounds"]


def test_a_run_with_a_model_says_who_writes_and_what_fills_in(repository: Path) -> None:
    usual = "as many as keep the slots busy, trust fills slots that would wait"
    assert said(repository, KEYS, model="opus")["writers"] == usual
    chosen = said(repository, KEYS, model="opus", writers="2", fill="none", effort="high")
    assert chosen["writers"] == "2 at once, free slots wait, effort high"
    assert "writers" not in said(repository, KEYS, model="opus", writers="0")


def test_a_command_that_cannot_look_says_what_is_missing(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "looks" not in said(repository, model="codex")
    monkeypatch.setattr("agent.cli.overview.find_spec", lambda _: None)
    assert "the extra mcp is not installed" in said(repository, model="codex")["looks"]
    assert "looks" not in said(repository, model="codex", look=False)
    assert "looks" not in said(repository, KEYS, model="opus")


def test_a_bound_of_the_front_matter_says_where_it_is_from(repository: Path) -> None:
    matter = FrontMatter.model_validate({"max_cost": 3, "budget": "10m"})
    bounds = said(repository, KEYS, front_matter=matter, model="opus")["bounds"]
    assert "600s of training a trial (front matter)" in bounds
    assert "$3.00 (front matter)" in bounds


@pytest.mark.parametrize(
    ("environment", "typed", "reason"),
    [
        ({}, {}, "no ANTHROPIC_API_KEY, OPENAI_API_KEY or OPENAI_BASE_URL is set"),
        (KEYS, {"model": "none"}, "as typed"),
        (
            KEYS,
            {"max_cost": 0},
            "a key is in ANTHROPIC_API_KEY, but --max-cost 0 allows no paid question",
        ),
        (
            {"OPENAI_BASE_URL": "http://127.0.0.1:1"},
            {"max_cost": 0},
            "local would be asked, but --max-cost 0 allows no paid question",
        ),
        (KEYS, {"method": "random"}, "the method random asks none (a key is in ANTHROPIC_API_KEY)"),
    ],
)
def test_no_model_has_a_reason(
    repository: Path, environment: dict[str, str], typed: dict[str, object], reason: str
) -> None:
    inferred = "opus" if environment else None
    assert said(repository, environment, inferred, **typed)["model"] == f"none: {reason}"


def test_a_server_of_ones_own_sends_no_bill(repository: Path) -> None:
    environment = {"OPENAI_BASE_URL": "http://192.168.1.7:8000/v1"}
    assert said(repository, environment, model="local")["model"] == "local, no bill is expected"


def test_a_run_beside_is_named_with_what_it_means(repository: Path) -> None:
    other = Session(pid=4321, host="here", root="/r/other", branch="autoresearch/nov24")
    beside = said(repository, others=(other,))["beside"]
    assert beside.startswith("autoresearch/nov24 in /r/other runs here too (process 4321): ")
    assert "changes scores" in beside


def test_every_origin_has_words_or_was_typed_or_usual() -> None:
    from agent.cli.overview import ORIGINS

    assert set(Origin) - set(ORIGINS) == {Origin.FLAG, Origin.DEFAULT}


def test_a_direction_that_the_name_contradicts_is_said(repository: Path) -> None:
    doubt = said(repository, objective=Objective(metric="val_accuracy"))["objective"]
    assert doubt.startswith("val_accuracy, lower is better, though its name says the other way")
    assert 'direction = "maximize"' in doubt
    right = Objective(metric="val_accuracy", direction="maximize")
    assert "though" not in said(repository, objective=right)["objective"]
    assert "though" not in said(repository, objective=Objective(metric="quokka"))["objective"]
