"""Finds the accelerators, their names, and which of them the environment asks for.

NVIDIA's come from NVML, else from /proc/driver/nvidia, else from their device nodes alone. AMD's
and Intel's come from /sys, and are looked for only if a variable names them or the installed torch
is built for them. Nothing here has been run on an accelerator yet: it is written to the vendors'
documentation and tested on trees of files made from it.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Literal

from sandbox.ground import nvml
from sandbox.ground.record import Record
from sandbox.ground.text import whole_number

Vendor = Literal["nvidia", "amd", "intel"]

COMMON_NODES: dict[Vendor, tuple[str, ...]] = {
    "nvidia": ("/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools", "/dev/nvidia-modeset"),
    "amd": ("/dev/kfd",),
    "intel": (),
}
"""Device nodes that every run on a vendor's accelerator needs, besides the accelerator's own."""
TORCH_BUILDS: dict[Vendor, str] = {"amd": "+rocm", "intel": "+xpu"}
VARIABLES: dict[Vendor, tuple[str, ...]] = {
    "nvidia": ("CUDA_VISIBLE_DEVICES",),
    "amd": ("ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES"),
    "intel": ("ZE_AFFINITY_MASK",),
}
"""What selects among a vendor's devices; each counts among those that the one before it left."""
CONTAINER_VARIABLE = "NVIDIA_VISIBLE_DEVICES"
NOTHING = ("", "-1", "none", "void", "NoDevFiles")
"""Values that ask for no accelerator; the last one is Slurm's."""
INTEL = "0x8086"
WSL_NODE = "/dev/dxg"


class Device(Record):
    """One accelerator, or one MIG slice of one."""

    vendor: Vendor = "nvidia"
    index: int
    """Of the whole card among those visible here, in PCI bus order, as nvidia-smi counts."""
    uuid: str = ""
    """GPU-… or MIG-…; empty if the driver does not tell."""
    card: str = ""
    """UUID of the card that a MIG slice is a part of; empty for a whole card."""
    instance: tuple[int, int] | None = None
    """A MIG slice's GPU instance and compute instance."""
    model: str = ""
    nodes: tuple[str, ...] = ()
    """Its own device nodes, COMMON_NODES excepted."""

    @property
    def name(self) -> str:
        """Its name in the vendor's variables: the UUID, else the index."""
        return self.uuid or str(self.index)

    def __str__(self) -> str:
        kind = f"slice of GPU {self.index}" if self.card else f"GPU {self.index}"
        details = ", ".join(part for part in (self.model, self.uuid) if part)
        return f"{kind} ({details})" if details else kind

    def is_called(self, name: str) -> bool:
        """Return whether `name` means it, or the card it is part of.

        name: an index, a UUID or the start of one, or MIG-GPU-…/gi/ci.
        """
        if name.isdecimal():
            return whole_number(name) == self.index
        if self.instance is not None:
            gpu_instance, compute_instance = self.instance
            if name == f"MIG-{self.card}/{gpu_instance}/{compute_instance}":
                return True
        return any(uuid.lower().startswith(name.lower()) for uuid in (self.uuid, self.card) if uuid)


class NoSuchDevice(Exception):
    """Raised for a missing device. The message names it, and those that are here."""


def visible_devices(
    environ: Mapping[str, str],
    root: Path = Path("/"),
    cards: Callable[[], tuple[nvml.Card, ...]] = nvml.cards,
) -> tuple[Device, ...]:
    """Return the devices that `environ` allows, of the first vendor that this machine has.

    root: where /proc, /sys and /dev are. cards: asks the NVIDIA driver. Raise NoSuchDevice for a
    device that is asked for and not here.
    """
    nvidia = nvidia_devices(root, cards)
    if nvidia:
        return _selected("nvidia", _in_container(nvidia, environ), environ)
    if _wanted("amd", environ):
        return _selected("amd", amd_devices(root), environ)
    if _wanted("intel", environ):
        return _selected("intel", intel_devices(root), environ)
    _in_container((), environ)
    return _selected("nvidia", (), environ)


