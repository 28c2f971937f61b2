"""What an edit replaces of prepare.py, which measures, is found where it is written plainly."""

from ast import Module

import pytest

from agent.edit import replaced
from agent.edit.named_paths import NamedPaths
from agent.edit.replaced import replaced_in
from agent.edit.source import file_tree
from agent.records.edits import Refused
from agent.records.sources import Sources

BEFORE = """from prepare import TIME_BUDGET, Tokenizer, evaluate_bpb, make_dataloader
import prepare as fixed

x = make_dataloader()
print(evaluate_bpb(x), fixed.EVAL_TOKENS, TIME_BUDGET)
"""
PREPARE = """import math
import os

import torch
import torch.nn.functional as F

EVAL_TOKENS = int(os.environ.get("EVAL_TOKENS", "512"))


class Tokenizer:
    def decode(self, ids):
        return ids


def evaluate_bpb(x):
    return F.cross_entropy(x, open("val")).item() / math.log(2)
"""
CHANGES = "it changes {} of prepare.py while it runs"
BINDS = "it binds {} of prepare.py anew"
NAMES = "it names the file prepare.py, so it could write it"


ANOTHER = "it changes {}, which prepare.py uses"
LOSS = "torch.nn.functional.cross_entropy"
ALTERS = "it alters what evaluate_bpb of prepare.py returns"


