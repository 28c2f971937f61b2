"""Slots never share a core or an accelerator."""

from pathlib import Path

import pytest

from agent.errors import UsageFault
from agent.evaluate.slots import make_slots, share_out, this_machine
from sandbox.ground.devices import Device


def cards(count: int) -> tuple[Device, ...]:
    return tuple(Device(index=index) for index in range(count))


def test_cores_are_shared_out_without_overlap() -> None:
    slots = make_slots(2, cpus=(0, 1, 2, 3, 4), gpus=())
    assert [slot.cpus for slot in slots] == [(0, 1), (2, 3)]
    assert all(slot.gpus == () for slot in slots)


def test_more_slots_than_cores_leave_some_without_any() -> None:
    assert share_out((0, 1, 2), 4) == ((0,), (1,), (2,), ())
    assert share_out((0, 1, 2), 1) == ((0, 1, 2),)
    assert [slot.cpus for slot in make_slots(2, (0,), cards(2))] == [(0,), ()]
    assert [slot.number for slot in make_slots(2, (0, 1), ())] == [0, 1]


def test_each_slot_has_an_accelerator_of_its_own() -> None:
    slots = make_slots(2, cpus=(0, 1), gpus=cards(3))
    assert [[device.index for device in slot.gpus] for slot in slots] == [[0, 2], [1]]


def test_each_slot_has_one_slice_of_a_card() -> None:
    slices = tuple(
        Device(index=0, uuid=f"MIG-{i}", card="GPU-a", model="MIG 1g.5gb") for i in range(4)
    )
    assert [[device.uuid for device in slot.gpus] for slot in make_slots(2, (0, 1), slices)] == [
        ["MIG-0"],
        ["MIG-1"],
    ]


def test_workers_on_different_cards_are_refused() -> None:
    mixed = (
        Device(index=0, uuid="GPU-a", model="H100"),
        Device(index=1, uuid="GPU-b", model="A100"),
        Device(index=2, uuid="GPU-c", model="H100"),
    )
    with pytest.raises(UsageFault, match="these are of 2 kinds") as caught:
        make_slots(2, (0, 1), mixed)
    assert caught.value.next_command == "CUDA_VISIBLE_DEVICES=GPU-a,GPU-c autoresearch start"
    assert len(make_slots(1, (0, 1), mixed)) == 1


def test_a_card_that_is_asked_for_and_missing_is_told_with_what_to_type(tmp_path: Path) -> None:
    with pytest.raises(UsageFault, match="GPU-8f2c, which is not here") as caught:
        this_machine({"CUDA_VISIBLE_DEVICES": "GPU-8f2c"}, tmp_path)
    assert (caught.value.next_command or "").startswith("CUDA_VISIBLE_DEVICES= autoresearch start")


@pytest.mark.parametrize(
    ("workers", "cpus", "gpus", "have"),
    [(3, 2, 0, "2 cores"), (2, 4, 1, "1 accelerators"), (0, 1, 0, "1 cores")],
)
def test_more_workers_than_places_are_refused(
    workers: int, cpus: int, gpus: int, have: str
) -> None:
    with pytest.raises(UsageFault, match=f"^{workers} workers on {have}:") as caught:
        make_slots(workers, tuple(range(cpus)), cards(gpus))
    assert f"autoresearch start --workers {have[0]} " in (caught.value.next_command or "")
