"""Imports that an edit breaks are foreseen, and none that works is refused."""

import subprocess
import sys
from pathlib import Path

import pytest

from agent.edit.files import Sources
from agent.records.edits import Refused
from agent.run.imports import lost_import

FILES = {
    "train.py": "from model import Net\nfrom model.blocks import Block\nimport conf\n\nprint(1)\n",
    "model/__init__.py": "from model.net import Net\nfrom .blocks import Block as B\n",
    "model/net.py": "from . import blocks\n\n\nclass Net:\n    pass\n",
    "model/blocks.py": "WIDTH = 4\n\n\nclass Block:\n    pass\n",
    "conf.py": "LR = 0.1\n",
    "tools.py": "from conf import LR\nfrom model.net import Net\n",
}


def project(files: dict[str, str | None] | None = None) -> Sources:
    """The project with other texts by path; None takes a file out."""
    texts = {**FILES, **(files or {})}
    there = {path: text for path, text in texts.items() if text is not None}
    return Sources(there, patterns=("**",))


def runs(folder: Path, sources: Sources) -> bool:
    """Whether Python really runs train.py of the project."""
    for path, text in sources.files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    command = [sys.executable, "-B", sources.main]
    return subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode == 0


BREAKING: dict[str, dict[str, str | None]] = {
    "a class is renamed": {"model/net.py": "from . import blocks\n\nclass Network:\n    pass\n"},
    "a class is deleted": {"model/blocks.py": "WIDTH = 4\n"},
    "a module is deleted": {"model/blocks.py": None},
    "a module moves": {"model/net.py": None, "model/deep/net.py": FILES["model/net.py"]},
    "a module beside train.py is deleted": {"conf.py": None},
    "the package loses a name": {"model/__init__.py": "from .blocks import Block\n"},
    "the package is a module without it": {
        "model/__init__.py": None,
        "model/net.py": None,
        "model/blocks.py": None,
        "model.py": "class Network:\n    pass\n",
    },
    "a new import of what is not there": {
        "train.py": f"from model.net import Deeper\n{FILES['train.py']}"
    },
    "a new relative import of no module": {
        "model/net.py": f"from .attention import Attention\n{FILES['model/net.py']}"
    },
    "under the question for main": {
        "train.py": f"{FILES['train.py']}if __name__ == '__main__':\n    from conf import WD\n"
    },
    "in a class": {"train.py": f"{FILES['train.py']}class A:\n    from conf import WD\n"},
}


@pytest.mark.parametrize("name", BREAKING)
def test_a_change_that_breaks_an_import_is_refused(tmp_path: Path, name: str) -> None:
    new = project(BREAKING[name])
    assert not runs(tmp_path, new), "it really breaks"
    refused = lost_import(project(), new)
    assert isinstance(refused, Refused)
    assert refused.reason == "undefined-name"
    assert "line" in refused.where
    assert refused.hint


