"""How a repository runs its scripts, by its Makefile, shell scripts and README."""

import pytest

from agent.project.commands import program_command, uses_in

SCRIPTS = ("train.py", "src/fit.py", "tools/plot.py")


def commands(files: dict[str, str], silent: tuple[str, ...] = ()) -> dict[str, str]:
    """Return the commands by script; those named as silent print no result."""
    names = tuple(dict.fromkeys([*SCRIPTS, *files]))
    uses = uses_in(names, lambda name: files.get(name, ""), lambda name: name not in silent)
    return {use.script: use.command for use in uses.values()}


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("python train.py --lr 3e-4", "python train.py --lr 3e-4"),
        ("python3 -u ./train.py", "python -u ./train.py"),
        ("uv run python train.py > log.txt 2>&1", "python train.py"),
        ("uv run train.py --lr 1", "python train.py --lr 1"),
        ("CUDA_VISIBLE_DEVICES=0 python train.py | tee log", "python train.py"),
        ('python train.py --name "a b" "$@"', "python train.py --name 'a b'"),
        ("torchrun --standalone train.py", "torchrun --standalone train.py"),
        (
            "OUT=runs\nLR=0.1  # tuned\npython train.py --lr $LR --out ${OUT}/a",
            "python train.py --lr 0.1 --out runs/a",
        ),
        ("python train.py \\\n  --epochs 3", "python train.py --epochs 3"),
        ("python -m train", "python -m train"),
        ("exec python train.py", "python train.py"),
        ("exec env/bin/python3.12 train.py", "python train.py"),
        ("python -m torch.distributed.run train.py", "python -m torch.distributed.run train.py"),
        ("export OMP_NUM_THREADS=2 && python train.py", "python train.py"),
    ],
)
def test_a_shell_script_says_it(line: str, command: str) -> None:
    assert commands({"run.sh": line}) == {"train.py": command}


BEFORE = """uv run/poetry run/pipenv run/pdm run/hatch run/pixi run/conda run/time/nohup/exec/$/>/
source a &&/. a &&/conda activate a &&/pip install . &&/pip3 install . &&/set -e &&/mkdir a &&/
uv sync &&/poetry install &&/module load cuda &&/CUDA_VISIBLE_DEVICES=0/PYTHONUNBUFFERED=1"""
BEHIND = ("| tee a", "> a", ">> a", "2> a", "2>&1", "&> a", "&", "# often")


def test_words_around_a_command_are_no_part_of_it() -> None:
    for before in BEFORE.replace("\n", "").split("/"):
        assert commands({"run.sh": f"{before} python train.py"}) == {"train.py": "python train.py"}
    for behind in BEHIND:
        assert commands({"run.sh": f"python train.py {behind}"}) == {"train.py": "python train.py"}
    for start in ("torchrun", "accelerate launch", "deepspeed", "mpirun python", "horovodrun py"):
        line = f"{start} train.py"
        assert commands({"run.sh": line}) == {"train.py": line}, "a launcher stays"


@pytest.mark.parametrize(
    "line",
    [
        "python train.py --data $DATA",
        "python train.py --data {{data}}",
        "python train.py --k 1; rm -r a",
        "echo python train.py && sleep 1",
        "./train.sh && python train.py",
        "make data && python train.py",
        "python train.py || true",
        "python -c 'import train'",
        "python other.py",
        "python -c pass train.py",
        "python other train",
        "python -m",
        "python Makefile",
        "echo python train.py",
        "python 'train.py",
        "cd && python train.py",
        "",
    ],
)
def test_a_line_that_cannot_stand_alone_is_left_out(line: str) -> None:
    assert commands({"run.sh": line}) == {}


FIT = "python src/fit.py --rows work/rows.csv --rate 0.1 --out work/model.json"
STAGES = """
RATE=0.1
python src/fit.py --rows work/rows.csv --rate $RATE --out work/model.json
python tools/plot.py --model work/model.json
"""


