"""program.md: its brief, and the front matter that start honours."""

import pytest

from agent.errors import UsageFault
from agent.project.program import read_program
from sandbox.ground.budget import Budget

FRONT_MATTER = """---
metric: val_bpb
budget: 10m
protected: [HEAD_DIM, GPT.forward]
max_cost: 20
---

# Goal
Lower it.
"""


def test_the_front_matter_is_read_and_the_brief_is_what_is_left() -> None:
    program = read_program(FRONT_MATTER)
    assert program.brief == "# Goal\nLower it.\n"
    front_matter = program.front_matter
    assert front_matter.budget == Budget(amount=600)
    assert front_matter.protected == ("HEAD_DIM", "GPT.forward")
    assert front_matter.max_cost == 20.0
    assert front_matter.trials is None
    assert read_program(FRONT_MATTER.replace("\n", "\r\n")).front_matter == front_matter


def test_the_front_matter_steers_what_a_stuck_run_asks_for() -> None:
    def explore(line: str) -> tuple[str, ...]:
        return read_program(f"---\n{line}\n---\n").front_matter.explore

    assert explore("explore: off") == explore("explore: []") == ()
    assert (
        explore("explore: on") == explore("patience: 3") == ("bolder", "combine", "undo", "remove")
    )
    assert explore("explore: [remove, bolder]") == ("remove", "bolder")
    assert read_program("---\npatience: 3\n---\n").front_matter.patience == 3


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# Goal\n",
        "---\n",
        "---\nbudget: 10m\n",
        "---\nprose between rules\n---\nmore\n",
        "text\n---\na: 1\n---\n",
    ],
)
def test_without_front_matter_all_of_it_is_the_brief(text: str) -> None:
    program = read_program(text)
    assert program.brief == text and program.front_matter == read_program("").front_matter


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("bugdet: 5m", "Did you mean 'budget'"),
        ("budget: five minutes", "5m"),
        ("direction: up", "direction: Unknown value 'up'. Choose from: minimize, maximize"),
        ("metric: [a, b]", "metric"),
        ("explore: [bolder, comibne]", "explore.1: Unknown value 'comibne'. Did you mean 'com"),
        ("trials: many", "trials"),
        ("hours: .nan", "hours"),
        ("protected: 3", "protected"),
        ("patience: 0", "patience"),
        ("explore: [boldly]", "explore"),
        ("a: [", "front matter"),
        ("notify: me", "who is told of a run is the user's to say"),
        ("protected: &a [b]", "anchors .* are not allowed"),
        ("trials: 3\nhours: 3\ntrials: 4", "'trials' is set twice"),
        ("<<: {trials: 3}", "merges .* are not allowed"),
        ("protected: " + "[" * 8 + "]" * 8, "nested too deeply"),
        ("protected: " + "[" * 7 + "]" * 7, r"protected\.0: "),
        ("trials: !!int 3", "tags .* are not allowed"),
        ("hours: " + ":".join(["59"] * 2000) + ".5", "too large"),
        ("a: !!python/object/apply:os.system ['true']", "front matter"),
    ],
)
def test_what_makes_no_sense_is_named(line: str, message: str) -> None:
    with pytest.raises(UsageFault, match=message) as fault:
        read_program(f"---\n{line}\n---\n# Goal\n")
    assert fault.value.next_command == "$EDITOR program.md"
