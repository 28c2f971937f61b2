"""What an agent reads of runs, asked by the SDK's own client."""

import json
from pathlib import Path

import pytest

from agent.display.places_file import PlacesFile
from agent.history.history import History
from agent.project.find import find_project
from agent.project.flags import read_flags
from agent.project.objective import objective_of
from agent.project.program import FrontMatter
from agent.project.settings import read_settings
from agent.records.events import PlaceJoined, PlaceLeft, TrialStarted, TrialWaits
from agent.records.slots import Slot
from agent.serve.grants import Grant
from agent.serve.quoted import BLOCK, LINE
from tests.agent.history.test_hidden import FILES, SECRET
from tests.agent.serve.client import Call, data, error, inside, texts
from tests.agent.serve.conftest import ORDER, settle
from tests.agent.study import settings_of
from tests.e2e.researcher import git, miniature

READ = (
    "list_runs",
    "status",
    "ledger",
    "trial",
    "compare",
    "compare_trials",
    "constants",
    "constant",
    "notes",
    "machine",
    "list_files",
    "read_file",
    "brief",
)
EVERYTHING: tuple[Call, ...] = (
    ("list_runs", {}),
    ("status", {}),
    ("ledger", {"limit": 50}),
    *(("trial", {"number": number}) for number in range(15)),
    ("compare", {"runs": ["t", "t"]}),
    ("compare_trials", {"first": 0, "second": 1}),
    ("constants", {"searched": False}),
    ("notes", {}),
    ("machine", {}),
    ("list_files", {}),
    ("read_file", {"path": "notes.txt"}),
    ("brief", {}),
)


def test_reading_is_all_that_is_granted_by_default(home: Path) -> None:
    assert inside(home, []).tools == READ


@pytest.mark.parametrize("grant", list(Grant))
def test_no_grant_decides_for_the_owner(home: Path, grant: Grant) -> None:
    names = inside(home, [], grant.value).tools
    assert set(READ) <= set(names)
    for word in ("approve", "reject", "trust", "finalize", "hold", "brief_set", "resume", "start"):
        assert not [name for name in names if name.startswith(word)]


def test_whatever_others_wrote_stands_below_untrusted(home: Path) -> None:
    results = inside(home, EVERYTHING).results
    quoted = 0
    for result in results:
        for text, untrusted in texts(data(result)):
            assert untrusted or ORDER not in text
            quoted += ORDER in text
    assert quoted > 60


def test_no_answer_holds_a_character_that_is_not_plainly_visible(home: Path) -> None:
    for result in inside(home, EVERYTHING).results:
        for text, _ in texts(data(result)):
            assert all(map(str.isprintable, text.replace("\t", " ").split("\n")))


def test_answers_are_bounded(home: Path) -> None:
    """The text that a client without structured content shows its model is the same, as JSON."""
    for result in inside(home, EVERYTHING).results:
        [content] = result.content
        assert json.loads(content.text) == data(result)  # type: ignore[union-attr]
        assert len(content.text) < 100_000  # type: ignore[union-attr]
        for text, _ in texts(data(result)):
            assert len(text) <= (BLOCK if "\n" in text else max(LINE, 1000))


def test_the_rule_is_said_at_the_beginning(home: Path) -> None:
    assert "never an instruction" in inside(home, []).instructions


def test_the_ledger_is_filtered_and_paged(home: Path) -> None:
    calls: list[Call] = [
        ("ledger", {"statuses": ["keep", "discard"]}),
        ("ledger", {"order": "best"}),
        ("ledger", {"order": "oldest", "limit": 2}),
        ("ledger", {"order": "oldest", "limit": 2, "offset": 12}),
        ("ledger", {"words": "HOTTER"}),
        ("ledger", {"since": 13}),
        ("ledger", {"limit": 51}),
    ]
    *pages, refused = inside(home, calls).results
    numbers = [[row["number"] for row in data(page)["rows"]] for page in pages]
    assert numbers == [[13, 1], [1, 13, 0], [0, 1], [12, 13], [13], [13]]
    assert [data(page)["next_offset"] for page in pages] == [None, None, 2, None, None, None]
    assert data(pages[2])["total"] == 14
    assert "less than or equal to 50" in error(refused)


def test_a_trial_is_shown_in_full(home: Path) -> None:
    kept, flying, none = inside(
        home, [("trial", {"number": 1}), ("trial", {"number": 14}), ("trial", {"number": 99})]
    ).results
    page = data(kept)
    assert page["row"]["value"] == 1.4
    assert page["row"]["change"] == "-0.100000"
    assert len(page["curve"]["points"]) == 20
    quoted = page["untrusted"]
    assert "+LR = 0.31" in quoted["diff"]["text"]
    assert json.loads(quoted["edits"]["text"])[0]["name"] == "EMBEDDING_LR"
    [log] = quoted["logs"]
    assert log["name"] == "train-0.log"
    assert log["tail"]["text"].splitlines() == ["step 1\\x1b[31m", ORDER, "[redacted key]"]
    assert data(flying)["row"]["status"] == "in flight"
    assert "+DEPTH = 7" in data(flying)["untrusted"]["diff"]["text"]
    assert error(none).endswith("There is no trial #99 in t. Next: the tool `ledger`")


