"""The researcher's notes: written, dropped, and pruned by themselves."""

from agent.records.inputs import MAX_NOTE, Admitted, Input, Remember
from agent.records.notes import MAX_NOTES, MAX_NOTES_CHARACTERS, fault_of, notes_of, written

AT = "2026-11-24T15:04:05+00:00"


def admitted(*asks: Remember, accepted: bool = True) -> list[Admitted]:
    inputs = [Input(id=f"n{place}", ask=ask, sent=AT) for place, ask in enumerate(asks)]
    return [Admitted(input=asked, at=AT, accepted=accepted) for asked in inputs]


def test_notes_keep_their_numbers_and_a_note_may_drop_others() -> None:
    inputs = admitted(
        Remember(text="depth is flat"),
        Remember(text="warmup helps"),
        Remember(text="warmup helps only beyond LR 0.3", drop=(2,)),
    )
    assert [(note.number, note.text) for note in notes_of(inputs)] == [
        (1, "depth is flat"),
        (3, "warmup helps only beyond LR 0.3"),
    ]
    assert written(inputs) == 3
    assert notes_of(admitted(Remember(text="refused"), accepted=False)) == ()


def test_the_oldest_fall_out_where_there_is_no_room() -> None:
    many = notes_of(admitted(*(Remember(text=f"note {n}") for n in range(MAX_NOTES + 3))))
    assert [note.number for note in many] == list(range(4, MAX_NOTES + 4))
    long = notes_of(admitted(*(Remember(text="x" * MAX_NOTE) for _ in range(20))))
    assert sum(len(note.text) for note in long) == MAX_NOTES_CHARACTERS
    assert long[-1].number == 20


def test_a_note_that_is_not_there_cannot_be_dropped() -> None:
    notes = notes_of(admitted(Remember(text="one")))
    assert fault_of(Remember(drop=(1,)), notes) == ""
    assert "no note 7" in fault_of(Remember(text="two", drop=(7,)), notes)