@pytest.mark.parametrize(
    ("text", "silent", "command"),
    [
        (f"python train.py --out work/rows.csv\n{STAGES}", (), "bash go.sh"),
        (f"python train.py out=work/rows.csv\n{STAGES}", (), FIT),
        (f"python train.py out work/rows.csv --out --rate\n{STAGES}", (), FIT),
        (f"python train.py --out=work/rows.csv\n{STAGES}", (), "bash go.sh"),
        (f"python train.py --out work/rows.csv\n{STAGES.replace('s w', 's=w')}", (), "bash go.sh"),
        (f"python train.py --out src/fit.py\n{STAGES}", (), FIT),
        (STAGES, ("src/fit.py", "tools/plot.py"), FIT),
        (STAGES, ("src/fit.py",), "bash go.sh"),
        (STAGES, (), FIT),
        (
            f"source .venv/bin/activate\n{STAGES}",
            ("src/fit.py",),
            f"sh -c '{FIT} && python tools/plot.py --model work/model.json'",
        ),
    ],
)
def test_stages_of_a_shell_script_run_together_where_one_needs_another(
    text: str, silent: tuple[str, ...], command: str
) -> None:
    assert commands({"go.sh": text}, silent)["src/fit.py"] == command


def test_a_makefile_comes_before_a_script_and_a_readme() -> None:
    makefile = "PY ?= python\nDATA = data/a.csv\n\ntrain:\n\t@$(PY) train.py --data $(DATA)\n"
    files = {
        "Makefile": makefile + "\nplots:\n\tpython tools/plot.py\n",
        "run.sh": "python train.py --old\n",
        "README.md": "Then:\n```sh\n$ python src/fit.py --k 3\n```\npython tools/plot.py\n",
    }
    assert commands(files) == {
        "train.py": "python train.py --data data/a.csv",
        "src/fit.py": "python src/fit.py --k 3",
    }
    near = {"a/a.sh": "python train.py --k 1\n", "z.sh": "python train.py --k 2\n"}
    assert commands(near) == {"train.py": "python train.py --k 2"}, "near the root"


TASK_FILES = {
    "Makefile": "train:\n\tpython train.py --lr $(LR) --out m\nLR = 0.3\n",
    "justfile": 'lr := "0.3"\n\n# fit it\ntrain out="m":\n'
    "    @python train.py --lr {{lr}} --out {{ out }}\n",
    "Taskfile.yml": "vars:\n  LR: 0.3\ntasks:\n  train:\n    cmds:\n"
    "      - python train.py --lr {{.LR}} --out m {{.CLI_ARGS}}\n",
    "dvc.yaml": "stages:\n  anything:\n    cmd: python train.py --lr ${optim.lr} --out m\n",
    "tox.ini": "[testenv:train]\ncommands =\n    python train.py --lr 0.3 --out m {posargs}\n",
    "noxfile.py": "import nox\n@nox.session\ndef train(session):\n"
    "    session.run('python', 'train.py', '--lr', '0.3', '--out', 'm')\n",
    "tasks.py": "@task\ndef train(c):\n    c.run('python train.py --lr 0.3 --out m')\n",
    "pixi.toml": "[tasks]\ntrain = 'python train.py --lr 0.3 --out m'\n",
    "pyproject.toml": "[tool.poe.tasks]\ntrain = {shell = 'python train.py --lr 0.3 --out m'}\n",
    "mise.toml": "[tasks.train]\nrun = ['python train.py --lr 0.3 --out m']\n",
}


def test_which_targets_may_be_a_training() -> None:
    words = """train fit run experiment finetune pretrain bench all learn tune search solve optim
    evolve simul start pipeline"""
    for word in words.split():
        text = f"lint:\n\tpython src/fit.py\nMy-{word.title()}:\n\tpython train.py\n"
        assert commands({"Makefile": text}) == {"train.py": "python train.py"}


@pytest.mark.parametrize("name", TASK_FILES)
def test_the_file_of_a_task_runner_says_it(name: str) -> None:
    files = {name: TASK_FILES[name], "params.yaml": "optim:\n  lr: 0.3\n"}
    assert commands(files) == {"train.py": "python train.py --lr 0.3 --out m"}


