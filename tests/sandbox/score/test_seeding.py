"""The hook that shifts seeds: real modules, in processes of their own, with and without it."""

import ast
import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

import pytest

from sandbox.score.seeding import HOOK, RECORD, STEP, SeedCalls, read_seed_calls, seeded

VERSIONS = tuple(f"3.{minor}" for minor in range(8, 15))


def python_of(version: str) -> str | None:
    """Return an interpreter of that version on this machine, if it has one."""
    kept = sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/python{version}"))
    return (
        str(kept[-1]) if kept else shutil.which(f"python{version}", path="/usr/local/bin:/usr/bin")
    )


class Project:
    """A folder with scripts, run as the harness runs them except for the sandbox."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.scratch = folder / "scratch"
        self.scratch.mkdir()

    def run(
        self,
        code: str,
        seed: int | None,
        python: str = sys.executable,
        options: Sequence[str] = (),
        **environment: str,
    ) -> str:
        """Return what `code` prints; without the hook where `seed` is None."""
        script = self.folder / "script.py"
        script.write_text(textwrap.dedent(code))
        (self.scratch / RECORD).unlink(missing_ok=True)
        hook = {}
        if seed is not None:
            hook = seeded(seed, None, str(self.scratch), environment).environment
        usual = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(
            [python, *(options or [str(script)])],
            cwd=self.folder,
            env={**usual, **environment, **hook},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        return done.stdout.strip()

    @property
    def calls(self) -> SeedCalls:
        """What the last run recorded."""
        return read_seed_calls(self.scratch)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


STANDARD = r"""
import random
random.seed(5)
print(random.random(), random.Random(5).random(), random.Random("text").random(), sep="\n")
"""
LEGACY = r"""
import numpy as np
np.random.seed(5)
state = np.random.RandomState()
state.seed(5)
print(np.random.rand(), np.random.RandomState(5).rand(), state.rand(), sep="\n")
"""
GENERATORS = r"""
import numpy as np
sequence = np.random.SeedSequence(5)
print(np.random.default_rng(5).random(), np.random.default_rng([5, 6]).random(), sep="\n")
print(np.random.default_rng(sequence).random())
print(np.random.Generator(np.random.PCG64(5)).random())
print(np.random.default_rng(sequence.spawn(2)[1]).random())
"""
SPLIT = r"""
from sklearn.model_selection import train_test_split
print(train_test_split(list(range(50)), random_state=0)[1])
"""
TORCH = r"""
import torch
torch.manual_seed(5)
print(torch.rand(1).item(), torch.initial_seed(), sep="\n")
generator = torch.Generator().manual_seed(5)
print(torch.rand(1, generator=generator).item())
print(torch.randperm(99, generator=generator).tolist())
"""


@pytest.mark.parametrize(
    ("code", "names"),
    [
        (STANDARD, {"random.seed", "random.Random"}),
        (LEGACY, {"numpy.random.seed", "numpy.random.RandomState"}),
        (
            GENERATORS,
            {"numpy.random.default_rng", "numpy.random.SeedSequence", "numpy.random.PCG64"},
        ),
        pytest.param(SPLIT, {"numpy.random.RandomState"}, marks=pytest.mark.slow),
        pytest.param(
            TORCH, {"torch.random.manual_seed", "torch.Generator"}, marks=pytest.mark.slow
        ),
    ],
    ids=["random", "legacy", "generators", "sklearn", "torch"],
)
def test_seed_zero_is_the_owners_and_every_other_moves_every_number(
    project: Project, code: str, names: set[str]
) -> None:
    own = project.run(code, None)
    assert project.run(code, 0) == own
    assert set(project.calls.calls) >= names, "recorded even where nothing moves"
    moved = project.run(code, 3)
    assert set(project.calls.calls) >= names
    assert project.run(code, 3) == moved
    assert not set(moved.splitlines()) & set(own.splitlines())


def test_a_seed_moves_by_a_fixed_step_within_32_bits(project: Project) -> None:
    code = """
    import random
    import numpy as np
    def first(seed):
        return random.Random(seed).random()
    print(np.random.SeedSequence(5).entropy, np.random.SeedSequence(2**32 - 1).entropy)
    print(np.random.SeedSequence(2**80 + 1).entropy)
    """
    five, last, large = project.run(code, 2).split()
    assert int(five) == 5 + 2 * STEP
    assert int(last) == 2 * STEP - 1
    assert int(large) == 2**80 + 1 + 2 * STEP


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("torch.cuda.random", "manual_seed_all"),
        ("torch.mps", "manual_seed"),
        ("jax.random", "PRNGKey"),
        ("tensorflow.python.framework.random_seed", "set_seed"),
        ("keras.src.utils.rng_utils", "set_random_seed"),
        ("cupy.random", "seed"),
    ],
)
def test_where_the_hook_looks_for_a_librarys_call(project: Project, module: str, name: str) -> None:
    """By stand-ins: only the places are the libraries' own."""
    stand_in(project, module, f"def {name}(seed):\n    return seed\n")
    code = f"from {module} import {name}\nprint({name}(5), {name}(seed=6))"
    assert project.run(code, 1).split() == [str(5 + STEP), str(6 + STEP)]
    assert project.calls.calls == {f"{module}.{name}": 2}


