"""A slot: room for one trial on a machine."""

from pydantic import Field

from sandbox.ground.devices import Device
from sandbox.ground.machine import machine_name
from sandbox.ground.record import Record


class Slot(Record):
    """One place for one trial."""

    number: int
    """Unique over the run: it never names a slot of another place."""
    cpus: tuple[int, ...]
    """Its cores, by index."""
    gpus: tuple[Device, ...] = ()
    """Its accelerators."""
    machine: str = Field(default_factory=machine_name)
    """As machine_name() of where it is."""
    place: str = ""
    """The name of its node as it is shown; empty for this machine."""