@pytest.mark.parametrize(
    "text",
    ["", "\x00", "[", "tasks: [", "vars:\n  - &a [*a]\n", "train:\n\t", "tasks = 1\nscripts = 1\n"],
)
@pytest.mark.parametrize("name", TASK_FILES)
def test_a_broken_file_of_a_task_runner_says_nothing(name: str, text: str) -> None:
    assert commands({name: text}) == {}


@pytest.mark.parametrize("tool", ["poe", "taskipy", "pixi"])
def test_tasks_of_pyproject(tool: str) -> None:
    text = f"[tool.{tool}.tasks]\nlint = 'ruff check'\nfit = 'python src/fit.py'\n"
    assert commands({"pyproject.toml": text}) == {"src/fit.py": "python src/fit.py"}


@pytest.mark.parametrize("table", ["tool.pdm.scripts", "tool.hatch.envs.default.scripts"])
def test_scripts_of_pyproject(table: str) -> None:
    text = f"[{table}]\ntrain = {{cmd = 'python train.py --lr 1'}}\n"
    text = text if "pdm" in table else f"[{table}]\ntrain = 'python train.py --lr 1'\n"
    assert commands({"pyproject.toml": text}) == {"train.py": "python train.py --lr 1"}


MAKEFILE = """
PY ?= .venv/bin/python3
all: data train eval
install:
\tpip install -r requirements.txt
data: install
\t@echo making data
\t$(PY) tools/make.py > data.csv
train: data
\t$(PY) train.py --data data.csv --alpha $(ALPHA)
eval:
\t$(PY) tools/score.py --data data.csv
ALPHA = 0.3
"""


def test_what_a_target_needs_comes_before_it_and_what_reports_behind() -> None:
    files = {"Makefile": MAKEFILE, "tools/make.py": "", "tools/score.py": ""}
    made = "python tools/make.py > data.csv && python train.py --data data.csv --alpha 0.3"
    assert commands(files)["train.py"] == f"sh -c '{made}'"
    silent = ("train.py", "tools/make.py")
    scored = f"{made} && python tools/score.py --data data.csv"
    assert commands(files, silent)["train.py"] == f"sh -c '{scored}'"
    target = MAKEFILE.replace("\ndata: ", "\n$(DATA): ").replace("train: data", "train: $(DATA)")
    named = {**files, "Makefile": f"DATA = build/data.csv\n{target}"}
    assert commands(named)["train.py"] == f"sh -c '{made}'"
    unclear = {**files, "Makefile": MAKEFILE.replace("> data.csv", "> $@")}
    assert commands(unclear, silent)["train.py"] == "make -s train eval"
    there = {**files, "data": ""}
    assert commands(there)["train.py"] == "python train.py --data data.csv --alpha 0.3"


def test_what_no_sandbox_can_run_is_left_out_of_a_chain() -> None:
    text = """
train: venv install data
\tpython train.py
\techo done
\tpython tools/score.py
venv:
\ttouch made
install:
\ttouch installed
data:
\tpip install -r a.txt
\tprintf one
\tprintf two > a.txt
\tuv run python3 tools/make.py
"""
    files = {"Makefile": text, "tools/make.py": "", "tools/score.py": ""}
    made = "printf two > a.txt && python tools/make.py && python train.py"
    assert commands(files)["train.py"] == f"sh -c '{made}'"
    silent = ("train.py", "tools/make.py")
    scored = commands(files, silent)["train.py"]
    assert scored == f"sh -c '{made} && python tools/score.py'"


@pytest.mark.parametrize(
    ("lines", "command"),
    [
        (18, "sh -c '" + "true && " * 18 + "python train.py'"),
        (19, "sh -c '" + "true && " * 19 + "python train.py'"),
        (20, "make -s train"),
    ],
)
def test_a_long_recipe_is_left_to_make(lines: int, command: str) -> None:
    text = "train:\n" + "\ttrue\n" * lines + "\tpython train.py\n"
    assert commands({"Makefile": text}) == {"train.py": command}