def reason(after: str, before: str = BEFORE) -> str:
    return replaced_in(Sources.of(before), Sources.of(after), "prepare.py", PREPARE)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("TIME_BUDGET = 9", BINDS.format("TIME_BUDGET")),
        ("def evaluate_bpb(x):\n    return 1", BINDS.format("evaluate_bpb")),
        ("class Tokenizer:\n    pass", BINDS.format("Tokenizer")),
        ("def f():\n    global TIME_BUDGET\n    TIME_BUDGET = 9", BINDS.format("TIME_BUDGET")),
        ("fixed.evaluate_bpb = print", CHANGES.format("evaluate_bpb")),
        ("import prepare\nprepare.EVAL_TOKENS = 1", CHANGES.format("EVAL_TOKENS")),
        ("evaluate_bpb.__code__ = print.__code__", CHANGES.format("evaluate_bpb")),
        ("fixed.__dict__['EVAL_TOKENS'] = 1", CHANGES.format("EVAL_TOKENS")),
        ("Tokenizer.encode = print", CHANGES.format("Tokenizer")),
        ("setattr(fixed, 'EVAL_TOKENS', 1)", CHANGES.format("EVAL_TOKENS")),
        ("import sys\nsys.modules['prepare'].A = 1", CHANGES.format("A")),
        ("import sys\nsys.modules['prepare'] = fixed", CHANGES.format("an attribute")),
        ("import importlib\nimportlib.import_module('prepare').A = 1", CHANGES.format("A")),
        ("globals()['TIME_BUDGET'] = 9", BINDS.format("TIME_BUDGET")),
        ("globals().update(TIME_BUDGET=9)", BINDS.format("TIME_BUDGET")),
        ("vars(fixed)['EVAL_TOKENS'] = 1", CHANGES.format("EVAL_TOKENS")),
        ("fixed.__dict__.update({'EVAL_TOKENS': 1})", CHANGES.format("EVAL_TOKENS")),
        ("evaluate_bpb.__globals__['EVAL_TOKENS'] = 1", CHANGES.format("EVAL_TOKENS")),
        ("again = fixed\nagain.EVAL_TOKENS = 1", CHANGES.format("EVAL_TOKENS")),
        ("(again := fixed).EVAL_TOKENS = 1", CHANGES.format("EVAL_TOKENS")),
        ("object.__setattr__(fixed, 'EVAL_TOKENS', 1)", CHANGES.format("EVAL_TOKENS")),
        ("fixed.__setattr__('EVAL_TOKENS', 1)", CHANGES.format("EVAL_TOKENS")),
        ("setattr(fixed, 'EVAL_' + 'TOKENS', 1)", CHANGES.format("an attribute")),
        ("import operator\noperator.setitem(vars(fixed), 'A', 1)", CHANGES.format("A")),
        ("from unittest import mock\nmock.patch('prepare.A', 1)", CHANGES.format("A")),
        ("from unittest import mock\nmock.patch.object(fixed, 'A')", CHANGES.format("A")),
        ("exec('evaluate_bpb = len')", BINDS.format("evaluate_bpb")),
        ("from math import sqrt as evaluate_bpb", BINDS.format("evaluate_bpb")),
        ("def main(evaluate_bpb=len):\n    pass", BINDS.format("evaluate_bpb")),
        ("try:\n    pass\nexcept OSError as evaluate_bpb:\n    pass", BINDS.format("evaluate_bpb")),
        ("words = Tokenizer.load()\nwords.decode = len", CHANGES.format("Tokenizer")),
        ("import math\nmath.log = len", ANOTHER.format("math.log")),
        ("import torch\ntorch.nn.functional.cross_entropy = len", ANOTHER.format(LOSS)),
        ("import torch.nn.functional as N\nN.cross_entropy = len", ANOTHER.format(LOSS)),
        ("import sys, math\nsys.modules['math'] = fixed", ANOTHER.format("math")),
        ("import torch\ntorch.Tensor.item = len", ANOTHER.format("torch.Tensor.item")),
        ("import builtins\nbuiltins.open = len", ANOTHER.format("builtins.open")),
        ("import os\nos.environ['EVAL_TOKENS'] = '1'", ANOTHER.format("os.environ.EVAL_TOKENS")),
        ("bpb = evaluate_bpb(x)\nbpb *= 0.9", ALTERS),
        ("bpb = evaluate_bpb(x)\nbpb = min(bpb, 1)", ALTERS),
        ("print(evaluate_bpb(x) * 0.9)", ALTERS),
        ("open('prepare.py', 'w').write('A = 1')", NAMES),
        ("from pathlib import Path\nPath('x/prepare.py').write_text('')", NAMES),
        ("open(fixed.__file__, 'w')", NAMES),
        ("raise SystemExit('first run prepare.py')", ""),
        ("bpb = min(evaluate_bpb(y) for y in x)", ALTERS),
        ("bpb = evaluate_bpb(x)\nprint(f'bpb: {bpb - 0.1:.3f}')", ALTERS),
        ("bpb = evaluate_bpb(x)\nprint('bpb:', min(bpb, 1))", ALTERS),
        ("bpb = evaluate_bpb(x)\nother = bpb * 2\nprint(f'bpb: {other}')", ALTERS),
        ("bpb = evaluate_bpb(x)\nprint('bpb: 0.9')", ALTERS),
        ("bpb = evaluate_bpb(x)\nprint('bpb: %.3f' % (0.9 * bpb))", ALTERS),
        ("bpb = evaluate_bpb(x)\nprint('bpb: {:.3f}'.format(0.9 * bpb))", ALTERS),
        ("bpb = evaluate_bpb(x)\nprint('bpb: %.3f' % bpb, 'bpb: {}'.format(bpb))", ""),
        ("print('bpb: %.3f' % evaluate_bpb(x))", ""),
        ("bpb = evaluate_bpb(x)\nprint('bpb: %.3f of %d' % (bpb, 2 * len(x)))", ""),
        ("bpb: float = evaluate_bpb(x)\nbpb: float = 0.9", ALTERS),
        ("bpb = evaluate_bpb(x)\nif (bpb := 0.9):\n    pass", ALTERS),
        ("bpb = evaluate_bpb(x)\nbpb, y = 0.9, 1", ALTERS),
        ("bpb = evaluate_bpb(x)\nfor bpb in (0.9,):\n    pass", ALTERS),
        ("found = evaluate_bpb(x)\nfound['note'] = 1", ""),
        ("bpb: float\nbpb = evaluate_bpb(x)\nfor y in x:\n    y: int = 2", ""),
        ("bpb = evaluate_bpb(x)\nprint('bpb:', round(float(bpb), 3), f'ppl: {2**bpb}')", ""),
        ("bpb = evaluate_bpb(x)\nprint(f'step: 3 loss: {2 * x} bpb = {bpb:.3f}')", ""),
        ("import os\nos.environ['CUDA_HOME'] = '1'", ""),
        ("import torch\ntorch.backends.cudnn.benchmark = True", ""),
        ("data = make_dataloader()\ndata[0] = 1", ""),
        ("bpb = None\nbpb = evaluate_bpb(x)\nprint(f'{bpb:.3f}')", ""),
        ("class GPT:\n    def item(self):\n        return 1\n\n\nGPT.item = len", ""),
        ("class Model:\n    def evaluate_bpb(self):\n        return 1", ""),
        ("y = 1", ""),
        ("x.TIME_BUDGET = 9", ""),
    ],
)
def test_a_line_more(code: str, words: str) -> None:
    assert reason(f"{BEFORE}{code}\n") == words
    both = f"{BEFORE}{code}\n"
    assert reason(f"{both}z = 1\n", both) == "", "only what an edit adds counts"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("evaluate_bpb(x)", "0.5", "it no longer uses evaluate_bpb of prepare.py"),
        ("make_dataloader()", "my_loader()", ""),
        (
            "from prepare import TIME_BUDGET, Tokenizer, evaluate_bpb,",
            "evaluate_bpb = len\nfrom prepare import TIME_BUDGET, Tokenizer,",
            BINDS.format("evaluate_bpb"),
        ),
    ],
)
def test_other_lines(old: str, new: str, words: str) -> None:
    assert reason(BEFORE.replace(old, new)) == words


def test_what_a_star_brings_is_known_from_the_module_itself() -> None:
    star = "from prepare import *\n\nprint(evaluate_bpb(1))\n"
    assert reason(f"{star}EVAL_TOKENS = 1\n", star) == BINDS.format("EVAL_TOKENS")
    assert reason(f"{star}ANYTHING = 1\n", star) == ""
    assert reason(f"{star}ids = 1\n\n\ndef decode():\n    pass\n", star) == "", "inner names"


