"""Where Python files keep constants: what is found under which name, and how each is set."""

from textwrap import dedent

import pytest

from agent.edit.places import places_of
from agent.edit.source import Source, read
from agent.records.edits import SetConstant
from agent.records.proposals import Value
from agent.space import read_constants
from tests.agent.edit.pairs import made, refused


def found(code: str) -> dict[str, Value]:
    """Return the constants of a dedented file."""
    return read_constants(dedent(code))


# ---------------------------------------------------------------- names


@pytest.mark.parametrize(
    "code",
    [
        "lr = 0.1\nprint(lr)\n",
        "lr: float = 0.1  # rate\nprint(f'{lr}')\n",
        "if __name__ == '__main__':\n    lr = 0.1\n    print(lr)\n",
        "lr = 0.1\ndef step():\n    return lr\n",
        "lr = 0.1\ndef step(lr):\n    lr = 3\n    return lr\nstep(lr)\n",
        "lr = 0.1\nclass A:\n    def f(self):\n        return lr\n",
        "lr = 0.1\nconfig = {k: v for k, v in globals().items()}\n",
        "lr = 0.1\nexec(open('configurator.py').read())\n",
        '"""Settings."""\nimport math\nlr = 0.1\n',
        "lr = 0.1\nx = [lr for i in range(3)]\n",
        "epochs, lr = 10, 0.1\nprint(lr)\n",
        "with open('x') as f:\n    lr = 0.1\nprint(lr)\n",
    ],
)
def test_a_lower_case_name_is_a_constant_where_it_is_bound_once_and_read(code: str) -> None:
    assert found(code)["lr"] == 0.1
    assert read_constants(made(code, SetConstant(name="lr", value="0.2")))["lr"] == 0.2


@pytest.mark.parametrize(
    "code",
    [
        "lr = 0.1\nprint()\n",
        "lr = 0.1\nlr = 0.2\nprint(lr)\n",
        "lr = 0.1\nlr *= 2\nprint(lr)\n",
        "lr = 0.1\nfor lr in (1, 2):\n    print(lr)\n",
        "lr = 0.1\ndef f():\n    global lr\n    lr = 2\nprint(lr)\n",
        "lr = 0.1\nprint(lr := 3)\nprint(lr)\n",
        "lr = 0.1\nprint([lr := x for x in (1, 2)])\nprint(lr)\n",
        "lr = 0.1\ndel lr\nprint(lr)\n",
        "lr = 0.1\nimport lr\nprint(lr)\n",
        "lr = 0.1\nfrom x import y as lr\nprint(lr)\n",
        "lr = 0.1\nwith f() as lr:\n    print(lr)\n",
        "lr = 0.1\ntry:\n    print(lr)\nexcept E as lr:\n    pass\n",
        "lr = 0.1\nmatch x:\n    case lr:\n        print(lr)\n",
        "lr = 0.1\nlr, x = 1, 2\nprint(lr)\n",
        "lr = 0.1\nclass lr:\n    pass\nprint(lr)\n",
        "if x:\n    lr = 0.1\nprint(lr)\n",
        "_lr = 0.1\n__version__ = '1'\nprint(_lr, __version__)\n",
        "for i in range(3):\n    lr = 0.1\n    print(lr)\n",
        "lr = 0.1\nprint(lambda lr: lr)\n",
        "lr = None\nprint(lr)\n",
        "a, lr = 0.1, *x\nprint(lr)\n",
        "(a, lr), b = (0, 0.1), 3\nprint(lr)\n",
    ],
)
def test_what_counts_loops_or_is_never_read_is_none(code: str) -> None:
    assert found(code) == {}


# ---------------------------------------------------------------- fields