def for_one_process(devices: tuple[Device, ...]) -> tuple[Device, ...]:
    """Return what one process can use of `devices`: only one if they are MIG slices."""
    return devices[:1] if any(device.card for device in devices) else devices


def run_variables(devices: Sequence[Device]) -> dict[str, str]:
    """Return the variables that show a run exactly `devices`, or none.

    Devices go by UUID, which means the same whatever else is visible, or else by position among the
    run's own devices. HIP counts among what ROCR shows, and also heeds CUDA_VISIBLE_DEVICES.
    """
    shown = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": ""}
    if not devices:
        return shown
    names = [device.uuid for device in devices]
    positions = ",".join(str(position) for position in range(len(devices)))
    listed = ",".join(names) if all(names) else positions
    match devices[0].vendor:
        case "nvidia":
            return shown | {"CUDA_VISIBLE_DEVICES": listed}
        case "amd":
            return shown | {
                "ROCR_VISIBLE_DEVICES": listed,
                "HIP_VISIBLE_DEVICES": positions,
                "CUDA_VISIBLE_DEVICES": positions,
            }
        case "intel":
            return shown | {"ZE_AFFINITY_MASK": positions}


def device_files(devices: Sequence[Device]) -> tuple[str, ...]:
    """Return the device nodes that a run on `devices` needs; not all of them need to exist."""
    nodes: list[str] = []
    for device in devices:
        nodes += device.nodes
    for device in devices:
        nodes += COMMON_NODES[device.vendor]
    return tuple(dict.fromkeys(nodes))


def remedy(devices: Sequence[Device], root: Path = Path("/")) -> str:
    """Return the command to type if a run could not compute on `devices`."""
    nodes = [node for node in device_files(devices) if (root / node.lstrip("/")).exists()]
    closed = [node for node in nodes if "-caps/" not in node and not _is_open_to_all(root, node)]
    if closed and os.geteuid() == 0:  # then a run has a uid of its own, which is in no group
        return f"chmod o+rw {' '.join(closed)}"
    nvidia = any(device.vendor == "nvidia" for device in devices)
    if nvidia and not {"/dev/nvidia-uvm", WSL_NODE} & set(nodes):
        return "nvidia-modprobe -u -c=0   # the driver has not made /dev/nvidia-uvm yet"
    variable = VARIABLES[devices[0].vendor][0]
    return f"{variable}= autoresearch start   # on the CPU"


def _is_open_to_all(root: Path, node: str) -> bool:
    return (root / node.lstrip("/")).stat().st_mode & 0o006 == 0o006


# ---------------------------------------------------------------- NVIDIA


def nvidia_devices(root: Path, cards: Callable[[], tuple[nvml.Card, ...]]) -> tuple[Device, ...]:
    """Return every usable NVIDIA GPU; of one in MIG mode, every slice instead."""
    usable = [card for card in cards() if _card_nodes(card.minor, root)]
    if not usable:
        usable = list(_cards_in_proc(root))
    if not usable:
        minors = [minor for minor in _minors(root) if _card_nodes(minor, root)]
        usable = [nvml.Card(uuid="", model="", minor=minor) for minor in minors]
    devices: list[Device] = []
    for index, card in enumerate(usable):
        devices += _parts(index, card, root)
    return tuple(devices)


def _parts(index: int, card: nvml.Card, root: Path) -> Iterator[Device]:
    nodes = _card_nodes(card.minor, root)
    if not card.in_mig_mode:
        yield Device(index=index, uuid=card.uuid, model=card.model, nodes=nodes)
        return
    for part in card.slices:
        capabilities = _capability_nodes(card.minor, part.instance, root)
        if all(_usable(root, node, os.R_OK) for node in capabilities):
            yield Device(
                index=index,
                uuid=part.uuid,
                card=card.uuid,
                instance=part.instance,
                model=part.model,
                nodes=(*nodes, *capabilities),
            )


