"""What guards make of a change of several files."""

from agent.edit.files import Sources, guard_files
from agent.records.edits import Refused

START = Sources(
    {
        "train.py": "import torch\n\ntorch.manual_seed(1)\n",
        "model/net.py": "WIDTH = 8  # wide\n",
        "conf/a.yaml": "lr: 0.1\nseed: 3\n",
    }
)
RATE = START.with_file("conf/a.yaml", "lr: 0.2\nseed: 3\n")


def test_a_value_beside_a_renamed_or_reworded_python_file_is_no_seed() -> None:
    moved = RATE.without("model/net.py").with_file("model/web.py", "WIDTH = 8  # wide\n")
    assert guard_files(START, moved) is None
    assert guard_files(START, RATE.with_file("model/net.py", "WIDTH = 8  # wider\n")) is None


def test_a_seed_beside_a_value_of_another_file_is_one() -> None:
    seeded = RATE.with_text("import torch\n\ntorch.manual_seed(2)\n")
    refused = guard_files(START, seeded)
    assert isinstance(refused, Refused) and refused.reason == "seed-only"
    refused = guard_files(START, RATE.with_file("conf/a.yaml", "lr: 0.2\nseed: 4\n"))
    assert isinstance(refused, Refused)
    assert refused.where == "conf/a.yaml: the seed seed would change"
