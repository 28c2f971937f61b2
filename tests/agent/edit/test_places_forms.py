"""Further forms in which projects keep constants: each found, and set in its place."""

import ast
from textwrap import dedent

import pytest

from agent.edit.above import MAX_LINES, comment_above
from agent.edit.diff import diff
from agent.edit.places.limits import NO_LIMITS, Limits, limits_in
from agent.edit.places.place import type_in
from agent.records.edits import SetConstant
from agent.space import read_constants
from tests.agent.edit.pairs import made

# What a file says, the constant in it, and the file with that set to 0.3.
FORMS = [
    (
        "fire.Fire(Trainer)\nclass Trainer:\n    def __init__(self, lr=0.1): ...",
        "Trainer.__init__.lr",
    ),
    ("def go(lr=0.1): ...\nfire.Fire({'go': go})", "go.lr"),
    ("def go(lr=0.1): ...\nfire.Fire([go])", "go.lr"),
    ("@ex.config\ndef setup():\n    lr = 0.1", "setup.lr"),
    ("args = SimpleNamespace(**{'lr': 0.1})", "args.lr"),
    ("flags.DEFINE_float(name='lr', default=0.1, help='its rate')", "--lr"),
    ("args = Namespace(**dict(lr=0.1))", "args.lr"),
    ("BETAS = (0.1, 0.9)\nprint(BETAS)", "BETAS[0]"),
    ("class Config:\n    betas: tuple = (0.1, 0.9)", "Config.betas[0]"),
    ("optimizer = AdamW(net, betas=[0.1, 0.9])", "optimizer.betas[0]"),
    ("train(AdamW(net, betas=(0.1, 0.9)))", "AdamW(betas)[0]"),
    (
        "def add(parser, name, value):\n    parser.add_argument(name, default=value)\n"
        "add(p, '--lr', 0.1)",
        "--lr",
    ),
    (
        "def add(name, value, **more):\n    p.add_argument(f'--{name}', default=value, **more)\n"
        "add('lr', value=0.1, type=float)",
        "--lr",
    ),
    ("lr = float(sys.argv[1]) if len(sys.argv) > 1 else 0.1\nprint(lr)", "lr"),
    ("lr = float(sys.argv[1] if len(sys.argv) > 1 else 0.1)\nprint(lr)", "lr"),
    ("class DQNAgent:\n    def __init__(self):\n        self.gamma = 0.1", "DQNAgent.gamma"),
    ("class Net(nn.Module):\n    def __init__(self):\n        self.temp = 0.1", "Net.temp"),
    ("class VAE:\n    def __init__(self):\n        self.beta: float = 0.1", "VAE.beta"),
    ("class Net(nn.Module):\n    def __init__(self, drop=0.1): ...\nnet = Net()", "Net.drop"),
    (
        "class Block(Layer):\n    def __init__(self, dim, drop=0.1): ...\n"
        "class Trainer:\n    def __init__(self):\n        self.net = [Block(8), Block(8, 0.2)]",
        "Block.drop",
    ),
    ("opt = SGD(net, lr=0.1)", "opt.lr"),
    ("opt = torch.optim.SGD(net, lr=0.1)", "opt.lr"),
    ("tx = optax.adamw(rate, weight_decay=0.1)", "tx.weight_decay"),
    ("tx = optax.chain(clip(1.0), optax.adamw(rate, b1=0.1))", "optax.adamw(b1)"),
    ("hp2 = {'lr': 0.1}", "hp2.lr"),
    ("hp = {'a': {'b': dict(c={'d': {'e': {'lr': 0.1}}})}}", "hp.a.b.c.d.e.lr"),
    (
        "def get_default_configs():\n    config = ConfigDict()\n"
        "    config.optim = optim = ConfigDict()\n    optim.lr = 0.1",
        "get_default_configs.optim.lr",
    ),
    (
        "def get_config():\n    config = base()\n    optim = config.optim\n    optim.lr = 0.1",
        "get_config.optim.lr",
    ),
    (
        "@dataclass\nclass Optim:\n    lr: float = 0.1\n@dataclass\nclass Args:\n"
        "    a: Optim = field(default_factory=Optim)\n"
        "    b: Optim = field(default_factory=lambda: Optim(lr=2.0))",
        "Optim.lr",
    ),
    ("@dataclass\nclass Args:\n    lr: float = field(default=0.1, metadata=UNITS)", "Args.lr"),
    ("wandb.init(project='runs', config={'lr': 0.1})", "wandb.config.lr"),
    ("train(DataLoader(rows, batch_size=0.1))", "DataLoader(batch_size)"),
    ("LR = float(os.environ.get('LR') or 0.1)\nprint(LR)", "LR"),
    ("LR = float(os.environ['LR']) if 'LR' in os.environ else 0.1\nprint(LR)", "LR"),
]


