"""What a model means by a path or a name is one file of the project, or is refused with a hint."""

import pytest

from agent.edit.files import Sources, apply_edits
from agent.llm.model import Reply
from agent.propose.code.places import path_of
from agent.propose.code.reply import Draft, read_reply
from agent.records.edits import Refused

PROJECT = Sources(
    {
        "train.py": "LR = 0.1\n",
        "model/net.py": "WIDTH = 8\n\n\nclass Net:\n    def loss(self):\n        return 1\n",
        "conf/base.yaml": "optim:\n  lr: 0.1\n",
    },
    patterns=("train.py", "model/*.py", "conf/*.yaml"),
    others={"data/secret.py": "", "tests/train.py": ""},
)
ALONE = Sources.of("LR = 0.1\n")


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("model/net.py", "model/net.py"),
        ("./model/net.py", "model/net.py"),
        (".//model/net.py ", "model/net.py"),
        ("model\\net.py", "model/net.py"),
        ("workspace/model/net.py", "model/net.py"),
        ("/home/me/project/model/net.py", "model/net.py"),
        ("/tmp/room/workspace/conf/base.yaml", "conf/base.yaml"),
        ("workspace/train.py", "train.py"),
        ("model/new.py", "model/new.py"),
        ("workspace/model/new.py", "model/new.py"),
        # These name another file, or none: they are refused under the name they have.
        ("tests/train.py", "tests/train.py"),
        ("data/net.py", "data/net.py"),
        ("a/b/train.py", "a/b/train.py"),
        ("/etc/passwd", "/etc/passwd"),
        ("../train.py", "../train.py"),
        ("", ""),
        (".git/train.py", ".git/train.py"),
    ],
)
def test_a_path_is_understood_where_it_can_mean_one_file(text: str, path: str) -> None:
    assert path_of(text, PROJECT) == path


def test_a_train_py_in_a_folder_is_found_by_its_name() -> None:
    inner = Sources({"src/train.py": "LR = 1\n"}, "src/train.py", ("src/train.py", "conf/*"))
    assert path_of("train.py", inner) == "src/train.py"


def edited(sources: Sources, edit: dict[str, str]) -> Sources | Refused:
    reply = Reply(model="m", text="", arguments={"hypothesis": "h", "edits": [edit]})
    drafts = read_reply(reply, sources)
    assert not isinstance(drafts, Refused)
    [draft] = drafts
    assert isinstance(draft, Draft)
    return apply_edits(sources, draft.edits)


@pytest.mark.parametrize(
    "file", ["train.py", "./train.py", "workspace/train.py", "/work/me/workspace/train.py"]
)
@pytest.mark.parametrize("sources", [PROJECT, ALONE])
def test_train_py_may_be_named_in_any_way(sources: Sources, file: str) -> None:
    edit = {"kind": "set_constant", "name": "LR", "value": "0.2", "file": file}
    applied = edited(sources, edit)
    assert isinstance(applied, Sources) and applied.text == "LR = 0.2\n"


def test_a_whole_name_names_the_file_too() -> None:
    setting = {"kind": "set_constant", "name": "conf/base.yaml:optim.lr", "value": "0.2"}
    applied = edited(PROJECT, setting)
    assert isinstance(applied, Sources) and "lr: 0.2" in applied.files["conf/base.yaml"]
    deleting = {"kind": "delete_definition", "name": "./model/net.py:Net"}
    applied = edited(PROJECT, deleting)
    assert isinstance(applied, Sources) and "Net" not in applied.files["model/net.py"]
    twice = {**setting, "file": "conf/base.yaml"}
    assert isinstance(edited(PROJECT, twice), Sources)


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (
            {"kind": "set_constant", "file": "model/nett.py", "name": "WIDTH", "value": "9"},
            "outside-file: model/nett.py does not exist (did you mean model/net.py?)",
        ),
        (
            {"kind": "delete_file", "file": "data/secret.py"},
            "outside-file: data/secret.py is not one of the files that are edited",
        ),
        ({"kind": "add_file", "file": "/etc/cron.d/x", "code": ""}, "outside-file: /etc/cron.d/x"),
        ({"kind": "add_file", "file": "../x.py", "code": ""}, "outside-file: ../x.py"),
        (
            {"kind": "rename_file", "file": "model/net.py", "to": "data/net.py"},
            "outside-file: data/net.py is outside what may be edited",
        ),
        ({"kind": "set_constant", "file": "train.py/", "name": "LR", "value": "9"}, "outside-file"),
        ({"kind": "set_constant", "file": ".git/config", "name": "a", "value": "9"}, "outside"),
    ],
)
def test_what_is_outside_is_refused_by_its_path(edit: dict[str, str], reason: str) -> None:
    refused = edited(PROJECT, edit)
    assert isinstance(refused, Refused) and str(refused).startswith(reason)


def test_a_diff_may_name_files_as_a_model_does() -> None:
    diff = (
        "Raise it.\n```diff\n--- a/workspace/conf/base.yaml\n+++ b/workspace/conf/base.yaml\n"
        "@@ -1,2 +1,2 @@\n optim:\n-  lr: 0.1\n+  lr: 0.2\n```\n"
    )
    drafts = read_reply(Reply(model="m", text=diff), PROJECT)
    assert not isinstance(drafts, Refused)
    [edit] = drafts[0].edits
    assert (edit.kind, edit.file) == ("set_constant", "conf/base.yaml")
