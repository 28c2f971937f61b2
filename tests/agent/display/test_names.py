"""Names of constants in short: never the same for two, and cut so that the name stays."""

from agent.display.names import cut_name, short_names
from agent.edit.files import Sources
from agent.records.results import Change
from agent.space import changes


def test_a_name_is_local_while_it_is_the_only_one() -> None:
    names = ["LR", "--weight-decay", "model/net.py:Config.width", "conf/base.yaml:optim.betas[0]"]
    assert list(short_names(names).values()) == [
        "LR",
        "--weight-decay",
        "Config.width",
        "optim.betas[0]",
    ]


def test_the_file_is_named_where_two_files_have_the_name() -> None:
    names = ["LR", "a/base.yaml:LR", "a/other.yaml:LR", "b/base.yaml:lr", "a/base.yaml:lr"]
    short = short_names(names)
    assert short == {
        "LR": "LR",
        "a/base.yaml:LR": "base.yaml:LR",
        "a/other.yaml:LR": "other.yaml:LR",
        "b/base.yaml:lr": "b/base.yaml:lr",
        "a/base.yaml:lr": "a/base.yaml:lr",
    }
    assert len(set(short.values())) == len(names)


def test_a_key_with_a_slash_is_no_folder() -> None:
    assert short_names(["c.yaml:a/b", "d.yaml:a/b"])["c.yaml:a/b"] == "c.yaml:a/b"


def test_a_cut_name_keeps_its_end() -> None:
    name = f"{'very/deep/' * 20}net.py:Config.width"
    assert cut_name(name, 30) == "…very/deep/net.py:Config.width"[-30:]
    assert cut_name("LR", 30) == "LR"
    assert len(cut_name("x\n" * 100, 30)) == 30


def test_a_renamed_file_takes_its_constants_along() -> None:
    text = "DEPTH = 3\nWIDTH = 8\n\n\ndef f():\n    return DEPTH\n"
    old = Sources({"train.py": "", "model/old.py": text})
    moved = old.without("model/old.py").with_file("model/new.py", text)
    assert changes(old, moved) == ()
    [change] = changes(old, moved.with_file("model/new.py", text.replace("= 8", "= 9")))
    assert change == Change(name="model/new.py:WIDTH", before=8, after=9)
    [gone, _] = changes(old, old.without("model/old.py"))
    assert gone == Change(name="model/old.py:DEPTH", before=3, after=None)