@pytest.mark.parametrize("module", ["xgboost.training", "lightgbm.engine"])
def test_seeds_among_settings_are_shifted(project: Project, module: str) -> None:
    """By stand-ins, as above."""
    stand_in(project, module, "def train(params, data=None):\n    return params\n")
    code = f"""
    from {module} import train
    given = {{"random_state": 5, "seed": None, "depth": 5}}
    print(train(given), train(params={{"seed": 2**31 - 1}}, data=3))
    print(train({{}}), train(None), given)
    """
    moved = project.run(code, 1)
    assert f"'random_state': {5 + STEP}, 'seed': None, 'depth': 5" in moved
    assert f"{{'seed': {STEP - 1}}}\n{{}} None" in moved, "within what C++ reads"
    assert moved.endswith("{'random_state': 5, 'seed': None, 'depth': 5}")
    assert project.calls.calls == {f"{module}.train": 2}


def stand_in(project: Project, module: str, code: str) -> None:
    """Write a module, and empty packages around it."""
    *packages, name = module.split(".")
    folder = project.folder.joinpath(*packages)
    folder.mkdir(parents=True)
    for depth in range(len(packages)):
        project.folder.joinpath(*packages[: depth + 1], "__init__.py").touch()
    (folder / f"{name}.py").write_text(code)


def test_a_call_within_a_seeding_call_moves_nothing_again(project: Project) -> None:
    nested = "import random as r\ndef key(seed):\n    r.seed(seed)\n    return seed, r.random()\n"
    stand_in(project, "jax.random", nested)
    code = "import jax.random, random\nprint(*jax.random.key(5), random.Random(5).random())"
    seed, drawn, once = project.run(code, 1).split()
    assert (int(seed), drawn) == (5 + STEP, once)


def test_what_was_unseeded_stays_unseeded(project: Project) -> None:
    code = """
    import random
    import numpy as np
    random.seed()
    print(random.random(), random.Random().random(), np.random.default_rng().random())
    print(np.random.RandomState().rand(), np.random.default_rng(None).random())
    """
    assert project.run(code, 3) != project.run(code, 3)
    assert project.calls == SeedCalls()


def test_a_seed_that_is_refused_is_refused_as_ever(project: Project) -> None:
    code = """
    import numpy as np
    for seed in (-1, 2**32, "five", 1.5):
        try:
            np.random.seed(seed)
        except Exception as error:
            print(type(error).__name__, error)
    """
    own = project.run(code, None)
    assert own.count("Error") == 4
    assert project.run(code, 7) == own


def test_classes_are_what_they_were(project: Project) -> None:
    code = """
    import copy, pickle
    import numpy as np
    class Mine(np.random.RandomState):
        def __init__(self, name, seed):
            super().__init__(seed)
            self.name = name
    mine = Mine("mine", 3)
    plain = np.random.RandomState(3)
    print(isinstance(mine, np.random.RandomState), isinstance(plain, Mine))
    print(isinstance(np.random.mtrand._rand, np.random.RandomState))
    print(issubclass(Mine, np.random.RandomState), mine.rand() == plain.rand(), mine.name)
    again = pickle.loads(pickle.dumps(plain))
    print(again.rand() == plain.rand(), pickle.loads(pickle.dumps(np.random.PCG64)).__name__)
    rng = np.random.default_rng(2)
    print(copy.deepcopy(rng).random() == rng.random())
    print(pickle.loads(pickle.dumps(np.random.default_rng)) is np.random.default_rng)
    """
    own = project.run(code, None)
    assert own.split()[:2] == ["True", "False"]
    assert project.run(code, 4) == own


# ---------------------------------------------------------------- who reads the seed itself


SEEDS_ITSELF = """
import os, random, subprocess, sys
seed = {read}
random.seed(5)
print(random.random(), flush=True)
subprocess.run([sys.executable, "-c", "import random; random.seed(5); print(random.random())"])
"""


@pytest.mark.parametrize(
    "read",
    [
        'os.environ["AUTORESEARCH_SEED"]',
        'os.environ.get("AUTORESEARCH_SEED")',
        'os.getenv("AUTORESEARCH_SEED", "0")',
        '"AUTORESEARCH_SEED" in os.environ and 1',
    ],
)
def test_a_project_that_reads_the_seed_is_left_alone(project: Project, read: str) -> None:
    own = project.run(SEEDS_ITSELF.format(read=read), None, AUTORESEARCH_SEED="9")
    assert project.run(SEEDS_ITSELF.format(read=read), 9) == own
    assert project.calls == SeedCalls(own=True)