def test_a_long_chain_of_calls_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = []
    of = NamedPaths.of
    monkeypatch.setattr(NamedPaths, "of", lambda *given: looked.append(1) or of(*given))
    counts = []
    for length in (8, 16):
        looked.clear()
        reason(f"{BEFORE}y = x{'.f().get(1)' * length}\n")
        counts.append(len(looked))
    assert counts[1] < 8 * counts[0]


def test_a_long_sum_of_what_measured_is_written_once(monkeypatch: pytest.MonkeyPatch) -> None:
    written = []
    write = replaced.normalised
    monkeypatch.setattr(replaced, "normalised", lambda *given: written.append(1) or write(*given))
    assert reason(f"{BEFORE}y = {' + '.join(['evaluate_bpb(x)'] * 50)}\n") == ALTERS
    assert len(written) == 1


def test_another_meaning_of_what_was_replaced_before_is_found_again() -> None:
    replaced = f"{BEFORE}\n\ndef evaluate_bpb(x):\n    return fixed.evaluate_bpb(x)\n"
    halved = replaced.replace("fixed.evaluate_bpb(x)\n", "0.5\n")
    assert reason(halved, replaced) == BINDS.format("evaluate_bpb")
    assert reason(f"{replaced}y = 1\n", replaced) == ""


@pytest.mark.parametrize(
    ("name", "doubted"),
    [
        ("torch.py", True),
        ("torch/__init__.py", True),
        ("prepare/__init__.py", True),
        ("model.py", False),
        ("lib/torch.py", False),
        ("torch.yaml", False),
    ],
)
def test_a_new_file_in_the_place_of_a_module(name: str, doubted: bool) -> None:
    before = Sources({"train.py": BEFORE}, patterns=("**",))
    why = replaced_in(before, before.with_file(name, "A = 1\n"), "prepare.py", PREPARE)
    assert why == (f"its new file {name} takes the place of another module" if doubted else "")


@pytest.mark.parametrize(
    ("path", "code", "words"),
    [
        ("metrics.py", "accuracy = len", "it binds accuracy of metrics.py anew"),
        ("metrics.py", "import metrics\nmetrics.K = 1", "it changes K of metrics.py while it runs"),
        ("utils.py", "evaluate = len", "it binds evaluate of utils.py anew"),
        ("utils.py", "print(evaluate(1) * 0.5)", "it alters what evaluate of utils.py returns"),
        ("utils.py", "warmup = len", ""),
        ("utils.py", "import utils\nutils.VERBOSE = 1", ""),
        ("utils.py", "import math\nmath.log = len", ""),
        ("metrics/__init__.py", "accuracy = len", "it binds accuracy of metrics.py anew"),
    ],
)
def test_of_another_module_what_speaks_of_measuring_counts(
    path: str, code: str, words: str
) -> None:
    before = "from metrics import accuracy\nfrom utils import evaluate, warmup\n"
    sources = Sources.of(before), Sources.of(f"{before}{code}\n")
    assert replaced_in(*sources, path, PREPARE, every=False) == words


def test_another_name_another_file_and_no_python() -> None:
    named = BEFORE.replace("evaluate_bpb", "evaluate_bpb as e", 1).replace("(evaluate_bpb(", "(e(")
    assert reason(named) == ""
    before = Sources({"train.py": BEFORE, "model.py": "A = 1\n"}, patterns=("*.py",))
    moved = before.with_file("model.py", "import prepare\nprepare.evaluate_bpb = len\n")
    assert replaced_in(before, moved, "prepare.py", "") == CHANGES.format("evaluate_bpb")
    assert replaced_in(before, moved, "data.py", "") == ""


def test_only_files_that_changed_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def noted(text: str) -> Module | Refused:
        read.append(text)
        return file_tree(text)

    monkeypatch.setattr("agent.edit.replaced.file_tree", noted)
    others = {f"part{number}.py": f"PART = {number}\n" for number in range(99)}
    before = Sources(files={**others, "train.py": f"{BEFORE}# before\n"})
    after = Sources(files={**others, "train.py": f"{BEFORE}# after\n"})
    assert replaced_in(before, after, "prepare.py", PREPARE) == ""
    assert set(read) <= {before.files["train.py"], after.files["train.py"], PREPARE}


def test_what_another_file_still_uses_is_used() -> None:
    before = Sources(files={"model.py": BEFORE, "train.py": BEFORE})
    dropped = BEFORE.replace("evaluate_bpb(x)", "0.5")
    assert (
        replaced_in(
            before, Sources(files={"model.py": BEFORE, "train.py": dropped}), "prepare.py", PREPARE
        )
        == ""
    )
    gone = Sources(files={"train.py": dropped})
    assert "no longer uses evaluate_bpb" in replaced_in(before, gone, "prepare.py", PREPARE)
