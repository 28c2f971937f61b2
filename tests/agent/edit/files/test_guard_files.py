"""What a project of several files may not try: other seeds, protected names, no change."""

import pytest

from agent.edit import fingerprint
from agent.edit.files import Sources, code_lines_of, fingerprint_of, guard_files
from agent.edit.files.one import is_python
from agent.records.edits import Refused

NET = "WIDTH = 4\n\n\ndef build():\n    return WIDTH\n"
CONF = "lr: 0.1\nseed: 1\ndata:\n  path: ${root}/x\n  folds: [1, 2]\n  none: null\n"


def tree(**texts: str | None) -> Sources:
    """A project; keyword `net_py` is the file net.py, None takes it out."""
    files: dict[str, str | None] = {
        "train.py": "import net\n\nLR = 0.1\nSEED = 1\n",
        "net.py": NET,
        "c.yaml": CONF,
        "c.toml": "lr = 0.1\nseed = 1\n",
        "c.json": '{"lr": 0.1, "seed": 1}\n',
    }
    for name, text in texts.items():
        files[name.replace("_", ".")] = text
    there = {name: text for name, text in files.items() if text is not None}
    return Sources(there, patterns=("**",))


def refusal(before: Sources, after: Sources, *protected: str) -> Refused | None:
    return guard_files(before, after, protected=protected)


def reason(before: Sources, after: Sources, *protected: str) -> str | None:
    refused = refusal(before, after, *protected)
    return refused.reason if refused else None


# ------------------------------------------------------------ seeds


@pytest.mark.parametrize(
    "texts",
    [
        {"c_yaml": CONF.replace("seed: 1", "seed: 2")},
        {"c_toml": "lr = 0.1\nseed = 2\n"},
        {"c_json": '{"lr": 0.1, "seed": 2}\n'},
        {"c_json": '{"lr": 0.2, "seed": 2}\n'},
        {"train_py": "import net\n\nLR = 0.2\nSEED = 2\n"},
        {"train_py": "import net\n\nLR = 0.1\n", "net_py": f"SEED = 2\n{NET}"},
        {"train_py": "import net\n\nLR = 0.1\nSEED = 2\n", "c_yaml": CONF.replace("0.1", "0.3")},
        {"c_yaml": CONF.replace("seed: 1\n", ""), "net_py": f"SEED = 2\n{NET}"},
        {"c_toml": None, "c_json": '{"lr": 0.1, "seed": 1, "other": {"seed": 7}}\n'},
    ],
)
def test_another_seed_is_no_change(texts: dict[str, str | None]) -> None:
    assert reason(tree(), tree(**texts)) == "seed-only"


@pytest.mark.parametrize(
    "texts",
    [
        {"c_yaml": CONF.replace("lr: 0.1", "lr: 0.2")},
        {"train_py": "import net\n\nLR = 0.1\n", "net_py": f"SEED = 1\n{NET}"},
        {"c_yaml": CONF.replace("seed: 1\n", ""), "net_py": f"SEED = 1\n{NET}"},
        # A comment in a Python file beside a value elsewhere is not "only the seed".
        {"train_py": "import net\n\nLR = 0.1  # rate\nSEED = 1\n", "c_toml": "lr = 1\nseed = 1\n"},
        # A function that moves to another file; a file that moves.
        {"net_py": "WIDTH = 4\n", "block_py": "WIDTH = 4\n\n\ndef build():\n    return WIDTH\n"},
        {"net_py": None, "block_py": NET},
        # A seed that is gone, and nothing else in its place.
        {"c_toml": "lr = 0.2\n"},
    ],
)
def test_the_same_seed_elsewhere_is_a_change_like_others(texts: dict[str, str | None]) -> None:
    assert refusal(tree(), tree(**texts)) is None


def test_a_list_of_seeds() -> None:
    before = tree(c_yaml="seeds: [1, 2]\nlr: 1\n")
    other = refusal(before, tree(c_yaml="seeds: [1, 3]\nlr: 2\n"))
    assert other and (other.reason, "seeds[1] would change" in other.where) == ("seed-only", True)
    assert reason(before, tree(c_yaml="seeds: [1, 2]\nlr: 2\n")) is None