@pytest.mark.parametrize("unclear", ["$HOME", "{{unknown}}"])
def test_of_a_recipe_that_only_its_runner_understands_the_line_stays(unclear: str) -> None:
    text = f"train:\n    cp {unclear} a\n    python train.py\n"
    assert commands({"justfile": text}) == {"train.py": "python train.py"}


def test_targets_that_need_each_other_end() -> None:
    text = "train: a\n\tpython train.py\na: b\n\ttrue\nb: a train\n\tfalse\n"
    assert commands({"Makefile": text}) == {"train.py": "sh -c 'false && true && python train.py'"}


def test_stages_of_dvc_come_in_the_order_of_their_files() -> None:
    text = """
vars: [step: tools/make.py]
stages:
  evaluate: {cmd: python tools/score.py, deps: [model.pkl], metrics: [m.json]}
  prepare: {cmd: "python ${step}", outs: [data.csv]}
  train: {cmd: python train.py, deps: [data.csv, train.py], outs: [model.pkl: {cache: false}]}
"""
    files = {"dvc.yaml": text, "tools/make.py": "", "tools/score.py": ""}
    whole = "python tools/make.py && python train.py && python tools/score.py"
    silent = ("train.py", "tools/make.py")
    assert commands(files, silent)["train.py"] == f"sh -c '{whole}'"


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("cd src && python fit.py --k 3", "sh -c 'cd src && python fit.py --k 3'"),
        ("cd src\npython fit.py", "sh -c 'cd src && python fit.py'"),
        ("cd elsewhere\npython src/fit.py", "python src/fit.py"),
        ("export K=3 KEY=x\npython src/fit.py", "env K=3 python src/fit.py"),
        ("export K=3 KEY\npython src/fit.py", "python src/fit.py"),
        ("K=3 OTHER=1 python src/fit.py", "env K=3 python src/fit.py"),
        ("source .venv/bin/activate && python src/fit.py", "python src/fit.py"),
        ("cd tools/../src && python fit.py", "sh -c 'cd src && python fit.py'"),
        ("cd tools\n$ cd '../src'\npython fit.py", "sh -c 'cd src && python fit.py'"),
        ("cd ../src && python src/fit.py", "python src/fit.py"),
        ("cd src extra\npython src/fit.py", "python src/fit.py"),
        ("cd src && cd .. && python src/fit.py $*", "python src/fit.py"),
        ("cd tools && cd ../src && python fit.py", "sh -c 'cd src && python fit.py'"),
        ("&& python src/fit.py", "python src/fit.py"),
        ("export K=3 && python src/fit.py", "env K=3 python src/fit.py"),
        ("K=3 KEY=a python src/fit.py", "env K=3 python src/fit.py"),
        ("OTHER=1 K=3 python src/fit.py", "env K=3 python src/fit.py"),
        ("OMP_NUM_THREADS=2 python src/fit.py", "python src/fit.py"),
        ("export K=$X J=1\npython src/fit.py", "python src/fit.py"),
    ],
)
def test_a_folder_and_variables_that_the_script_reads(text: str, command: str) -> None:
    files = {"go.sh": text, "src/fit.py": "read('K'), read('KEY'), read('OMP_NUM_THREADS')\n"}
    assert commands(files) == {"src/fit.py": command}


@pytest.mark.parametrize(
    "text",
    [
        "# Run\n\n    $ python src/fit.py --k 3\n",
        "Run `python src/fit.py --k 3` then wait.\n",
        "Run:\n\n```bash\npip install . && python src/fit.py --k 3\n```\n",
        "Run:\n\tpython src/fit.py --k 3\n",
        "```\ncd src\n```\nor\n```\npython src/fit.py --k 3\n```\n",
    ],
)
def test_code_in_a_readme(text: str) -> None:
    assert commands({"README.md": text}) == {"src/fit.py": "python src/fit.py --k 3"}
    for block in ("    cd src\n\n    python fit.py\n", "```\ncd src\n\npython fit.py\n```\n"):
        assert commands({"README.md": block}) == {"src/fit.py": "sh -c 'cd src && python fit.py'"}


