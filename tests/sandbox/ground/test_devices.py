"""Accelerators by index, UUID and MIG name, on file trees made from the vendors' documentation.

Nothing here was recorded on a GPU: the texts follow NVIDIA's driver README (/proc/driver/nvidia),
its MIG user guide (capability nodes), NVML's reference (the stand-in library) and AMD's KFD
topology. UUIDs are those of NVIDIA's examples.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from sandbox.ground import nvml
from sandbox.ground.devices import (
    Device,
    NoSuchDevice,
    device_files,
    for_one_process,
    listed,
    remedy,
    run_variables,
    visible_devices,
)
from sandbox.limits.vram import used

ROOT = Path(__file__).parents[3]
H100 = "GPU-5c89852c-d268-c3f3-1b07-005d5ae1dc3f"
A100 = "GPU-4404041a-04cf-1ccf-9e70-f139a9b1e23c"
FIRST_SLICE = "MIG-c6d4f1ef-42e4-5de3-91c7-45d71c87eb3f"
SECOND_SLICE = "MIG-cba663e8-9bed-5b25-b243-5985ef7c9beb"

INFORMATION = """Model: \t\t {model}
IRQ:   \t\t 18
GPU UUID: \t {uuid}
Video BIOS: \t 96.00.74.00.1a
Bus Type: \t PCIe
DMA Size: \t 52 bits
DMA Mask: \t 0xfffffffffffff
Bus Location: \t {bus}
Device Minor: \t {minor}
GPU Firmware: \t 535.104.05
GPU Excluded:\t No
"""


def no_driver() -> tuple[nvml.Card, ...]:
    return ()


def put(root: Path, name: str, text: str = "") -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def card(root: Path, bus: str, minor: int, uuid: str, model: str) -> None:
    text = INFORMATION.format(model=model, uuid=uuid, bus=bus, minor=minor)
    put(root, f"proc/driver/nvidia/gpus/{bus}/information", text)
    put(root, f"dev/nvidia{minor}")


def capability(root: Path, path: str, number: int) -> None:
    text = f"DeviceFileMinor: {number}\nDeviceFileMode: 292\nDeviceFileModify: 1\n"
    put(root, f"proc/driver/nvidia/capabilities/{path}/access", text)
    put(root, f"dev/nvidia-caps/nvidia-cap{number}")


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    return two_slices(tmp_path)


def two_slices(tmp_path: Path) -> Path:
    """Two cards whose minor numbers are not those of their order; the second has two slices."""
    card(tmp_path, "0000:1b:00.0", 0, H100, "NVIDIA H100 80GB HBM3")
    card(tmp_path, "0000:9d:00.0", 2, A100, "NVIDIA A100-SXM4-40GB")
    for instance, first in ((1, 12), (2, 21)):
        capability(tmp_path, f"gpu2/mig/gi{instance}", first)
        capability(tmp_path, f"gpu2/mig/gi{instance}/ci0", first + 1)
    return tmp_path


@pytest.fixture
def two_cards(tmp_path: Path) -> Path:
    card(tmp_path, "0000:1b:00.0", 1, H100, "NVIDIA H100 80GB HBM3")
    card(tmp_path, "0000:9d:00.0", 0, A100, "NVIDIA A100-SXM4-40GB")
    return tmp_path


def chosen(root: Path, **environ: str) -> list[str]:
    return [device.name for device in visible_devices(environ, root, no_driver)]


def test_cards_are_counted_by_their_bus_and_not_by_their_minor_number(two_cards: Path) -> None:
    devices = visible_devices({}, two_cards, no_driver)
    assert [(d.index, d.uuid, d.nodes) for d in devices] == [
        (0, H100, ("/dev/nvidia1",)),
        (1, A100, ("/dev/nvidia0",)),
    ]


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("0,1", [H100, A100]),
        ("1", [A100]),
        ("1,0", [A100, H100]),
        (H100, [H100]),
        (f" {A100} , 0", [A100, H100]),
        ("GPU-44", [A100]),
        ("gpu-5c89852c", [H100]),
        ("", []),
        ("-1", []),
        ("NoDevFiles", []),
        ("0,-1,1", [H100]),
    ],
)
def test_cards_are_chosen_by_index_by_uuid_and_by_its_start(
    two_cards: Path, asked: str, given: list[str]
) -> None:
    assert chosen(two_cards, CUDA_VISIBLE_DEVICES=asked) == given


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ("2", "not here"),
        ("GPU-8f2c", "not here"),
        ("GPU-", "several"),
        ("0,0", "twice"),
        ("cuda:0", "not here"),
    ],
)
def test_what_is_not_there_is_an_error_that_names_what_is(
    two_cards: Path, asked: str, why: str
) -> None:
    with pytest.raises(NoSuchDevice, match=why) as caught:
        chosen(two_cards, CUDA_VISIBLE_DEVICES=asked)
    assert H100 in str(caught.value)


def test_a_card_asked_for_where_there_is_none_is_an_error(tmp_path: Path) -> None:
    for asked in ("0", H100, FIRST_SLICE):
        with pytest.raises(NoSuchDevice, match="there is no accelerator"):
            chosen(tmp_path, CUDA_VISIBLE_DEVICES=asked)
    assert chosen(tmp_path, CUDA_VISIBLE_DEVICES="-1") == chosen(tmp_path) == []


def test_slices_have_their_card_s_node_and_both_capabilities(machine: Path) -> None:
    whole, first, second = visible_devices({}, machine, no_driver)
    assert (whole.name, first.name, second.name) == (H100, f"MIG-{A100}/1/0", f"MIG-{A100}/2/0")
    assert first.nodes == (
        "/dev/nvidia2",
        "/dev/nvidia-caps/nvidia-cap12",
        "/dev/nvidia-caps/nvidia-cap13",
    )
    assert second.nodes == (
        "/dev/nvidia2",
        "/dev/nvidia-caps/nvidia-cap21",
        "/dev/nvidia-caps/nvidia-cap22",
    )
    assert "/dev/nvidiactl" in device_files((second,)) and "/dev/nvidia0" not in device_files(
        (second,)
    )
    assert for_one_process((first, second)) == (first,)


def test_a_slice_of_another_container_is_not_one_of_ours(machine: Path) -> None:
    (machine / "dev/nvidia-caps/nvidia-cap22").unlink()
    assert chosen(machine) == [H100, f"MIG-{A100}/1/0"]


def test_a_card_without_a_node_is_not_ours(two_cards: Path) -> None:
    (two_cards / "dev/nvidia1").unlink()
    devices = visible_devices({}, two_cards, no_driver)
    assert [(d.index, d.uuid) for d in devices] == [(0, A100)], (
        "what is left is counted from 0, as CUDA does"
    )


def test_an_unused_card_s_uuid_is_not_known_yet(tmp_path: Path) -> None:
    card(
        tmp_path,
        "0000:1b:00.0",
        0,
        "GPU-????????-????-????-????-????????????",
        "NVIDIA H100 80GB HBM3",
    )
    [device] = visible_devices({"CUDA_VISIBLE_DEVICES": "0"}, tmp_path, no_driver)
    assert (device.uuid, device.name) == ("", "0")


def test_device_nodes_alone_are_enough_for_indices(tmp_path: Path) -> None:
    for name in ("dev/nvidia0", "dev/nvidia10", "dev/nvidia2", "dev/nvidiactl"):
        put(tmp_path, name)
    assert chosen(tmp_path) == ["0", "1", "2"]
    assert visible_devices({"CUDA_VISIBLE_DEVICES": "2"}, tmp_path, no_driver)[0].nodes == (
        "/dev/nvidia10",
    )


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("all", [H100, A100]),
        ("void", [H100, A100]),
        ("none", []),
        (A100, [A100]),
        ("3", [H100, A100]),
    ],
)
def test_inside_a_container_only_uuids_choose_again(
    two_cards: Path, asked: str, given: list[str]
) -> None:
    assert chosen(two_cards, NVIDIA_VISIBLE_DEVICES=asked) == given


def test_a_container_that_was_to_have_a_card_and_has_none_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NoSuchDevice, match="container was given no GPU"):
        chosen(tmp_path, NVIDIA_VISIBLE_DEVICES="3")
    assert chosen(tmp_path, NVIDIA_VISIBLE_DEVICES="all") == [], "so it stands in every CUDA image"


def test_a_run_is_told_uuids_or_else_positions() -> None:
    device = Device(index=3, uuid=H100)
    assert run_variables((device,)) == {
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
        "CUDA_VISIBLE_DEVICES": H100,
    }
    assert run_variables((Device(index=3), Device(index=5)))["CUDA_VISIBLE_DEVICES"] == "0,1"
    assert run_variables(())["CUDA_VISIBLE_DEVICES"] == ""


# ---------------------------------------------------------------- NVML, on a stand-in


@pytest.fixture
def driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("the stand-in for NVML needs a C compiler")
    source = Path(__file__).with_name("fake_nvml.c")
    built = tmp_path / "libnvidia-ml.so.1"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", str(built), str(source)], check=True)
    monkeypatch.setattr(nvml, "LIBRARY", str(built))
    nvml.library.cache_clear()
    yield
    nvml.library.cache_clear()


def test_nvml_names_cards_and_slices(driver: None, machine: Path) -> None:
    whole, first, second = visible_devices({}, machine, nvml.cards)
    assert (whole.name, first.name, second.name) == (H100, FIRST_SLICE, SECOND_SLICE)
    assert (first.index, first.card, first.instance) == (1, A100, (1, 0))
    assert first.nodes == (
        "/dev/nvidia2",
        "/dev/nvidia-caps/nvidia-cap12",
        "/dev/nvidia-caps/nvidia-cap13",
    )
    assert first.model == "NVIDIA A100-SXM4-40GB MIG 3g.20gb"
    assert FIRST_SLICE in listed((first,)) and "slice of GPU 1" in listed((first,))


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        (SECOND_SLICE, [SECOND_SLICE]),
        ("MIG-c6d4", [FIRST_SLICE]),
        (f"MIG-{A100}/2/0", [SECOND_SLICE]),
        ("1", [FIRST_SLICE, SECOND_SLICE]),
        (A100, [FIRST_SLICE, SECOND_SLICE]),
    ],
)
def test_slices_are_chosen_by_name_or_by_their_card(
    driver: None, machine: Path, asked: str, given: list[str]
) -> None:
    assert [
        device.name
        for device in visible_devices({"CUDA_VISIBLE_DEVICES": asked}, machine, nvml.cards)
    ] == given


def test_a_slice_that_is_not_there_and_an_ambiguous_one_are_errors(
    driver: None, machine: Path
) -> None:
    for asked in ("MIG-dead", "MIG-c"):
        with pytest.raises(NoSuchDevice, match="CUDA_VISIBLE_DEVICES asks for MIG-"):
            visible_devices({"CUDA_VISIBLE_DEVICES": asked}, machine, nvml.cards)


def test_memory_is_read_of_cards_and_of_slices(driver: None, machine: Path) -> None:
    assert [used(device) for device in visible_devices({}, machine, nvml.cards)] == [1000, 300, 400]
    assert used(Device(index=0)) == 1000
    assert used(Device(index=0, uuid="GPU-gone")) is None


def test_load_and_temperature_are_read_of_cards_and_unknown_of_slices(driver: None) -> None:
    assert nvml.state("0") == nvml.State(percent=87, memory=1000, celsius=64)
    slice_ = nvml.state("MIG-c6d4f1ef-42e4-5de3-91c7-45d71c87eb3f")
    assert slice_ == nvml.State(memory=300)
    assert nvml.state("GPU-gone") == nvml.State()


# ---------------------------------------------------------------- AMD and Intel


def test_amd_cards_come_from_the_kernel_s_topology_where_they_are_asked_for(tmp_path: Path) -> None:
    put(
        tmp_path,
        "sys/class/kfd/kfd/topology/nodes/0/properties",
        "simd_count 0\ndrm_render_minor 0\nunique_id 0\n",
    )
    for node, minor, serial in ((1, 128, 0x1234), (2, 129, 0)):
        text = f"simd_count 304\ndrm_render_minor {minor}\nunique_id {serial}\n"
        put(tmp_path, f"sys/class/kfd/kfd/topology/nodes/{node}/properties", text)
        put(tmp_path, f"dev/dri/renderD{minor}")
    assert chosen(tmp_path) == [], "this torch is not built for them, and nothing asks"
    assert chosen(tmp_path, HIP_VISIBLE_DEVICES="0") == ["GPU-0000000000001234"]
    [second] = visible_devices(
        {"ROCR_VISIBLE_DEVICES": "1", "HIP_VISIBLE_DEVICES": "0"}, tmp_path, no_driver
    )
    assert second.nodes == ("/dev/dri/renderD129",)
    assert device_files((second,)) == ("/dev/dri/renderD129", "/dev/kfd")
    assert run_variables((second,))["HIP_VISIBLE_DEVICES"] == "0"
    with pytest.raises(NoSuchDevice, match="asks for 7"):
        chosen(tmp_path, HIP_VISIBLE_DEVICES="7")


def test_intel_cards_are_render_nodes_of_that_vendor(tmp_path: Path) -> None:
    for minor, vendor in ((128, "0x1002"), (129, "0x8086")):
        put(tmp_path, f"sys/class/drm/renderD{minor}/device/vendor", f"{vendor}\n")
        put(tmp_path, f"dev/dri/renderD{minor}")
    [device] = visible_devices({"ZE_AFFINITY_MASK": "0"}, tmp_path, no_driver)
    assert device_files((device,)) == ("/dev/dri/renderD129",)
    assert run_variables((device,))["ZE_AFFINITY_MASK"] == "0"
    assert used(device) is None


def test_what_to_type_depends_on_what_stands_in_the_way(two_cards: Path) -> None:
    first, _ = visible_devices({}, two_cards, no_driver)
    for name in ("dev/nvidia1", "dev/nvidiactl"):
        put(two_cards, name)
        (two_cards / name).chmod(0o666)
    assert remedy((first,), two_cards).startswith("nvidia-modprobe")
    put(two_cards, "dev/nvidia-uvm")
    (two_cards / "dev/nvidia-uvm").chmod(0o666)
    assert remedy((first,), two_cards) == "CUDA_VISIBLE_DEVICES= autoresearch start   # on the CPU"
    (two_cards / "dev/nvidia1").chmod(0o660)
    if os.geteuid() == 0:
        assert remedy((first,), two_cards) == "chmod o+rw /dev/nvidia1"


def test_a_capability_node_that_can_only_be_read_is_enough() -> None:
    """As the driver makes them; seen as a user who is not root."""
    with tempfile.TemporaryDirectory() as folder:
        root = two_slices(Path(folder))
        for path in (root, *root.rglob("*")):
            mode = 0o755 if path.is_dir() else 0o666
            path.chmod(0o444 if path.parent.name == "nvidia-caps" else mode)
        code = [
            "import os, sys; from pathlib import Path",
            "from sandbox.ground.devices import visible_devices",
            "os.geteuid() or (os.setgroups([]), os.setresuid(65534, 65534, 65534))",
            "print(len(visible_devices({}, Path(sys.argv[1]), lambda: ())))",
        ]
        run = subprocess.run(
            [sys.executable, "-c", "\n".join(code), folder],
            capture_output=True,
            text=True,
            check=True,
            cwd=ROOT,
        )
    assert int(run.stdout) == 3