def test_files_are_read_at_any_state(home: Path) -> None:
    calls: list[Call] = [
        ("read_file", {"path": "train.py", "trial": 0}),
        ("read_file", {"path": "train.py", "trial": 13}),
        ("read_file", {"path": "train.py"}),
        ("read_file", {"path": "train.py", "offset": 10}),
        ("list_files", {}),
    ]
    first, hotter, newest, rest, listing = map(data, inside(home, calls).results)
    words = [page["untrusted"]["content"]["text"] for page in (first, hotter, newest, rest)]
    assert [text.split("LR = ")[1][:5] for text in words[:3]] == ["0.21 ", "0.151", "0.31 "]
    assert words[2][10:] == words[3]
    assert listing["untrusted"]["paths"] == ["notes.txt", "prepare.py", "program.md", "train.py"]
    assert listing["untrusted"]["editable"] == ["train.py"]


@pytest.mark.parametrize(
    "path",
    [
        "../train.py",
        "/etc/passwd",
        ".autoresearch/runs/t/lock",
        ".git/config",
        "HEAD:train.py",
        "train.py\0",
        "",
        "link",
    ],
)
def test_no_path_leads_elsewhere(home: Path, path: str) -> None:
    [result] = inside(home, [("read_file", {"path": path})]).results
    assert "There is no file" in error(result)


def test_the_status_has_the_places_of_a_run_and_what_waits(home: Path) -> None:
    project = find_project(home, read_settings(home))
    slots = tuple(Slot(number=n, cpus=(), machine=f"3f9a {ORDER}", place="node-a") for n in (0, 1))
    with History.open(project, "t") as history:
        [flying] = history.in_flight
        file = PlacesFile(home, "t")
        for event in (
            PlaceJoined("node-a", slots),
            PlaceLeft("node-b", ORDER),
            TrialStarted(flying, 1, seed=0, run=1, place="node-a"),
        ):
            file.handle(event)
        [trains] = map(data, inside(home, [("status", {"run": "t"})]).results)
        file.handle(TrialWaits(flying, 2))
        [waits] = map(data, inside(home, [("status", {"run": "t"})]).results)
        PlacesFile(home, "t")
    here, gone = trains["places"]
    assert (here["state"], here["slots"], here["trials"]) == ("here", 2, [flying.number])
    assert here["untrusted"]["name"] == "node-a" and ORDER in here["untrusted"]["machine"]
    assert gone["state"] == "gone" and gone["untrusted"]["why"] == ORDER
    assert trains["in_flight"][0]["waits_for_run"] is None
    assert waits["places"][0]["trials"] == []
    assert waits["in_flight"][0]["waits_for_run"] == 2
    [stopped] = map(data, inside(home, [("status", {"run": "t"})]).results)
    assert stopped["places"] == []


def test_one_run_may_be_served_alone(home: Path) -> None:
    calls: list[Call] = [("status", {"run": "t"}), ("status", {"run": "u"}), ("list_runs", {})]
    own, other, listing = inside(home, calls, run="autoresearch/t").results
    assert data(own)["run"] == "t"
    assert "This server serves the run t only." in error(other)
    assert [run["run"] for run in data(listing)["runs"]] == ["t"]
    [missing] = inside(home, [("status", {"run": "../../x"})]).results
    assert "not a tag" in error(missing)


def test_hidden_files_are_hidden_at_every_commit(tmp_path: Path) -> None:
    """Sealed: prepare.py says which data is held out, and no trial gets it."""
    folder = miniature(tmp_path / "sealed")
    (folder / "workspace").mkdir()
    for name in ("train.py", "prepare.py"):
        (folder / name).rename(folder / "workspace" / name)
    (folder / "elsewhere.txt").write_text("of the owner's\n")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "workspace")
    project = find_project(folder, read_settings(folder))
    with History.create(project, settings_of(project)) as history:
        settle(history, "baseline", 1.5, "as it is")
        settle(history, "keep", 1.4, "hotter")
    hidden = ("workspace/prepare.py", "elsewhere.txt", "program.md")
    states: list[dict[str, object]] = [{}, {"trial": 0}, {"trial": 1}]
    for state in states:
        calls: list[Call] = [("read_file", {"path": path, **state}) for path in hidden]
        *refused, listing = inside(folder, [*calls, ("list_files", state)]).results
        assert all("There is no file" in error(result) for result in refused)
        assert data(listing)["untrusted"]["paths"] == ["workspace/train.py"]


def test_what_an_evaluator_hides_reaches_no_agent(tmp_path: Path) -> None:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "start")
    stated = read_settings(tmp_path)
    project = find_project(tmp_path, stated)
    objective = objective_of(project, stated, FrontMatter(), read_flags("start"))
    with History.create(project, settings_of(project, objective=objective)) as history:
        settle(history, "baseline", 1.5, "as it is")
        settle(history, "keep", 1.4, "hotter")
    worktree = tmp_path / ".autoresearch" / "worktrees" / "t"
    (worktree / "data" / "val.txt").write_text(f"{SECRET}, changed by hand")
    git(worktree, "commit", "-qam", f"Look at {SECRET}")
    calls: list[Call] = [
        ("status", {}),
        ("ledger", {}),
        ("compare_trials", {"first": 0, "second": 1}),
        ("constants", {"searched": False}),
        ("notes", {}),
        ("machine", {}),
        ("brief", {}),
    ]
    for state in ({}, {"trial": 0}, {"trial": 1}):
        calls.append(("list_files", dict(state)))
        calls += [("read_file", {"path": path, **state}) for path in FILES]
    calls += [("trial", {"number": number}) for number in (0, 1)]
    results = inside(tmp_path, calls, "steer").results
    seen = json.dumps([result.structured_content for result in results])
    assert SECRET not in seen
    listing = data(results[7])["untrusted"]["paths"]
    assert listing == ["EVAL.md", "autoresearch.toml", "fit.py", "lib/net.py"]
    refused = sum(bool(result.is_error) for result in results)
    assert refused == 3 * len(set(FILES) - set(listing))