def _card_nodes(minor: int | None, root: Path) -> tuple[str, ...]:
    """Return the card's own node; none if this process may not use it."""
    node = WSL_NODE if minor is None else f"/dev/nvidia{minor}"
    return (node,) if _usable(root, node) else ()


def _capability_nodes(minor: int | None, instance: tuple[int, int], root: Path) -> tuple[str, ...]:
    """Return the two nodes that give access to a MIG slice, by their minor numbers in /proc."""
    gpu_instance, compute_instance = instance
    folder = root / f"proc/driver/nvidia/capabilities/gpu{minor}/mig/gi{gpu_instance}"
    minors = [
        _fields(path).get("DeviceFileMinor")
        for path in (folder / "access", folder / f"ci{compute_instance}/access")
    ]
    return tuple(f"/dev/nvidia-caps/nvidia-cap{number}" for number in minors if number)


def _cards_in_proc(root: Path) -> Iterator[nvml.Card]:
    """Yield the cards that /proc names.

    Their slices have the driver's older names, MIG-GPU-…/gi/ci: /proc does not tell their UUIDs.
    """
    for path in sorted((root / "proc/driver/nvidia/gpus").glob("*/information")):
        fields = _fields(path)
        minor = fields.get("Device Minor", "")
        if not minor.isdigit() or fields.get("GPU Excluded") == "Yes":
            continue
        if not _card_nodes(int(minor), root):
            continue
        uuid = fields.get("GPU UUID", "")
        if "?" in uuid:  # so written until something has used the card
            uuid = ""
        model = fields.get("Model", "")
        slices = tuple(_slices_in_proc(int(minor), uuid, root))
        yield nvml.Card(uuid, model, int(minor), in_mig_mode=bool(slices), slices=slices)


def _slices_in_proc(minor: int, uuid: str, root: Path) -> Iterator[nvml.Slice]:
    folder = root / f"proc/driver/nvidia/capabilities/gpu{minor}/mig"
    for path in sorted(folder.glob("gi*/ci*/access")):
        gpu_instance = int(path.parent.parent.name.removeprefix("gi"))
        compute_instance = int(path.parent.name.removeprefix("ci"))
        name = f"MIG-{uuid}/{gpu_instance}/{compute_instance}"
        yield nvml.Slice(name, "", (gpu_instance, compute_instance))


def _minors(root: Path) -> list[int]:
    matches = (re.fullmatch(r"nvidia(\d+)", path.name) for path in (root / "dev").glob("nvidia*"))
    return sorted(int(match[1]) for match in matches if match)


def _in_container(devices: tuple[Device, ...], environ: Mapping[str, str]) -> tuple[Device, ...]:
    """Apply NVIDIA_VISIBLE_DEVICES, by which the container's runtime chose what to show.

    Only UUIDs mean something inside: indices are the host's, and `all` is in every CUDA image.
    """
    asked = environ.get(CONTAINER_VARIABLE, "").strip()
    if asked == "none":
        return ()
    names = _names(asked)
    if asked in ("", "all", "void"):
        return devices
    if not devices:
        missing = "and this container was given no GPU"
        raise NoSuchDevice(f"{CONTAINER_VARIABLE} asks for {asked}, {missing}")
    if any(not name.startswith(("GPU-", "MIG-")) for name in names):
        return devices
    return _chosen(CONTAINER_VARIABLE, names, devices)


# ---------------------------------------------------------------- AMD and Intel


def amd_devices(root: Path) -> tuple[Device, ...]:
    """Return the GPUs of the kernel's compute driver (KFD) whose render nodes may be used."""
    folder = root / "sys/class/kfd/kfd/topology/nodes"
    devices: list[Device] = []
    for path in sorted(folder.glob("[0-9]*"), key=lambda path: int(path.name)):
        lines = _text(path / "properties").splitlines()
        properties = dict(line.split(maxsplit=1) for line in lines if " " in line)
        node = f"/dev/dri/renderD{properties.get('drm_render_minor', '').strip()}"
        if int(properties.get("simd_count", "0")) == 0 or not _usable(root, node):
            continue  # a processor, or another container's
        serial = int(properties.get("unique_id", "0"))
        uuid = f"GPU-{serial:016x}" if serial else ""
        model = _text(path / "name").strip()
        index = len(devices)
        devices.append(Device(vendor="amd", index=index, uuid=uuid, model=model, nodes=(node,)))
    return tuple(devices)