def test_a_file_that_is_new_is_looked_at_like_others() -> None:
    assert reason(tree(), tree(more_py="x = (\n")) == "syntax"
    assert reason(tree(), tree(more_py="import torch\n\ntorch.manual_seed(7)\n")) == "seed-only"


def test_a_file_that_moves_takes_its_seed_along() -> None:
    seeded = f"import torch\n\ntorch.manual_seed(5)\n{NET}"
    assert refusal(tree(net_py=seeded), tree(net_py=None, block_py=seeded)) is None


# ------------------------------------------------------------ protected


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("${root}/x", "${other}/x"),
        ("[1, 2]", "[1, 3]"),
        ("[1, 2]", "[1, 2, 3]"),
        ("[1, 2]", "!ours [1, 2]"),
        ("none: null", "none: 2020-01-01"),
        ("none: null", "none: 1"),
        ("  none: null\n", ""),
        ("data:", "date:"),
    ],
)
@pytest.mark.parametrize("name", ["data", "c.yaml:data"])
def test_a_protected_section_does_not_change(old: str, new: str, name: str) -> None:
    after = tree(c_yaml=CONF.replace(old, new).replace("lr: 0.1", "lr: 0.2"))
    assert reason(tree(), after, name) == "protected"


def test_a_section_of_another_file_is_not_protected() -> None:
    after = tree(c_yaml=CONF.replace("[1, 2]", "[1, 2, 3]"))
    assert reason(tree(), after, "c.toml:data") is None


def test_around_a_protected_section_everything_may_change() -> None:
    flow = "data: {path: '${root}/x', folds: [1, 2], none: null}\nseed: 1\nlr: !a 0.3\n"
    assert reason(tree(), tree(c_yaml=flow), "c.yaml:data") is None


@pytest.mark.parametrize("name", ["build", "net.py:build"])
def test_a_protected_function_of_another_file(name: str) -> None:
    changed = tree(net_py=NET.replace("return WIDTH", "return 2"))
    assert reason(tree(), changed, name) == "protected"
    assert reason(tree(), tree(net_py=None), name) == "protected"
    assert reason(tree(), tree(net_py=NET.replace("= 4", "= 5")), name) is None


# ------------------------------------------------------------ nothing


@pytest.mark.parametrize(
    "texts",
    [
        {},
        {"net_py": f"# a comment\n{NET}"},
        {"c_yaml": f"# a comment\n{CONF}"},
        {"c_json": '{\n  "lr": 0.1,\n  "seed": 1\n}\n'},
    ],
)
def test_layout_is_no_change(texts: dict[str, str | None]) -> None:
    assert reason(tree(), tree(**texts)) == "no-op"


def test_a_fingerprint_is_of_paths_too_but_not_of_a_lone_train_py() -> None:
    text = "A = 1\n"
    both = [Sources({"train.py": text, name: text}) for name in ("a.py", "b.py")]
    assert fingerprint_of(both[0]) != fingerprint_of(both[1])
    assert fingerprint_of(Sources({"train.py": text})) == fingerprint(f"# a comment\n{text}")


def test_every_suffix_of_python_is_read_as_python() -> None:
    texts = {"train.py": "LR = 1\n", "w.pyw": "B = 1\n"}
    layout = Sources({**texts, "w.pyw": "B = (1)  # c\n"}, patterns=("**",))
    assert reason(Sources(texts, patterns=("**",)), layout) == "no-op"
    assert code_lines_of(layout) == 2
    assert not is_python(".py") and not is_python("a/.pyw") and not is_python("a.py/b")


def test_a_file_that_does_not_parse_is_refused_with_its_name() -> None:
    refused = refusal(tree(), tree(net_py="def (:\n"))
    assert refused is not None
    assert refused.reason == "syntax"
    assert refused.where.startswith("net.py: ")


def test_a_seeding_call_without_a_seed() -> None:
    before = tree(net_py="import random\nrandom.seed(a=None)\nX = random.Random(x=1)\n")
    after = tree(net_py="import random\nrandom.seed()\nX = 2\n", c_toml="lr = 0.2\nseed = 1\n")
    assert reason(before, after) == "seed-only"
