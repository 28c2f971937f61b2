"""What the NVIDIA driver's own library (NVML) says of its GPUs, through ctypes: identities, MIG slices, memory in use.

Written to NVML's documentation and tested against a stand-in library with its signatures; not run on an NVIDIA machine yet.
"""

import ctypes
import functools
from collections.abc import Iterator
from dataclasses import dataclass

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


@dataclass(frozen=True)
class Slice:
    """One MIG slice. instance: numbers of its GPU instance and compute instance."""

    uuid: str
    model: str
    instance: tuple[int, int]


@dataclass(frozen=True)
class Card:
    """One whole GPU. minor: number of its device node, or None where the driver has none (WSL)."""

    uuid: str
    model: str
    minor: int | None
    in_mig_mode: bool = False
    slices: tuple[Slice, ...] = ()


@functools.cache
def library() -> ctypes.CDLL | None:
    """Return the library, initialised; None where there is none or it finds no driver."""
    try:
        loaded = ctypes.CDLL(LIBRARY)
    except OSError:
        return None
    return loaded if loaded.nvmlInit_v2() == 0 else None


def cards() -> tuple[Card, ...]:
    """Return the GPUs that this process may use, in the order of their PCI bus; none without a driver."""
    found = library()
    if found is None:
        return ()
    count = _number(found.nvmlDeviceGetCount_v2) or 0
    handles = (
        _handle(found.nvmlDeviceGetHandleByIndex_v2, ctypes.c_uint(index)) for index in range(count)
    )
    return tuple(_card(found, handle) for handle in handles if handle is not None)


def memory_used(name: str) -> int | None:
    """Return the bytes in use on the GPU or MIG slice with this UUID or index; None where the driver does not say."""
    found = library()
    if found is None:
        return None
    if name.isdigit():
        handle = _handle(found.nvmlDeviceGetHandleByIndex_v2, ctypes.c_uint(int(name)))
    else:
        handle = _handle(found.nvmlDeviceGetHandleByUUID, ctypes.c_char_p(name.encode()))
    memory = _Memory()
    if handle is None or found.nvmlDeviceGetMemoryInfo(handle, ctypes.byref(memory)):
        return None
    return int(memory.used)


def _card(found: ctypes.CDLL, handle: ctypes.c_void_p) -> Card:
    mig_mode = ctypes.c_uint()
    pending = ctypes.c_uint()
    failed = found.nvmlDeviceGetMigMode(handle, ctypes.byref(mig_mode), ctypes.byref(pending))
    in_mig_mode = not failed and mig_mode.value == 1
    return Card(
        uuid=_text(found.nvmlDeviceGetUUID, handle),
        model=_text(found.nvmlDeviceGetName, handle),
        minor=_number(found.nvmlDeviceGetMinorNumber, handle),
        in_mig_mode=in_mig_mode,
        slices=tuple(_slices(found, handle)) if in_mig_mode else (),
    )


def _slices(found: ctypes.CDLL, card: ctypes.c_void_p) -> Iterator[Slice]:
    for index in range(_number(found.nvmlDeviceGetMaxMigDeviceCount, card) or 0):
        handle = _handle(found.nvmlDeviceGetMigDeviceHandleByIndex, card, ctypes.c_uint(index))
        if handle is None:
            continue  # not every place is taken
        gpu_instance = _number(found.nvmlDeviceGetGpuInstanceId, handle)
        compute_instance = _number(found.nvmlDeviceGetComputeInstanceId, handle)
        if gpu_instance is not None and compute_instance is not None:
            uuid = _text(found.nvmlDeviceGetUUID, handle)
            yield Slice(
                uuid, _text(found.nvmlDeviceGetName, handle), (gpu_instance, compute_instance)
            )


def _handle(function: "ctypes._NamedFuncPointer", *arguments: object) -> ctypes.c_void_p | None:
    handle = ctypes.c_void_p()
    return None if function(*arguments, ctypes.byref(handle)) else handle


def _number(function: "ctypes._NamedFuncPointer", *arguments: object) -> int | None:
    number = ctypes.c_uint()
    return None if function(*arguments, ctypes.byref(number)) else int(number.value)


def _text(function: "ctypes._NamedFuncPointer", handle: ctypes.c_void_p) -> str:
    buffer = ctypes.create_string_buffer(TEXT_BYTES)
    return (
        ""
        if function(handle, buffer, ctypes.c_uint(TEXT_BYTES))
        else buffer.value.decode(errors="replace")
    )