FIELDS = """
    import enum
    from dataclasses import dataclass, field
    from typing import ClassVar, Literal

    @dataclass
    class Config:
        lr: float = 0.1  # [0.01 .. 1 log]
        steps: int = 5 * 8
        beta: float = field(default=0.9, metadata={"help": "momentum"})
        activation: Literal["relu", "gelu"] = "relu"
        optim: Optim = field(default_factory=lambda: Optim(eps=1e-8))
        betas: tuple = (0.9, 0.95)
        size: int = 0  # filled in below
        SLOTS: ClassVar[int] = 3
        _hidden: int = 3
        __slots__ = ()

        class Data:
            batch = 32

    class Pydantic(BaseModel):
        dropout: float = Field(0.2, ge=0, description="share of units")

    class Plain:
        width = 64
        count = 0

        def step(self):
            self.count += 1

    class Colour(enum.Enum):
        RED = 1

    class TrainConfig:
        def __init__(self):
            self.momentum = 0.9
            self.now = 0
            self.now = 1

    config = cli(Config)
    config.size = config.steps * 2
    config.lr *= 2
"""


def test_fields_of_classes() -> None:
    assert found(FIELDS) == {
        "Config.lr": 0.1,
        "Config.steps": 40,
        "Config.beta": 0.9,
        "Config.activation": "relu",
        "Config.optim.eps": 1e-8,
        "Config.Data.batch": 32,
        "Pydantic.dropout": 0.2,
        "Plain.width": 64,
        "TrainConfig.momentum": 0.9,
    } | {"Config.betas[0]": 0.9, "Config.betas[1]": 0.95}


@pytest.mark.parametrize(
    ("name", "value", "old", "new"),
    [
        ("Config.lr", "0.2", "0.1  # [0.01 .. 1 log]", "0.2  # [0.01 .. 1 log]"),
        ("Config.beta", "0.8", 'default=0.9, metadata={"help"', 'default=0.8, metadata={"help"'),
        ("Config.betas", "0.8, 0.9", "(0.9, 0.95)", "(0.8, 0.9)"),
        ("Config.betas", "(0.8, 0.9)  # new", "(0.9, 0.95)", "(0.8, 0.9)"),
        ("Pydantic.dropout", "0.3", "Field(0.2, ge", "Field(0.3, ge"),
        ("Config.Data.batch", "2**6", "batch = 32", "batch = 2**6"),
        ("Config.optim.eps", "1e-6", "eps=1e-8", "eps=1e-6"),
        ("TrainConfig.momentum", "0.5", "momentum = 0.9", "momentum = 0.5"),
    ],
)
def test_a_field_is_set_in_its_place(name: str, value: str, old: str, new: str) -> None:
    before = dedent(FIELDS)
    assert before.count(old) == 1
    assert made(before, SetConstant(name=name, value=value)) == before.replace(old, new)


def test_a_default_that_every_call_replaces_is_no_constant() -> None:
    config = "from dataclasses import dataclass\n@dataclass\nclass GPTConfig:\n"
    config += "    depth: int = 4\n    width: int = 8\n    heads: int = 2\n"
    assert set(found(config)) == {"GPTConfig.depth", "GPTConfig.width", "GPTConfig.heads"}
    assert set(found(config + "f(GPTConfig(3, width=DEPTH))\n")) == {"GPTConfig.heads"}
    assert set(found(config + "f(GPTConfig(3))\nf(GPTConfig())\n")) == set(found(config))
    assert found(config + "f(GPTConfig(**options))\n") == {}
    assert set(found(config + "f(GPTConfig(**g(fields(GPTConfig))))\n")) == set(found(config))


# ---------------------------------------------------------------- options


OPTIONS = """
    parser.add_argument("--lr", "-l", type=float, default=0.1, help="rate [1e-4 .. 1 log]")
    group.add_argument("-b", "--batch-size", default=2 ** 5, type=int)  # [8 .. 64 pow2]
    parser.add_argument("-q", default=1)
    parser.add_argument("--opt", choices=["adam", "sgd"], default="adam")
    parser.add_argument("--split", default="train", help="[train | test]")
    parser.add_argument("path", default=3)
    parser.add_argument("--wd", type=float)
    parser.add_argument("--twice", default=1)
    other.add_argument("--twice", default=2)
    parser.add_argument("--no-value", default=None)
    parser.add_argument(
        "--momentum",  # inside
        default=(
            0.9  # [0.8 .. 1]
        ),
    )
    parser.set_defaults(wd=0.01, opt="adam")
    DROPOUT = flags.DEFINE_float("dropout", 0.2, "share of units", lower_bound=0)
    flags.DEFINE_enum("schedule", "cosine", ["cosine", "linear"], "its form")

    @click.command()
    @click.option("--depth", default=4, type=int, help="layers")
    @click.option("--kind", default="a", type=click.Choice(["a", "b"]))
    def main(depth, kind): ...
"""


