"""Where a run on several machines trains what: in the live view, in lines, and in status."""

import io
import json

from rich.console import Console

from agent.display import LinesDisplay, PlainDisplay
from agent.display.places import HERE, Places, after, brief_words, place_lines, size_words
from agent.display.status import status_page
from agent.records.events import (
    REFUSED,
    Event,
    Heard,
    PlaceJoined,
    PlaceLeft,
    Progress,
    TrainingLost,
    TrialStarted,
    TrialWaits,
)
from agent.records.inputs import Admitted, Go
from agent.records.losses import loss_of
from agent.records.proposals import Provenance
from agent.records.results import Attempt
from agent.records.slots import Slot
from agent.run.inbox import new_input
from tests.agent.display.runs import HOSTILE, proposal, started, verdict
from tests.agent.display.test_live import picture, state

SEVEN = Attempt(number=7, commit="c" * 40, parent="p" * 40, proposal=proposal("deeper"))


def joined(name: str, *numbers: int, machine: str = "3f9a01c2 NVIDIA H100") -> PlaceJoined:
    slots = [Slot(number=number, cpus=(), machine=machine, place=name) for number in numbers]
    return PlaceJoined(name, tuple(slots))


def trains(slot: int, place: str) -> TrialStarted:
    return TrialStarted(SEVEN, slot, seed=0, run=1, place=place)


def folded(*events: Event) -> Places:
    places = HERE
    for event in events:
        places = after(places, event)
    return places


def console() -> Console:
    return Console(file=io.StringIO(), width=100, markup=False, highlight=False)


NIGHT = (
    joined("node-a", 0, 1),
    joined("node-b", 2),
    trains(2, "node-b"),
    TrainingLost(SEVEN, 2, "node-b", "its node is gone"),
    PlaceLeft("node-b", "its node is gone"),
    trains(1, "node-a"),
)


def test_places_are_told_with_what_trains_and_what_was_lost() -> None:
    places = folded(*NIGHT)
    assert size_words(places) == "2 slots in 1 place"
    assert brief_words(places) == [
        "node-a 1/2",
        "node-b is gone",
        "1 training lost with its place",
    ]
    assert list(place_lines(places)) == [
        "node-a (NVIDIA H100), 2 slots: #7",
        "node-b is gone: its node is gone",
        "1 training lost with its place; each ran again elsewhere, or will",
    ]


def test_a_place_that_is_back_is_not_gone_and_a_verdict_frees_its_slot() -> None:
    places = folded(*NIGHT, joined("node-b", 5))
    assert size_words(places) == "3 slots in 2 places" and not places.gone
    assert folded(*NIGHT).present[0].trials == (7,)
    one_by_one = folded(joined("node-c", 8), joined("node-c", 9))
    assert [slot.number for slot in one_by_one.present[0].slots] == [8, 9]


def test_a_node_that_never_was_a_place_is_refused_and_not_gone() -> None:
    refused = PlaceLeft("node-c", f"{REFUSED}version 1 is not that of the driver, 2")
    places = folded(*NIGHT, refused)
    assert "node-c was refused" in brief_words(places)
    assert "node-c was refused: version 1 is not that of the driver, 2" in place_lines(places)
    run, _ = state(started(), refused)
    assert "node-c was refused: version 1 is not that of the driver, 2" in run.notes


def test_the_live_view_names_the_place_of_a_training() -> None:
    run, _ = state(started(), *NIGHT)
    lines = "\n".join(picture(run, width=110))
    assert "2 slots in 1 place" in lines
    assert "at    node-a 1/2 · node-b is gone · 1 training lost with its place" in lines
    assert "#7 deeper  node-a" in lines
    run, _ = state(started(), trains(0, ""))
    assert "at    " not in "\n".join(picture(run)), "one machine has no places"


def test_a_lost_training_is_in_training_no_more() -> None:
    run, _ = state(started(), *NIGHT[:4])
    assert not run.running
    assert "#7 was lost with node-b, and is first in line elsewhere: its node is gone" in run.notes


def test_lines_for_logs_and_programs() -> None:
    on = console()
    with PlainDisplay(on) as display:
        for event in NIGHT:
            display.handle(event)
    text = on.file.getvalue()  # type: ignore[attr-defined]
    for line in (
        "node-a joined, with 2 slots",
        "#7 trains in slot 2 of node-b with seed 0: deeper",
        "#7 was lost with slot 2 of node-b, and is first in line elsewhere: its node is gone",
        "node-b left: its node is gone",
    ):
        assert line in text
    out = io.StringIO()
    with LinesDisplay(Console(file=out, width=100, markup=False)) as lines:
        for event in NIGHT:
            lines.handle(event)
    kinds = [json.loads(line)["event"] for line in out.getvalue().splitlines()]
    assert kinds[:2] == ["PlaceJoined", "PlaceJoined"]


def test_a_baseline_has_a_row_for_each_place_that_it_runs_on() -> None:
    by = Provenance(method="baseline", origin="baseline")
    zero = SEVEN.model_copy(update={"number": 0, "proposal": proposal("as it is")})
    zero = zero.model_copy(update={"proposal": zero.proposal.model_copy(update={"by": by})})
    both = [TrialStarted(zero, slot, seed=slot, run=1, place=f"node-{slot}") for slot in (0, 1)]
    run, _ = state(started(), joined("node-0", 0), joined("node-1", 1), *both)
    run.handle(Progress(0, 0.25, 4.0, slot=1))
    rows = [line for line in picture(run) if line.startswith("#0 ")]
    assert ["node-0" in row for row in rows] == [True, False] and "node-1" in rows[1]
    assert (run.running[0].reported, run.running[1].reported) == (0.0, 0.25)
    run.handle(TrainingLost(zero, 0, "node-0", "its node is gone"))
    assert list(run.running) == [1]


def test_a_repeat_elsewhere_leaves_no_row_behind() -> None:
    run, _ = state(started(), trains(1, "node-a"), trains(2, "node-b"))
    assert [own.place for own in run.running.values()] == ["node-b"]


def test_status_says_what_waits_in_a_pause_and_go_ends_that() -> None:
    waits = folded(*NIGHT, TrialStarted(SEVEN, 0, 1, 1), TrialWaits(SEVEN, 2))
    assert all(7 not in place.trials for place in waits.present), "its slot is free"
    on = console()
    on.print(status_page("b", 1, (SEVEN,), (), on, places=waits))
    text = on.file.getvalue()  # type: ignore[attr-defined]
    assert "waits   #7 (paused before its run 2)" in text and "now  " not in text
    go = Admitted(input=new_input(Go(), "ada"), at="2026-11-29T12:00:00Z", accepted=True)
    assert after(waits, Heard(go)).waiting == ()
    assert after(waits, TrialStarted(SEVEN, 0, 1, 2)).waiting == ()


def test_status_has_losses_places_and_nothing_a_node_could_forge() -> None:
    places = folded(joined(HOSTILE, 0, machine=f"3f9a01c2 {HOSTILE}"), PlaceLeft("b", HOSTILE))
    losses = {7: (loss_of("m", HOSTILE, HOSTILE, own=True),)}
    on = console()
    page = status_page("b", 1, (SEVEN,), (verdict().trial,), on, losses=losses, places=places)
    on.print(page)
    text = on.file.getvalue()  # type: ignore[attr-defined]
    assert "lost with" in text and "places  " in text
    assert all(line.isprintable() for line in text.splitlines())
    on = console()
    on.print(status_page("b", None, (SEVEN,), (), on, places=places))
    assert "places  " not in on.file.getvalue()  # type: ignore[attr-defined]