WORKING: dict[str, dict[str, str | None]] = {
    "nothing": {},
    "what nothing imports loses its import": {"tools.py": "from conf import NOPE\n"},
    "what only an unused module needs is gone": {"conf.py": "WD = 1\n"},
    "a module becomes a package": {
        "model/net.py": None,
        "model/net/__init__.py": "from ..blocks import Block\n\nclass Net:\n    pass\n",
    },
    "the package becomes a module": {
        "model/__init__.py": None,
        "model/net.py": None,
        "model/blocks.py": None,
        "model.py": "class Net:\n    pass\n",
        "train.py": "from model import Net\n",
    },
    "the package needs no __init__": {
        "model/__init__.py": None,
        "train.py": "from model.net import Net\n",
    },
    "a submodule is named": {"train.py": "from model import net, blocks\n"},
    "a name becomes a submodule": {
        "model/__init__.py": "",
        "model/Net.py": "",
        "train.py": "from model import Net\n",
    },
    "in a function": {"train.py": "def f():\n    from conf import WD\n", "conf.py": "LR = 1\n"},
    "behind a condition": {"train.py": "if 0:\n    from conf import WD\n"},
    "for types only": {
        "train.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from conf import WD\n"
    },
    "in try": {"train.py": "try:\n    from conf import WD\nexcept ImportError:\n    WD = 0\n"},
    "with suppress": {
        "train.py": "import contextlib\nwith contextlib.suppress(ImportError):\n    import nope\n"
        "    from conf import WD\n"
    },
    "names by __getattr__": {
        "conf.py": "def __getattr__(name):\n    return 1\n",
        "train.py": "from conf import WD\n",
    },
    "names by globals": {
        "conf.py": "globals()['WD'] = 1\n",
        "train.py": "from conf import WD\n",
    },
    "names by exec": {"conf.py": "exec('WD = 1')\n", "train.py": "from conf import WD\n"},
    "names by setattr": {
        "conf.py": "import sys\nsetattr(sys.modules[__name__], 'WD', 1)\n",
        "train.py": "from conf import WD\n",
    },
    "names by a star": {
        "conf.py": "from model.blocks import *\n",
        "train.py": "from conf import WIDTH\n",
    },
    "a star import": {"train.py": "from model.blocks import *\nfrom model.net import *\n"},
    "names of every kind": {
        "conf.py": (
            "import os.path\nimport json as j\nfrom math import pi as PI\n"
            "a, (b, *c) = 1, (2, 3)\nfor d in [1]: pass\n"
            "with open(__file__) as e: pass\nif (f := 1): pass\n"
            "async def g(): pass\nclass H: pass\ni: int = 1\n"
            "match {'x': 1, 'y': [1, 2]}:\n    case {'x': k, 'y': [m, *n], **o}: pass\n"
            "    case _: pass\n"
            "def p():\n    global q\n    q = 1\np()\n"
        ),
        "train.py": (
            "from conf import os, j, PI, a, b, c, d, e, f, g, H, i, k, m, n, o, q\n"
            "from conf import __name__, __file__, __doc__\n"
        ),
    },
    "a name like one of Python's own library": {
        "model/random.py": "",
        "model/net.py": "import random\nimport json\n\nclass Net:\n    pass\n",
    },
    "another search path": {
        "conf.py": None,
        "vendor/conf.py": "LR = 0.1\n",
        "train.py": "import sys\nsys.path.insert(0, 'vendor')\nfrom conf import LR\n",
    },
    "an installed package": {"train.py": "import pydantic\nfrom pydantic import BaseModel\n"},
    "a folder of data with a package's name": {
        "pydantic/data.py": "x = 1\n",
        "train.py": "from pydantic import BaseModel\n",
    },
    "a byte-order mark": {"conf.py": "\ufeffWD = 1\n", "train.py": "from conf import WD\n"},
    "imported by name": {
        "train.py": "import importlib\nimportlib.import_module('conf')\n",
        "model/net.py": None,
    },
}


@pytest.mark.parametrize("name", WORKING)
def test_a_change_that_breaks_no_import_is_not_refused(tmp_path: Path, name: str) -> None:
    new = project(WORKING[name])
    assert runs(tmp_path, new), "it really works"
    assert lost_import(project(), new) is None
    assert lost_import(new, new) is None


def test_an_import_that_failed_before_is_not_refused() -> None:
    """Code that runs has a right to its tricks, and this edit did not break it."""
    broken = {"train.py": "import plugins\nfrom conf import NOPE\nfrom .x import y\n"}
    old = project(broken)
    new = project({**broken, "conf.py": "LR = 0.2\n"})
    assert lost_import(old, new) is None


def test_files_that_no_edit_may_change_can_be_imported() -> None:
    """What they bind is not known here, but they are there."""
    train = "from helpers import anything\nimport fast\nfrom data import load\n"
    others = {"helpers.py": "", "fast.cpython-311-x86_64-linux-gnu.so": "", "data/load.py": ""}
    old = Sources({"train.py": "LR = 1\n", "a.py": "X = 1\n"}, patterns=("*.py",), others=others)
    new = Sources({"train.py": train, "a.py": "X = 2\n"}, patterns=("*.py",), others=others)
    assert lost_import(old, new) is None


def test_a_project_below_a_folder(tmp_path: Path) -> None:
    """Absolute imports are found beside train.py, and nowhere else for sure."""
    files = {
        "src/train.py": "from net import Net\n",
        "src/net.py": "class Net:\n    pass\n",
        "net.py": "",
    }
    old = Sources(files, "src/train.py", ("**",))
    assert lost_import(old, old.without("net.py")) is None
    refused = lost_import(old, old.without("src/net.py"))
    assert refused is not None
    assert "src/net.py is gone" in refused.where


def test_odd_texts_raise_nothing_when_imports_are_read() -> None:
    old = project()
    for text in (
        "(",
        "",
        "\0",
        "import " + "a." * 500 + "b\n",
        "from " + "." * 300 + "a import b\n",
    ):
        assert lost_import(old, project({"train.py": text})) is None or text.startswith("from")