@pytest.mark.parametrize("copy", ["dict(os.environ)", "os.environ.copy()", "{**os.environ}"])
def test_a_copy_of_the_environment_is_no_read(project: Project, copy: str) -> None:
    code = SEEDS_ITSELF.format(read=f"{copy}, list(os.environ.items())")
    own = project.run(code, None)
    assert project.run(code, 9) != own
    assert (project.calls.own, project.calls.calls) == (False, {"random.seed": 2})


# ---------------------------------------------------------------- how a project is started


def test_a_module_a_child_and_a_fork_are_shifted(project: Project) -> None:
    (project.folder / "draws.py").write_text(
        textwrap.dedent(
            """
            import multiprocessing, random
            def draw(seed):
                random.seed(seed)
                return random.random()
            if __name__ == "__main__":
                numbers = [draw(5)]
                for method in ("spawn", "fork"):
                    with multiprocessing.get_context(method).Pool(1) as pool:
                        numbers += pool.map(draw, [5])
                print(*numbers)
            """
        )
    )
    options = ("-m", "draws")
    own = project.run("", None, options=options).split()
    moved = project.run("", 1, options=options).split()
    assert len(set(own)) == len(set(moved)) == 1
    assert own != moved
    assert project.calls.calls == {"random.seed": 3}, "one in each process"


@pytest.mark.slow
def test_the_workers_of_torchrun_are_shifted(project: Project) -> None:
    code = 'import os, torch; torch.manual_seed(5); print(os.environ["RANK"], torch.rand(1).item())'
    options = ("-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", "script.py")
    quiet = {"OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore", "TORCH_CPP_LOG_LEVEL": "ERROR"}
    own = sorted(project.run(code, None, options=options, **quiet).splitlines())
    moved = sorted(project.run(code, 1, options=options, **quiet).splitlines())
    assert len(own) == len(moved) == 2
    assert not set(own) & set(moved)
    assert project.calls.calls["torch.random.manual_seed"] == 2


def test_the_projects_own_sitecustomize_and_path_stay(project: Project) -> None:
    library = project.folder / "library"
    library.mkdir()
    (library / "sitecustomize.py").write_text("import builtins\nbuiltins.theirs = __file__\n")
    code = """
    import random, sitecustomize
    random.seed(5)
    print(theirs, sitecustomize.__file__, random.random())
    """
    own = project.run(code, None, PYTHONPATH=str(library)).split()
    moved = project.run(code, 1, PYTHONPATH=str(library)).split()
    assert moved[:2] == own[:2] == [str(library / "sitecustomize.py")] * 2
    assert moved[2] != own[2]


def test_a_sitecustomize_that_fails_is_told_as_ever(project: Project) -> None:
    (project.folder / "sitecustomize.py").write_text("raise ValueError('theirs')\n")
    hook = seeded(1, None, str(project.scratch), {"PYTHONPATH": str(project.folder)}).environment
    done = subprocess.run(
        [sys.executable, "-c", "import random; random.seed(5)"],
        env=hook,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0
    assert "ValueError: theirs" in done.stderr
    assert project.calls.calls == {"random.seed": 1}


def test_the_hook_imports_nothing_of_the_standard_library(project: Project) -> None:
    code = "import sys; print(*sorted(sys.modules))"
    assert project.run(code, 1) == project.run(code, None, PYTHONPATH=HOOK)
    added = set(project.run(code, 1).split()) - set(project.run(code, None).split())
    assert added <= {"sitecustomize", "autoresearch_seed_places", "__future__"}, "a list of names"


def test_the_source_of_a_hooked_module_is_still_found(project: Project) -> None:
    code = """
    import importlib, inspect, random
    print(type(random.__loader__).__name__, random.__spec__.loader is random.__loader__)
    print(inspect.signature(random.seed), len(inspect.getsource(random)))
    random = importlib.reload(random)
    random.seed(5)
    print(random.random())
    """
    own = project.run(code, None).splitlines()
    moved = project.run(code, 1).splitlines()
    assert moved[0] == own[0]
    assert moved[2] != own[2]


def test_the_hook_is_written_for_python_3_8() -> None:
    source = (Path(HOOK) / "sitecustomize.py").read_text(encoding="utf-8")
    ast.parse(source, feature_version=(3, 8))


@pytest.mark.parametrize("version", VERSIONS)
def test_every_python_from_3_8_is_hooked(project: Project, version: str) -> None:
    python = python_of(version)
    if python is None:
        pytest.skip(f"no Python {version} here")
    own = project.run(STANDARD, None, python=python)
    assert project.run(STANDARD, 0, python=python) == own
    assert project.run(STANDARD, 1, python=python) != own
    assert project.calls.calls == {"random.seed": 1, "random.Random": 2}