def intel_devices(root: Path) -> tuple[Device, ...]:
    """Return the GPUs of Intel's whose render nodes may be used, in the order of the PCI bus."""
    folders = (root / "sys/class/drm").glob("renderD*")
    intel = [path for path in folders if _text(path / "device/vendor").strip() == INTEL]
    ordered = sorted(intel, key=lambda path: (path / "device").resolve().name)
    nodes = [f"/dev/dri/{path.name}" for path in ordered if _usable(root, f"/dev/dri/{path.name}")]
    return tuple(
        Device(vendor="intel", index=index, nodes=(node,)) for index, node in enumerate(nodes)
    )


def _wanted(vendor: Vendor, environ: Mapping[str, str]) -> bool:
    """Return whether a variable names this vendor's devices, or torch is built for them."""
    if any(environ.get(name, "") not in NOTHING for name in VARIABLES[vendor]):
        return True
    try:
        return TORCH_BUILDS[vendor] in metadata.version("torch")
    except metadata.PackageNotFoundError:
        return False


# ---------------------------------------------------------------- choosing


def _selected(
    vendor: Vendor, devices: tuple[Device, ...], environ: Mapping[str, str]
) -> tuple[Device, ...]:
    """Apply the vendor's variables; if none is set, CUDA_VISIBLE_DEVICES, which HIP heeds too."""
    names = [name for name in VARIABLES[vendor] if name in environ]
    if not names and vendor == "amd" and "CUDA_VISIBLE_DEVICES" in environ:
        names = ["CUDA_VISIBLE_DEVICES"]
    for variable in names:
        devices = _chosen(variable, _names(environ[variable]), devices)
        if variable == "ROCR_VISIBLE_DEVICES":
            devices = tuple(
                device.model_copy(update={"index": index}) for index, device in enumerate(devices)
            )
    return devices


def _names(text: str) -> list[str]:
    """Return the devices in a comma-separated list; -1 ends it, as CUDA reads it."""
    names: list[str] = []
    for part in text.split(","):
        if part.strip() in NOTHING:
            break
        names.append(part.strip())
    return names


def _chosen(variable: str, names: Iterable[str], devices: tuple[Device, ...]) -> tuple[Device, ...]:
    """Return the devices called `names`, in that order.

    Raise NoSuchDevice for a name that is missing, ambiguous or given twice.
    """
    chosen: list[Device] = []
    for name in names:
        asked = f"{variable} asks for {name}"
        matches = [device for device in devices if device.is_called(name)]
        if not matches:
            raise NoSuchDevice(f"{asked}, which is not here: {listed(devices)}")
        cards = {device.index for device in matches}
        if len(cards) > 1 or (name.startswith("MIG-") and len(matches) > 1):
            raise NoSuchDevice(f"{asked}, which several are called: {listed(matches)}")
        if any(device in chosen for device in matches):
            raise NoSuchDevice(f"{asked}, which it names twice: {listed(matches)}")
        chosen += matches
    return tuple(chosen)


def listed(devices: Sequence[Device]) -> str:
    """Return the devices by name, for a human."""
    return "; ".join(map(str, devices)) or "there is no accelerator"


def _usable(root: Path, node: str, rights: int = os.R_OK | os.W_OK) -> bool:
    """Return whether this process may open `node`; the kernel also checks a container's list.

    rights: capability nodes are for reading alone.
    """
    return os.access(root / node.lstrip("/"), rights)


def _fields(path: Path) -> dict[str, str]:
    """Return `Name: value` lines as a dictionary."""
    pairs = (line.partition(":") for line in _text(path).splitlines() if ":" in line)
    return {name.strip(): value.strip() for name, _, value in pairs}


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