def test_only_what_lies_in_the_repository_says_how_it_is_run() -> None:
    text = "train:\n\tpython train.py --k 1\n\n    $ python train.py --k 2\n"
    scripts = "[project.scripts]\nfit = 'train:main'\n"
    assert uses_in(("train.py",), lambda _: text) == {}
    assert uses_in(("train.py", "go.sh"), lambda name: "fit" if name == "go.sh" else scripts) == {}
    assert uses_in(("other.py", "Makefile"), lambda _: text) == {}
    assert program_command(("a.c",), lambda _: "run:\n\t./a\n\n    cc a.c\n") == ""


@pytest.mark.parametrize(
    ("name", "text", "declared", "needed"),
    [
        ("go.sh", "python train.py --k 1", False, False),
        ("README.md", "    python train.py --k 1\n", False, False),
        ("go.sh", "torchrun train.py", False, True),
        ("go.sh", "cd lab && python fit.py", False, True),
        ("go.sh", "K=1 python train.py", False, True),
        ("README.md", "    fit --k 1\n", True, True),
        ("go.sh", "python src/a.py --out x && rm x\npython train.py --in x", False, False),
        ("go.sh", "python lab/fit.py --out x\npython train.py --in x", False, True),
        ("Makefile", "train:\n\tpython train.py\n", True, False),
        ("pyproject.toml", "[project.scripts]\nfit = 'train:main'\n", True, True),
        ("pyproject.toml", "[tool.poetry.scripts]\nfit = 'train:main'\n", True, True),
    ],
)
def test_whether_a_script_needs_its_command(
    name: str, text: str, declared: bool, needed: bool
) -> None:
    files = {"train.py": "os.environ['K']", "lab/fit.py": "", name: text}
    if text.startswith("    fit"):
        files["pyproject.toml"] = "[project.scripts]\nfit = 'train:main'\n"
    uses = uses_in(tuple(files), lambda name: files.get(name, ""))
    use = uses["lab/fit.py" if text.startswith("cd") else "train.py"]
    assert (use.declared, use.needed) == (declared, needed)
    assert use.where == name


def test_entry_points_and_packages_that_python_runs() -> None:
    scripts = "[project.scripts]\nfit-it = 'spins.fit:main'\nserve = 'spins.web:main'\n"
    files = {"pyproject.toml": scripts, "src/spins/fit.py": "def main(): ...\n"}
    call = "python -c 'from spins.fit import main; main()'"
    assert commands(files) == {"src/spins/fit.py": call}
    unsayable = {**files, "pyproject.toml": scripts.replace("fit:main", "fit:main()")}
    assert commands(unsayable) == {}
    files["src/spins/fit.py"] += "if __name__ == '__main__':\n    main()\n"
    assert commands(files) == {"src/spins/fit.py": "python -m spins.fit"}
    files["README.md"] = "Type `fit-it all --lr 1` or `serve`.\n"
    assert commands(files)["src/spins/fit.py"] == "python -m spins.fit all --lr 1"
    several = scripts.replace("web", "fit") + "learn = 'spins.fit:main'\n"
    uses = commands({**files, "pyproject.toml": several, "README.md": ""})
    assert uses == {"src/spins/fit.py": "python -m spins.fit"}
    unnamed = "[project.scripts]\na = 'spins.fit:main'\n"
    assert commands({**files, "pyproject.toml": unnamed, "README.md": ""}) == uses
    unnamed += "b = 'spins.fit:main'\n"
    assert commands({**files, "pyproject.toml": unnamed, "README.md": ""}) == {}
    assert commands({"a/b/__main__.py": ""}) == {}, "no package"
    package = {"a/__init__.py": "", "a/b/__init__.py": "", "a/b/__main__.py": ""}
    assert commands(package) == {"a/b/__main__.py": "python -m a.b"}
