"""Slots never share a core or an accelerator."""

import pytest

from agent.errors import UsageFault
from agent.slots import make_slots


def test_cores_are_shared_out_without_overlap() -> None:
    slots = make_slots(2, cpus=(0, 1, 2, 3, 4), gpus=())
    assert [slot.cpus for slot in slots] == [(0, 1), (2, 3)]
    assert all(slot.gpus == () for slot in slots)


def test_each_slot_has_an_accelerator_of_its_own() -> None:
    slots = make_slots(2, cpus=(0, 1), gpus=(0, 1, 2))
    assert [slot.gpus for slot in slots] == [(0, 2), (1,)]


@pytest.mark.parametrize(("workers", "cpus", "gpus"), [(3, (0, 1), ()), (2, (0, 1, 2, 3), (0,)), (0, (0,), ())])
def test_more_workers_than_places_are_refused(workers: int, cpus: tuple[int, ...], gpus: tuple[int, ...]) -> None:
    with pytest.raises(UsageFault, match="workers"):
        make_slots(workers, cpus, gpus)