def test_defaults_of_options() -> None:
    assert found(OPTIONS) == {
        "--lr": 0.1,
        "--batch-size": 32,
        "-q": 1,
        "--split": "train",
        "--momentum": 0.9,
        "--wd": 0.01,
        "--dropout": 0.2,
        "--schedule": "cosine",
        "--depth": 4,
        "--kind": "a",
    }


@pytest.mark.parametrize(
    ("name", "value", "old", "new"),
    [
        ("--lr", "0.2", "default=0.1", "default=0.2"),
        ("--batch-size", "64", "default=2 ** 5", "default=64"),
        ("--momentum", "0.8", "0.9  # [0.8", "0.8  # [0.8"),
        ("--wd", "0", "wd=0.01", "wd=0"),
        ("--dropout", "0.5", '"dropout", 0.2', '"dropout", 0.5'),
        ("--depth", "6", "default=4", "default=6"),
        ("--no-value", "3", "default=None", "default=3"),
    ],
)
def test_an_option_is_set_in_its_place(name: str, value: str, old: str, new: str) -> None:
    before = dedent(OPTIONS)
    assert before.count(old) == 1
    assert made(before, SetConstant(name=name, value=value)) == before.replace(old, new)


def test_a_name_with_two_values_is_ambiguous() -> None:
    answer = refused(OPTIONS, SetConstant(name="--twice", value="3"))
    assert (answer.reason, "lines 8, 9" in answer.hint) == ("ambiguous", True)
    dashes = 'p.add_argument("--max-lr", default=1)\np.set_defaults(max_lr=2)\n'
    assert found(dashes) == {}


# ---------------------------------------------------------------- dictionaries and objects


OBJECTS = """
    from config import cfg
    import torch
    CONFIG = {"lr": 0.1, "optim": {"beta": 0.9, "eps": dict(adam=1e-8)}, "a b": 1}  # both
    params = dict(depth=6, seed=1)
    space = SimpleNamespace(width=64)
    nested = ConfigDict(dict(steps=7))
    conf = OmegaConf.create({"dropout": 0.2, "lr": 1.0})
    model = XGBClassifier(n_estimators=500, objective="multi")
    args = TrainingArguments(learning_rate=5e-5)
    options = {}
    options["eta"] = 0.3
    options["rounds"] = 5
    options["rounds"] = 6
    cfg.solver.base_lr = 0.02
    torch.backends.cudnn.benchmark = True
    frame["x"] = 0
    CONFIG["lr"] = 0.2
    conf.lr *= 2
    labels = {"cat": 0, "dog": 2}
    sizes = {"small": 64, "large": 128}
    print(sizes[name], params["depth"])
    model.fit(X, y, batch_size=32)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4)
    model = Sequential([Dropout(0.5), Dense(units=128)])
    loader = DataLoader(data, batch_size=64, num_workers=4)
    parser = ArgumentParser(description="x")
"""


def test_dictionaries_objects_and_keyword_arguments() -> None:
    assert found(OBJECTS) == {
        "CONFIG.optim.beta": 0.9,
        "CONFIG.optim.eps.adam": 1e-8,
        "params.depth": 6,
        "params.seed": 1,
        "space.width": 64,
        "nested.steps": 7,
        "conf.dropout": 0.2,
        "conf.lr": 1.0,
        "model.n_estimators": 500,
        "model.objective": "multi",
        "args.learning_rate": 5e-5,
        "options.eta": 0.3,
        "cfg.solver.base_lr": 0.02,
        "model.fit(batch_size)": 32,
        "optimizer.lr": 3e-4,
        "Dense(units)": 128,
        "loader.batch_size": 64,
    }


