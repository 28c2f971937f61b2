"""Paths that a run must not see stay out of sight on every tier, however they are spelled."""

import os

import pytest

from sandbox.ground.fault import SandboxFault
from sandbox.ground.outcome import Finished
from sandbox.walls import landlock
from sandbox.walls.hidden import visible
from tests.sandbox.as_user import place_of, whoever
from tests.sandbox.every_tier import ISOLATING, folders, why_not

WHO = ("as is", "nobody")
LOOK = """
    import json, os
    def what(path):
        try:
            return open(path).read()
        except OSError as error:
            return type(error).__name__
    print(json.dumps({path: what(path) for path in PATHS}))
    """


@pytest.fixture(params=ISOLATING)
def tier(request):
    if reason := why_not(request.param):
        pytest.skip(reason)
    return request.param


def furnish(home):
    """Make data with a sealed folder and file, one granted file inside, and links to all of it."""
    for name in ("data/sealed/deep", "data/plain", "links"):
        (home / name).mkdir(parents=True)
    for name in (
        "sealed/val",
        "sealed/deep/val",
        "sealed/given",
        "plain/train",
        "plain/answers",
        "top",
    ):
        (home / "data" / name).write_text(name)
    (home / "data/shortcut").symlink_to("sealed")
    (home / "data/plain/shortcut").symlink_to(home / "data/sealed/val")
    (home / "links/data").symlink_to(home / "data")
    for path in (home, *home.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755)


def look(tier, hidden, read_only, paths):
    """Return what a run reads at each of `paths`; all are relative to the furnished folder."""
    with folders() as home:
        furnish(home)
        place = place_of(tier, home)
        ran = place.run(
            LOOK.replace("PATHS", repr([f"{home}/{path}" for path in paths])),
            hidden=tuple(f"{home}/{path}" for path in hidden),
            read_only=tuple(f"{home}/{path}" for path in read_only),
        )
        assert isinstance(ran.outcome, Finished), ran.output
        return {path.removeprefix(f"{home}/"): text for path, text in ran.value.items()}


SECRET = (
    "data/sealed/val",
    "data/sealed/deep/val",
    "data/plain/answers",
    "data/shortcut/val",
    "data/plain/shortcut",
)
SPELLINGS = (
    ("data/sealed", "data/plain/answers"),
    ("data/shortcut", "data/plain/../plain/answers"),
    ("links/data/sealed/", "links/../data/plain/answers"),
    ("data/sealed/val", "data/sealed/deep", "data/plain/answers"),
)


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("hidden", SPELLINGS)
def test_what_is_hidden_cannot_be_read_and_what_lies_beside_it_can(tier, who, hidden):
    open_ones = ("data/plain/train", "data/top")
    contents = whoever(who, look, tier, hidden, ("data",), (*SECRET, *open_ones))
    assert {path: contents[path] for path in open_ones} == {
        "data/plain/train": "plain/train",
        "data/top": "top",
    }
    assert {contents[path] for path in SECRET} <= {"FileNotFoundError", "PermissionError", ""}


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("spelled", ["links/data", "data/plain/../../data"])
def test_a_bind_through_another_name_hides_it_too(tier, who, spelled):
    paths = (f"{spelled}/sealed/val", f"{spelled}/top", "data/sealed/val")
    contents = whoever(who, look, tier, ("data/sealed",), (spelled, "data"), paths)
    assert contents[f"{spelled}/top"] == "top"
    assert {contents[path] for path in paths if path.endswith("val")} <= {
        "FileNotFoundError",
        "PermissionError",
    }


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("shown", [("data", "data/sealed/given"), ("data/sealed/given",)])
def test_a_path_that_is_given_inside_a_hidden_folder_stays_visible(tier, who, shown):
    contents = whoever(
        who, look, tier, ("data/sealed",), shown, ("data/sealed/given", "data/sealed/val")
    )
    assert contents["data/sealed/given"] == "sealed/given"
    assert contents["data/sealed/val"] in {"FileNotFoundError", "PermissionError"}


def test_the_run_s_own_folders_may_lie_inside_a_hidden_one(walled):
    (walled.home / "sealed").write_text("sealed")
    ran = walled.run(
        LOOK.replace(
            "PATHS", repr([str(walled.home / "sealed"), str(walled.home / "folder/plain")])
        ),
        hidden=(str(walled.home),),
    )
    assert isinstance(ran.outcome, Finished)
    assert ran.value[str(walled.home / "sealed")] in {"FileNotFoundError", "PermissionError"}


def test_nothing_can_be_written_or_made_where_something_is_hidden(walled):
    (walled.home / "data/sealed").mkdir(parents=True)
    (walled.home / "data/file").write_text("sealed")
    code = f"""
        import json, os
        made = []
        for path in ({str(walled.home / "data/sealed/new")!r}, {str(walled.home / "data/file")!r}):
            try:
                open(path, "w").close()
                made.append(path)
            except OSError:
                pass
        print(json.dumps(made))
        """
    data = str(walled.home / "data")
    ran = walled.run(code, read_only=(data,), hidden=(f"{data}/sealed", f"{data}/file"))
    assert ran.value == []
    assert (walled.home / "data/file").read_text() == "sealed"


def test_packages_beside_a_hidden_file_are_still_found(walled):
    """Python lists the folder that it imports from."""
    (walled.home / "folder/shipped.py").write_text("value = 7\n")
    (walled.home / "folder/corpus.txt").write_text("sealed")
    (walled.home / "folder/train.py").write_text(
        "import shipped\nprint(shipped.value)\nopen('corpus.txt')\n"
    )
    argv = (walled.python, "train.py")
    ran = walled.run("", argv=argv, hidden=(str(walled.home / "folder/corpus.txt"),))
    assert ran.output.startswith("7\n")
    assert "Error" in ran.output and "sealed" not in ran.output


def test_what_is_hidden_and_asked_for_is_a_clear_error(walled):
    (walled.home / "data").mkdir()
    (walled.home / "link").symlink_to("data")
    for asked in ("data", "link"):
        with pytest.raises(SandboxFault, match="is hidden from runs"):
            walled.run(
                "pass", read_only=(str(walled.home / asked),), hidden=(str(walled.home / "data"),)
            )
    (walled.scratch / "sealed").mkdir()
    with pytest.raises(SandboxFault, match="it lies in"):
        walled.run("pass", hidden=(str(walled.scratch / "sealed"),))


def test_a_hidden_path_that_is_not_there_hides_nothing(walled):
    assert isinstance(walled.run("pass", hidden=("/nowhere/at/all",)).outcome, Finished)


def test_around_a_hidden_path_every_other_entry_is_granted(tmp_path):
    for name in ("a/b/c", "a/d", "e"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "link").symlink_to("a")
    granted = dict(visible(str(tmp_path), (f"{tmp_path}/a/b",)))
    whole = {os.path.relpath(path, tmp_path) for path, complete in granted.items() if complete}
    assert whole == {"a/d", "e"}
    assert dict(visible(str(tmp_path), ("/elsewhere",))) == {str(tmp_path): True}


def test_landlock_grants_no_more_than_names_on_the_way():
    rules = landlock.rules(6, readable=[], writable=[], devices=[], listed=["/way"])
    assert rules["paths"] == [("/way", landlock.READ_DIR)]
