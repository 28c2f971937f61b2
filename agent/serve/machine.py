"""What trials run on: accelerators, cores, memory, Python and the versions of its packages."""

import platform
from collections.abc import Sequence
from importlib.metadata import distributions

from agent.errors import Fault
from agent.evaluate.machine import total_memory
from agent.evaluate.slots import make_slots, this_machine
from agent.project.find import Project
from agent.project.interpreter import interpreter_of
from agent.project.settings import Settings
from agent.records.slots import Slot
from agent.serve.look_answers import MachinePage, MachineText
from agent.serve.quoted import line

MAX_PACKAGES = 24
MAIN = (
    "torch",
    "numpy",
    "triton",
    "flash-attn",
    "xformers",
    "jax",
    "jaxlib",
    "flax",
    "optax",
    "tensorflow",
    "keras",
    "scikit-learn",
    "scipy",
    "pandas",
    "polars",
    "xgboost",
    "lightgbm",
    "catboost",
    "transformers",
    "datasets",
    "tokenizers",
    "tiktoken",
    "accelerate",
    "einops",
    "timm",
    "torchvision",
    "pytorch-lightning",
    "safetensors",
    "numba",
    "cupy",
)
"""Packages that experiments depend on; only these are listed."""


def about_machine(
    project: Project,
    settings: Settings,
    slots: Sequence[Slot] | None = None,
    trial_bytes: int | None = None,
) -> MachinePage:
    """Return what the trials of a project run on here.

    slots: the slots of the session; None if no process works on the run.

    Nothing of the project is started: versions are read from the folders of its packages.
    """
    here = slots or _usual_slots()
    first = here[0] if here else None
    python, packages = _packages(project, settings)
    text = MachineText(
        system=line(f"{platform.system()} {platform.release()}, {platform.machine()}"),
        accelerators=tuple(line(gpu.model or gpu.vendor) for gpu in (first.gpus if first else ())),
        packages=packages,
    )
    return MachinePage(
        slots=len(here),
        cores=len(first.cpus) if first else 0,
        memory_gb=round(total_memory() / 2**30, 1),
        trial_memory_gb=round(trial_bytes / 2**30, 1) if trial_bytes else None,
        python=python,
        untrusted=text,
    )


def _usual_slots() -> tuple[Slot, ...]:
    try:
        return make_slots(1, *this_machine())
    except Fault:
        return ()


def _packages(project: Project, settings: Settings) -> tuple[str, dict[str, str]]:
    """Return the version of the trainings' Python, and of the main packages that it has."""
    try:
        interpreter = interpreter_of(project, settings)
    except Fault:
        return "", {}
    versions: dict[str, str] = {}
    for distribution in distributions(path=list(interpreter.packages)):
        name = str(distribution.metadata["Name"] or "").lower().replace("_", "-")
        if name in MAIN:
            versions.setdefault(name, line(distribution.version or "", 40))
    ordered = [name for name in MAIN if name in versions][:MAX_PACKAGES]
    return interpreter.version, {name: versions[name] for name in ordered}


def machine_words(page: MachinePage) -> str:
    """Return the machine in one line, as a question names it."""
    text = page.untrusted
    share = ", ".join(text.accelerators) or "no accelerator"
    parts = [f"Each trial runs on {share}, {page.cores} cores"]
    if page.trial_memory_gb:
        parts.append(f"{page.trial_memory_gb:g} GiB of memory")
    if page.slots > 1:
        parts.append(f"{page.slots} of them at once")
    versions = [f"Python {page.python}"] if page.python else []
    versions += [f"{name} {version}" for name, version in text.packages.items()]
    return line(f"{', '.join(parts)}. {', '.join(versions)}".strip(" ."), 1_000) + "."