@pytest.mark.parametrize(
    ("name", "value", "old", "new"),
    [
        ("CONFIG.optim.beta", "0.8", '"beta": 0.9', '"beta": 0.8'),
        ("CONFIG.optim.beta", "0.8, 1", '"beta": 0.9', '"beta": (0.8, 1)'),
        ("options.eta", "0.1", '["eta"] = 0.3', '["eta"] = 0.1'),
        ("cfg.solver.base_lr", "0.1", "base_lr = 0.02", "base_lr = 0.1"),
        ("model.fit(batch_size)", "64", "batch_size=32", "batch_size=64"),
        ("optimizer.lr", "lambda: 1", "lr=3e-4", "lr=lambda: 1"),
    ],
)
def test_an_entry_is_set_in_its_place(name: str, value: str, old: str, new: str) -> None:
    before = dedent(OBJECTS)
    assert before.count(old) == 1
    assert made(before, SetConstant(name=name, value=value)) == before.replace(old, new)


# ---------------------------------------------------------------- functions


FUNCTIONS = """
    @app.command()
    def start(lr: float = typer.Option(0.1, help="rate"), *, depth: int = 4, seed=None):
        batch = 32
        total = 0
        for x in data(batch):
            total += x
        config = {"beta": 0.9}
        return config, total

    def helper(width=3):
        height = 4
        return height * width

    def get_config():
        config = ml_collections.ConfigDict()
        config.lr = 0.1
        return config

    def model_defaults():
        return dict(channels=128, attention=Attention(heads=4))

    def worker(rank, lr=0.5, hidden=8):
        pass

    fire.Fire(worker)
    if __name__ == "__main__":
        evaluate(3)
        learn(1)

    def learn(x, gamma=0.99, x_given=2): ...
"""


def test_functions_that_run_a_training() -> None:
    assert found(FUNCTIONS) == {
        "start.lr": 0.1,
        "start.depth": 4,
        "start.batch": 32,
        "start.config.beta": 0.9,
        "get_config.config.lr": 0.1,
        "model_defaults.channels": 128,
        "model_defaults.attention.heads": 4,
        "worker.lr": 0.5,
        "worker.hidden": 8,
        "learn.gamma": 0.99,
        "learn.x_given": 2,
    }
    before = dedent(FUNCTIONS)
    after = made(before, SetConstant(name="start.lr", value="0.2"))
    assert after == before.replace("Option(0.1", "Option(0.2")


# ---------------------------------------------------------------- any text


@pytest.mark.parametrize(
    "code",
    [
        "x = " + "(" * 80 + "1" + ")" * 80 + "\n",
        "C = " + '{"a":' * 60 + "1" + "}" * 60 + "\n",
        "class A:\n    x: " + "|".join(["a"] * 700) + " = 1\n",
        "c" + ".a" * 700 + " = 1\n",
        "cfg" + ".a" * 700 + " = 1\n",
        "C = dict(" + "a=dict(" * 60 + ")" * 60 + ")\n",
        "CONFIG = {'a\\nb': 1, 'x:y': 2, '\\ud800': 3, '" + "k" * 300 + "': 4}\n",
        "def main(" + ", ".join(f"a{i}=1" for i in range(3_000)) + "): pass\n",
        "config = {" + ", ".join(f"'a{i}': 1" for i in range(3_000)) + "}\n",
        "; ".join(f"cfg.a{i} = 1" for i in range(3_000)) + "\n",
        "; ".join(f"a{i} = 1" for i in range(3_000)) + "\n",
        "@dataclass\nclass C:\n" + " x: int = 1\n" * 3_000 + "C(x=1)\n" * 3_000,
        "global x\nx = 1\nprint(x)\n",
        "def f():\n    nonlocal_ = 1\n    def g():\n        nonlocal nonlocal_\n",
    ],
)
def test_no_text_is_too_odd(code: str) -> None:
    source = read(code)
    assert isinstance(source, Source)
    places = places_of(source)
    assert len(places) <= 2_000
    for name in list(places)[:1]:
        made(code, SetConstant(name=name, value="2"))


def test_names_come_with_the_nearest_of_every_form() -> None:
    answer = refused(FIELDS, SetConstant(name="Config.rl", value="1"))
    assert answer.reason == "unknown-name" and "Config.lr" in answer.hint