@pytest.mark.parametrize(("code", "name"), FORMS, ids=[name for _, name in FORMS])
def test_a_constant_is_found_and_set_in_its_place(code: str, name: str) -> None:
    assert read_constants(code)[name] == 0.1
    edit = SetConstant(name=name, value="0.3")
    changed = code.replace("0.1", "0.3")
    assert made(code, edit) == changed
    assert diff(code, changed) == (edit,)


def test_a_text_that_an_option_turns_into_a_number_is_that_number() -> None:
    code = "p.add_argument('--lr', type=float, default='1e-3')\n"
    assert read_constants(code) == {"--lr": 0.001}
    assert "default=0.3)" in made(code, SetConstant(name="--lr", value="0.3"))


@pytest.mark.parametrize(
    "code",
    [
        "hp = dict(lr=0.1)\nhp.update(lr=0.2)",
        "hp = {'lr': 0.1}\nhp.update({'lr': 0.2})",
        "class Trainer:\n    def __init__(self, lr=0.1): ...\nprint(Trainer)",
        "MEANS = (0.1, 0.2)\nprint(MEANS)",
        "LR = float(os.environ['LR']) if 'LR' in settings else 0.1\nprint(LR)",
        "@ex.capture\ndef setup():\n    lr = 0.1",
        "lr = 0.3 if len(words) > 1 else 0.1\nprint(lr)",
        "class MetricNet(nn.Module):\n    def __init__(self):\n        self.tau = 0.1",
        "class ToyDataset(Model):\n    def __init__(self, noise=0.1): ...\ndata = ToyDataset()",
        "class Net(Module):\n    def __init__(self):\n        other.temp: float = 0.1",
        "class Net(Module):\n    def __init__(self, drop=0.1): ...\nnet = Net(0.2)",
        "class Net(Module):\n    def __init__(self, drop=0.1): ...",
        "class Agent:\n    def __init__(self):\n        self.eps = 0.1\n"
        "    def act(self):\n        self.eps = 0.3",
        "class MLP(nn.Module):\n    drop: float = 0.1\nmodel = MLP(drop=0.2)",
        "def main(lr=typer.Option(min=0.1)): ...",
        "flags.DEFINE_float('0.1')\nlog.setup(config={'lr': 0.1})",
        "train(DataLoader(rows, timeout=0.1))",
    ],
)
def test_what_is_overwritten_or_no_setting_is_no_constant(code: str) -> None:
    assert 0.1 not in read_constants(dedent(code)).values()


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("PositiveInt", Limits(low=0, is_low_open=True)),
        ("Field(1, ge=2, lt=8)", Limits(low=2, high=8, is_high_open=True)),
        ("Annotated[float, Gt(0), Le(3)]", Limits(low=0, high=3, is_low_open=True)),
        ("option(choices=range(1, 9))", Limits(low=1, high=9, is_high_open=True)),
        ("range(4)", Limits(low=0, high=4, is_high_open=True)),
        ("click.IntRange(1, 5)", Limits(low=1, high=5)),
        ("Field(ge=0, title='a', strict=True)", Limits(low=0)),
        ("[ge(0), ge(2)]", Limits(low=2)),
        ("range(1, 9, 2)", NO_LIMITS),
        ("Field(ge=least)", NO_LIMITS),
    ],
)
def test_the_limits_that_a_file_states(text: str, limits: Limits) -> None:
    assert limits_in(ast.parse(text, mode="eval").body, None) == limits
    assert bool(limits) is (limits != NO_LIMITS)


@pytest.mark.parametrize(
    ("annotation", "text"),
    [
        ("float", "float"),
        ("'int'", "int"),
        ("torch.dtype", "dtype"),
        ("Annotated[float, Gt(0)]", "float"),
        ("Optional[int]", "Optional[int]"),
        ("float | None", "float | None"),
        ("f(x)", ""),
    ],
)
def test_the_type_that_a_file_states(annotation: str, text: str) -> None:
    assert type_in(ast.parse(annotation, mode="eval").body) == text


def test_of_a_long_comment_above_a_constant_the_nearest_lines_count() -> None:
    lines = [*(f"# {number}" for number in range(2 * MAX_LINES)), "LR = 1"]
    above = comment_above(lines, len(lines))
    assert above.startswith(f"# {MAX_LINES - 1} # {MAX_LINES} ")
