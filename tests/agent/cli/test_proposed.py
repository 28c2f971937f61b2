"""Which constants init has searched, for a score and for a speed."""

from agent.cli.proposed import ranges_of
from agent.edit.files import Sources
from agent.project.settings import Settings
from agent.space.read import read_choices

BENCH = "CHUNK = 64\nHIDDEN_DIM = 32\nN_VECTORS = 4000\nRUNS = 9\nBATCH_SIZE = 8\n"


def ranges(text: str, metric: str) -> tuple[tuple[str, ...], bool]:
    return ranges_of(read_choices(Sources({"a.py": text}, patterns=("a.py",))), metric)


def test_what_the_command_gives_is_not_proposed() -> None:
    text = "import argparse\np = argparse.ArgumentParser()\np.add_argument('--knob', default=0.3)\n"
    sources = Sources({"a.py": text}, patterns=("a.py",))
    assert ranges_of(read_choices(sources), "rmse")[0]
    given = Settings(command="python a.py --knob 0.5").stated_ranges
    assert ranges_of(read_choices(sources, given), "rmse") == ((), False)


def names(text: str, metric: str) -> dict[str, bool]:
    """Return the names below [ranges] and whether each is searched."""
    lines, _ = ranges(text, metric)
    pairs = [line.split(" = ") for line in lines]
    return {name.strip('"').rpartition(":")[2]: value != '"fixed"' for name, value in pairs}


def test_what_is_searched_anyway_is_only_shown() -> None:
    lines, proposed = ranges("LR = 0.1\nSEED = 3\n", "val_acc")
    assert len(lines) == 1 and not proposed


def test_a_speed_is_searched_by_what_does_not_change_the_result() -> None:
    assert names(BENCH, "throughput") == {"CHUNK": True, "HIDDEN_DIM": False}
    assert ranges(BENCH, "p50 latency")[1]
    assert "CHUNK" not in names(BENCH, "val_loss")
    cut = "CUTOFF = 16\nN_ITEMS = 100\n"
    assert names(cut, "sort time") == {"CUTOFF": True}
    assert "CUTOFF" not in names(cut, "accuracy")


def test_where_nothing_is_searched_numbers_are_proposed_but_not_the_task() -> None:
    text = "STEP = 0.1\nN_ITER = 300\nTEST_SIZE = 0.3\nSEED = 4\nCOMMISSION = 0.001\n"
    assert names(text, "rmse") == {"STEP": True}
    assert ranges(text, "rmse")[1]
    assert ranges("SEED = 3\nTEST_SIZE = 0.2\n", "rmse") == ((), False)
