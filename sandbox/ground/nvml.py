"""Asks the NVIDIA driver's library (NVML), by ctypes: GPUs, MIG slices, memory in use.

Written to NVML's documentation and tested against a stand-in library with its signatures; not run
on an NVIDIA machine yet.
"""

import ctypes
import functools
from collections.abc import Iterator
from dataclasses import dataclass

from sandbox.ground.text import whole_number

LIBRARY = "libnvidia-ml.so.1"
TEXT_BYTES = 96
"""NVML_DEVICE_UUID_V2_BUFFER_SIZE and NVML_DEVICE_NAME_V2_BUFFER_SIZE."""


class _Memory(ctypes.Structure):
    """nvmlMemory_t."""

    _fields_ = [
        ("total", ctypes.c_ulonglong),
        ("free", ctypes.c_ulonglong),
        ("used", ctypes.c_ulonglong),
    ]


class _Utilization(ctypes.Structure):
    """nvmlUtilization_t."""

    _fields_ = [("gpu", ctypes.c_uint), ("memory", ctypes.c_uint)]


@dataclass(frozen=True)
class State:
    """The present state of a GPU; None for values that its driver does not report."""

    percent: int | None = None
    """Of the last moments in which a kernel ran."""
    memory: int | None = None
    """Bytes in use."""
    celsius: int | None = None


@dataclass(frozen=True)
class Slice:
    """One MIG slice."""

    uuid: str
    model: str
    instance: tuple[int, int]
    """The numbers of its GPU instance and compute instance."""


@dataclass(frozen=True)
class Card:
    """One whole GPU."""

    uuid: str
    model: str
    minor: int | None
    """The number of its device node; None if the driver has none (WSL)."""
    in_mig_mode: bool = False
    slices: tuple[Slice, ...] = ()


@functools.cache
def library() -> ctypes.CDLL | None:
    """Return the library, initialised; None if there is none or it finds no driver."""
    try:
        loaded = ctypes.CDLL(LIBRARY)
    except OSError:
        return None
    return loaded if loaded.nvmlInit_v2() == 0 else None


def cards() -> tuple[Card, ...]:
    """Return the GPUs that this process may use, in PCI bus order; none without a driver."""
    nvml = library()
    if nvml is None:
        return ()
    count = _number(nvml.nvmlDeviceGetCount_v2) or 0
    handles = (
        _handle(nvml.nvmlDeviceGetHandleByIndex_v2, ctypes.c_uint(index)) for index in range(count)
    )
    return tuple(_card(nvml, handle) for handle in handles if handle is not None)


def memory_used(name: str) -> int | None:
    """Return the bytes in use on the GPU or MIG slice with this UUID or index; None if unknown."""
    return state(name, everything=False).memory


def state(name: str, everything: bool = True) -> State:
    """Return the present state of the GPU or MIG slice with this UUID or index.

    everything: ask for its load and its temperature, too; a slice has neither.
    """
    nvml = library()
    handle = _named(nvml, name) if nvml else None
    if nvml is None or handle is None:
        return State()
    memory = _Memory()
    failed = nvml.nvmlDeviceGetMemoryInfo(handle, ctypes.byref(memory))
    used = None if failed else int(memory.used)
    if not everything:
        return State(memory=used)
    load = _Utilization()
    silent = nvml.nvmlDeviceGetUtilizationRates(handle, ctypes.byref(load))
    return State(
        percent=None if silent else int(load.gpu),
        memory=used,
        celsius=_number(nvml.nvmlDeviceGetTemperature, handle, ctypes.c_int(0)),
    )


def _named(nvml: ctypes.CDLL, name: str) -> ctypes.c_void_p | None:
    if whole_number(name) is not None:
        return _handle(nvml.nvmlDeviceGetHandleByIndex_v2, ctypes.c_uint(int(name)))
    return _handle(nvml.nvmlDeviceGetHandleByUUID, ctypes.c_char_p(name.encode()))


def _card(nvml: ctypes.CDLL, handle: ctypes.c_void_p) -> Card:
    mig_mode = ctypes.c_uint()
    pending = ctypes.c_uint()
    failed = nvml.nvmlDeviceGetMigMode(handle, ctypes.byref(mig_mode), ctypes.byref(pending))
    in_mig_mode = not failed and mig_mode.value == 1
    return Card(
        uuid=_text(nvml.nvmlDeviceGetUUID, handle),
        model=_text(nvml.nvmlDeviceGetName, handle),
        minor=_number(nvml.nvmlDeviceGetMinorNumber, handle),
        in_mig_mode=in_mig_mode,
        slices=tuple(_slices(nvml, handle)) if in_mig_mode else (),
    )


def _slices(nvml: ctypes.CDLL, card: ctypes.c_void_p) -> Iterator[Slice]:
    for index in range(_number(nvml.nvmlDeviceGetMaxMigDeviceCount, card) or 0):
        handle = _handle(nvml.nvmlDeviceGetMigDeviceHandleByIndex, card, ctypes.c_uint(index))
        if handle is None:
            continue  # not every place is taken
        gpu_instance = _number(nvml.nvmlDeviceGetGpuInstanceId, handle)
        compute_instance = _number(nvml.nvmlDeviceGetComputeInstanceId, handle)
        if gpu_instance is not None and compute_instance is not None:
            uuid = _text(nvml.nvmlDeviceGetUUID, handle)
            model = _text(nvml.nvmlDeviceGetName, handle)
            yield Slice(uuid, model, (gpu_instance, compute_instance))


def _handle(function: "ctypes._NamedFuncPointer", *arguments: object) -> ctypes.c_void_p | None:
    handle = ctypes.c_void_p()
    return None if function(*arguments, ctypes.byref(handle)) else handle


def _number(function: "ctypes._NamedFuncPointer", *arguments: object) -> int | None:
    number = ctypes.c_uint()
    return None if function(*arguments, ctypes.byref(number)) else int(number.value)


def _text(function: "ctypes._NamedFuncPointer", handle: ctypes.c_void_p) -> str:
    buffer = ctypes.create_string_buffer(TEXT_BYTES)
    failed = function(handle, buffer, ctypes.c_uint(TEXT_BYTES))
    return "" if failed else buffer.value.decode(errors="replace")
