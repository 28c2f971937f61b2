"""A lucky seed by any door, and the honest edits that stand beside one."""

import pytest

from agent.edit.files import guard_files as guard
from agent.edit.seed_texts import MAX_SEEDS, seeds_in_text
from agent.edit.seeds import seeds_of

HEAD = """import os
import random

import jax
import numpy as np
import torch

LR = 0.1


"""

# (old, new): each chooses other random numbers, and nothing else that matters.
ATTACKS = [
    # ---------------------------------------------------------------- generators and keys
    ("rng = np.random.RandomState(1)", "rng = np.random.RandomState(2)"),
    ("rng = np.random.default_rng(seed=1)", "rng = np.random.default_rng(seed=2)"),
    ("rng = np.random.default_rng(1)", "rng = np.random.default_rng()"),
    ("g = torch.Generator().manual_seed(3)", "g = torch.Generator().manual_seed(4)"),
    (
        "f(x, generator=torch.Generator().manual_seed(3))",
        "f(x, generator=torch.Generator().manual_seed(4))",
    ),
    ("g = tf.random.Generator.from_seed(1)", "g = tf.random.Generator.from_seed(2)"),
    (
        "x = tf.random.stateless_uniform([2], seed=[1, 2])",
        "x = tf.random.stateless_uniform([2], seed=[1, 3])",
    ),
    ("key = jax.random.key(0)", "key = jax.random.key(7)"),
    ("from jax.random import key\nk = key(0)", "from jax.random import key\nk = key(7)"),
    ("import jax.random as jr\nk = jr.key(0)", "import jax.random as jr\nk = jr.key(7)"),
    ("rngs = nnx.Rngs(0)", "rngs = nnx.Rngs(7)"),
    ("random.seed(a=1)", "random.seed(a=2)"),
    ("random.seed('lucky')", "random.seed('luckier')"),
    # ---------------------------------------------------------------- other names of a function
    ("start = torch.manual_seed\nstart(1)", "start = torch.manual_seed\nstart(2)"),
    (
        "for f in (torch.manual_seed, np.random.seed):\n    f(1)",
        "for f in (torch.manual_seed, np.random.seed):\n    f(2)",
    ),
    # ---------------------------------------------------------------- attributes of any name
    (
        "class Lucky:\n    number = 1\ntorch.manual_seed(Lucky.number)",
        "class Lucky:\n    number = 2\ntorch.manual_seed(Lucky.number)",
    ),
    (
        "p.add_argument('--first', default=1)\ntorch.manual_seed(p.parse_args().first)",
        "p.add_argument('--first', default=2)\ntorch.manual_seed(p.parse_args().first)",
    ),
    (
        "cfg.first = 1\nrng = np.random.default_rng(cfg.first + 3)",
        "cfg.first = 2\nrng = np.random.default_rng(cfg.first + 3)",
    ),
    ("key = jax.random.fold_in(key, 1)", "key = jax.random.fold_in(key, 2)"),
    ("rngs = nnx.Rngs(params=0, dropout=1)", "rngs = nnx.Rngs(params=2, dropout=1)"),
    ("rows = rows.shuffle(1000, 42)", "rows = rows.shuffle(1000, 43)"),
    # ---------------------------------------------------------------- names
    ("SEED = 1", "SEED = 2"),
    ("SEED: Final = 1", "SEED: Final = 2"),
    ("SEED = '42'", "SEED = '43'"),
    ("SEED = 0x2A", "SEED = 0x2B"),
    ("SEED = 42", "SEED = 40 + 3"),
    ("seed = OTHER = 1", "seed = OTHER = 2"),
    ("SEED, *REST = 1, 2", "SEED, *REST = 3, 2"),
    ("mySeed = 1", "mySeed = 2"),
    ("manual_seed = 1", "manual_seed = 2"),
    ("for seed in (1, 2):\n    run(seed)", "for seed in (1, 3):\n    run(seed)"),
    ("run((seed := 1))", "run((seed := 2))"),
    ("seed = 1\nseed += 1", "seed = 1\nseed += 2"),
    ("def get_seed():\n    return 1", "def get_seed():\n    return 2"),
    ("f = lambda seed=1: seed", "f = lambda seed=2: seed"),
    # ---------------------------------------------------------------- options and settings
    (
        "p.add_argument('--random-seed', type=int, default=1)",
        "p.add_argument('--random-seed', type=int, default=2)",
    ),
    ("p.add_argument('-s', '--seed', default=1)", "p.add_argument('-s', '--seed', default=2)"),
    (
        "p.add_argument('-s', dest='seed', default=1)",
        "p.add_argument('-s', dest='seed', default=2)",
    ),
    ("p.set_defaults(seed=1)", "p.set_defaults(seed=2)"),
    (
        "flags.DEFINE_integer('seed', 1, 'The seed.')",
        "flags.DEFINE_integer('seed', 2, 'The seed.')",
    ),
    (
        "@click.option('--seed', default=1)\ndef main(seed): pass",
        "@click.option('--seed', default=2)\ndef main(seed): pass",
    ),
    ("def main(seed: int = typer.Option(1)): pass", "def main(seed: int = typer.Option(2)): pass"),
    ("args = p.parse_args(['--seed', '1'])", "args = p.parse_args(['--seed', '2'])"),
    ("args = p.parse_args(['--seed=1'])", "args = p.parse_args(['--seed=2'])"),
    ("c = dict(seed=1)", "c = dict(seed=2)"),
    ("c = {'train': {'seed': 1}}", "c = {'train': {'seed': 2}}"),
    ("@dataclass\nclass C:\n    seed: int = 1", "@dataclass\nclass C:\n    seed: int = 2"),
    (
        "@dataclass\nclass C:\n    seed: int = field(default=1)",
        "@dataclass\nclass C:\n    seed: int = field(default=2)",
    ),
    ("params = {'bagging_seed': 1}", "params = {'bagging_seed': 2}"),
    # ---------------------------------------------------------------- the environment
    ("os.environ['PYTHONHASHSEED'] = '1'", "os.environ['PYTHONHASHSEED'] = '2'"),
    (
        "os.environ.setdefault('PYTHONHASHSEED', '1')",
        "os.environ.setdefault('PYTHONHASHSEED', '2')",
    ),
    ("os.environ.update(PYTHONHASHSEED='1')", "os.environ.update(PYTHONHASHSEED='2')"),
    ("os.putenv('PYTHONHASHSEED', '1')", "os.putenv('PYTHONHASHSEED', '2')"),
    ("s = int(os.environ.get('SEED', '1'))", "s = int(os.environ.get('SEED', '2'))"),
    # ---------------------------------------------------------------- behind another name
    ("S = 1\ntorch.manual_seed(S)", "S = 2\ntorch.manual_seed(S)"),
    ("S = 1\nrng = np.random.default_rng(S)", "S = 2\nrng = np.random.default_rng(S)"),
    (
        "A = 1\nB = A + 1\nrng = np.random.default_rng(B)",
        "A = 2\nB = A + 1\nrng = np.random.default_rng(B)",
    ),
    ("def f(s=1):\n    torch.manual_seed(s)\nf()", "def f(s=2):\n    torch.manual_seed(s)\nf()"),
    ("def f(s):\n    torch.manual_seed(s)\nf(1)", "def f(s):\n    torch.manual_seed(s)\nf(2)"),
    (
        "def f(s):\n    return np.random.default_rng(s)\nf(1)",
        "def f(s):\n    return np.random.default_rng(s)\nf(s=2)",
    ),
    (
        "def pick():\n    return 1\ntorch.manual_seed(pick())",
        "def pick():\n    return 2\ntorch.manual_seed(pick())",
    ),
    ("TABLE = [1, 2]\ntorch.manual_seed(TABLE[0])", "TABLE = [3, 2]\ntorch.manual_seed(TABLE[0])"),
    (
        "for s in range(3):\n    torch.manual_seed(s)",
        "for s in range(3, 6):\n    torch.manual_seed(s)",
    ),
    # ---------------------------------------------------------------- arithmetic and renaming
    ("SEED = 1\ntorch.manual_seed(SEED)", "SEED = 1\ntorch.manual_seed(SEED + 1)"),
    ("SEED = 1\ntorch.manual_seed(SEED)", "LUCKY = 7\ntorch.manual_seed(LUCKY)"),
    ("SEED = 1\nTrainer(seed=SEED)", "LUCKY = 7\nTrainer(seed=LUCKY)"),
    (
        "def set_all(s):\n    torch.manual_seed(s)\nset_all(1)",
        "def set_all(s):\n    torch.manual_seed(s * 7)\nset_all(1)",
    ),
    # ---------------------------------------------------------------- a second value that wins
    ("SEED = 1\ntorch.manual_seed(SEED)", "SEED = 1\nSEED = 7\ntorch.manual_seed(SEED)"),
    ("SEED = 1\nTrainer(seed=SEED)", "SEED = 1\nSEED = 7\nTrainer(seed=SEED)"),
    ("SEED = 1", "SEED = 1\nSEED += 6"),
    (
        "SEED = 1\ndef main():\n    use(SEED)",
        "SEED = 1\ndef main():\n    global SEED\n    SEED = 7\n    use(SEED)",
    ),
    (
        "p.add_argument('--seed', default=1)\nargs = p.parse_args()",
        "p.add_argument('--seed', default=1)\nargs = p.parse_args()\nargs.seed = 7",
    ),
    (
        "p.add_argument('--seed', default=1)\nargs = p.parse_args()",
        "p.add_argument('--seed', default=1)\nargs = p.parse_args(['--seed', '7'])",
    ),
    (
        "p.add_argument('--seed', default=1)\nargs = p.parse_args()",
        "p.add_argument('--seed', default=1)\nargs = p.parse_args()\nsetattr(args, 'seed', 7)",
    ),
    (
        "p.add_argument('--seed', default=1)\nargs = p.parse_args()",
        "p.add_argument('--seed', default=1)\nargs = p.parse_args()\nvars(args)['seed'] = 7",
    ),
    ("c = {'seed': 1}", "c = {'seed': 1}\nc['seed'] = 7"),
    ("c = {'seed': 1}", "c = {'seed': 1}\nc = {**c, 'seed': 7}"),
    ("c = {'seed': 1}", "c = {'seed': 1} | {'seed': 7}"),
    ("c = {'seed': 1}", "c = {'seed': 1}\nc.update(seed=7)"),
    ("c = {'seed': 1}", "c = {'seed': 1}\nc.update({'seed': 7})"),
    ("class C:\n    seed: int = 1\nc = C()", "class C:\n    seed: int = 1\nc = C()\nc.seed = 7"),
    ("class C:\n    seed: int = 1\nc = C()", "class C:\n    seed: int = 1\nc = C(seed=7)"),
    (
        "class C:\n    seed: int = 1\nc = C()",
        "class C:\n    seed: int = 1\nclass D(C):\n    seed: int = 7\nc = D()",
    ),
    (
        "class C:\n    seed: int = 1\nc = C()",
        "class C:\n    seed: int = 1\nc = dataclasses.replace(C(), seed=7)",
    ),
    (
        "class C(BaseModel):\n    seed: int = 1\nc = C()",
        "class C(BaseModel):\n    seed: int = 1\nc = C().model_copy(update={'seed': 7})",
    ),
    ("def main(seed=1): pass\nmain()", "def main(seed=1): pass\nmain(7)"),
    ("def main(seed=1): pass\nmain()", "def main(seed=1): pass\nmain(seed=7)"),
    # ---------------------------------------------------------------- seeding everything anew
    ("x = 1", "x = 2\ntorch.manual_seed(7)"),
    ("x = 1", "x = 2\ntorch.cuda.manual_seed_all(7)"),
    ("x = 1", "x = 2\nfrom torch import manual_seed\nmanual_seed(7)"),
    ("x = 1", "x = 2\nfrom torch import manual_seed as m\nm(7)"),
    ("x = 1", "x = 2\nimport torch as T\nT.manual_seed(7)"),
    ("x = 1", "x = 2\nimport numpy.random as npr\nnpr.seed(7)"),
    ("x = 1", "x = 2\nm = torch.manual_seed\nm(7)"),
    ("x = 1", "x = 2\ngetattr(torch, 'manual_seed')(7)"),
    ("x = 1", "x = 2\nfunctools.partial(torch.manual_seed, 7)()"),
    ("x = 1", "x = 2\nset_seed(7)"),
    ("x = 1", "x = 2\ntorch.seed()"),
    ("x = 1", "x = 2\ntorch.default_generator.manual_seed(7)"),
    ("x = 1", "x = 2\ntorch.set_rng_state(state)"),
    ("x = 1", "x = 2\nrandom.setstate(state)"),
    ("torch.manual_seed(1)", "torch.manual_seed(1)\ntorch.manual_seed(7)"),
    ("torch.manual_seed(1)", "torch.manual_seed = lambda seed: None\ntorch.manual_seed(1)"),
    ("torch.manual_seed(1)", "pass"),
    ("torch.manual_seed(1)\nnp.random.seed(1)", "torch.manual_seed(1)"),
    ("set_seed(1)", "pass"),
    ("x = 1", "x = 2\ntorch.rand(13)"),
    ("x = 1", "x = 2\nfor _ in range(13):\n    _ = np.random.rand()"),
]

# (old, new): each may be an improvement, and chooses no seed of what there was.
HONEST = [
    ("x = 1", "rng = np.random.default_rng(0)"),
    ("x = 1", "g = torch.Generator().manual_seed(0)"),
    ("x = 1", "g = torch.Generator(device)\ng.manual_seed(0)"),
    (
        "SEED = 1\ntorch.manual_seed(SEED)",
        "SEED = 1\ntorch.manual_seed(SEED)\nrng = np.random.default_rng(SEED)",
    ),
    (
        "SEED = 1\ntorch.manual_seed(SEED)",
        "SEED = 1\ntorch.manual_seed(SEED)\nnp.random.seed(SEED)",
    ),
    (
        "SEED = 1\ntorch.manual_seed(SEED)",
        "SEED = 1\ntorch.manual_seed(SEED)\nrng = np.random.default_rng(7)",
    ),
    (
        "a, b = train_test_split(x, random_state=1)",
        "a, b = train_test_split(x, random_state=1)\nb, c = train_test_split(b, random_state=0)",
    ),
    (
        "key = jax.random.key(0)\nk1, k2 = jax.random.split(key)",
        "key = jax.random.key(0)\nk1, k2, drop = jax.random.split(key, 3)",
    ),
    ("key = jax.random.key(0)", "key = jax.random.key(0)\ndrop = jax.random.fold_in(key, 1)"),
    ("init = {'params': key}", "init = {'params': key, 'dropout': drop}"),
    ("def main(seed=1): pass", "def main(seed=1): pass\ndef augment(x, seed=0): pass"),
    (
        "def main(seed=1): pass",
        "def main(seed=1): pass\ndef augment(x, seed=0): pass\naugment(x, seed=3)",
    ),
    ("def main(seed=1): pass\nmain()", "def main(seed=1): pass\nmain(seed=args.seed)"),
    ("class C:\n    seed: int = 1", "class C:\n    seed: int = 1\nclass Aug:\n    seed: int = 0"),
    ("SEED = 1\ntorch.manual_seed(SEED)", "S = 1\ntorch.manual_seed(S)"),
    (
        "SEED = 1\ntorch.manual_seed(SEED)",
        "def main():\n    torch.manual_seed(SEED)\nSEED = 1\nmain()",
    ),
    ("torch.manual_seed(1)\nnp.random.seed(1)", "set_seed(1)"),
    ("set_seed(1)", "random.seed(1)\nnp.random.seed(1)\ntorch.manual_seed(1)"),
    ("torch.manual_seed(1)", "torch.manual_seed(1)\ntorch.cuda.manual_seed(1)"),
    (
        "def make(seed):\n    return np.random.default_rng(seed)\na = make(1)",
        "def make(seed):\n    return np.random.default_rng(seed)\na = make(1)\nb = make(seed=1)",
    ),
    ("SEED = 1\nf(seed=SEED)", "SEED = 1\nf(seed=1)"),
    ("SEED_PROMPT = 'a'", "SEED_PROMPT = 'b'"),
    ("SEEDLINGS = 4", "SEEDLINGS = 5"),
    ("seeded = True", "seeded = False"),
    ("seed_words = 3", "seed_words = 4"),
    ("seed_text = 'once'", "seed_text = 'twice'"),
    ("seed_ratio = 0.1", "seed_ratio = 0.2"),
    ("linseed = 1", "linseed = 2"),
    ("proceed = 1", "proceed = 2"),
    ("superseed_lr = 1", "superseed_lr = 2"),
    (
        "self.seeds = nn.Parameter(torch.randn(4, 8))",
        "self.seeds = nn.Parameter(torch.randn(8, 8))",
    ),
    ("seed_model = Linear(4, 8)", "seed_model = Linear(8, 8)"),
    ("print('seed', 1)", "print('seed', 2)"),
    ("f(state=1)", "f(state=2)"),
    ("d.key(1)", "d.key(2)"),
    ("key = cache.key(1)", "key = cache.key(2)"),
    ("progress.advance(1)", "progress.advance(2)"),
    ("state = optimizer.get(1)", "state = optimizer.get(2)"),
    ("x = 1", "x = torch.rand(13)"),
    ("x = 1", "x = 2\nnp.random.shuffle(x)"),
    ("order = sorted(data)", "order = sorted(data, reverse=True)"),
    ("torch.manual_seed(SEED + rank)", "torch.manual_seed(SEED + rank)\nrank = rank"),
    ("step = 0\nlog(step)", "step = 1\nlog(step)"),
    (
        "def f(n):\n    return np.random.default_rng(n)\nn = 3",
        "def f(n):\n    return np.random.default_rng(n)\nn = 4",
    ),
    ("p.add_argument('--size', default=1)", "p.add_argument('--size', default=2)"),
    (
        "p.add_argument('--seed', default=1, help='a')",
        "p.add_argument('--seed', default=1, help='b')",
    ),
    (
        "for i in range(4):\n    make_env(args.seed + i)",
        "for i in range(args.envs):\n    make_env(args.seed + i)",
    ),
    (
        "for i in range(4):\n    a = random.Random(1234 + i)",
        "for i in list(range(0, n, 2)):\n    a = random.Random(1234 + i)",
    ),
    (
        "fabric = Fabric(devices=1)\nfabric.seed_everything(1337 + fabric.rank)",
        "fabric = Fabric(devices=2)\nfabric.seed_everything(1337 + fabric.rank)",
    ),
    ("torch.manual_seed(c['seed'])", "torch.manual_seed(seed=c['seed'])"),
    (
        "p.add_argument('--seed', default=1)\nargs = p.parse_args()",
        "class Args:\n    seed: int = 1\nargs = tyro.cli(Args)",
    ),
    (
        "from pytorch_lightning import seed_everything\nseed_everything(1)",
        "from lightning import seed_everything\nseed_everything(1)",
    ),
    ("set_seed(rt.seed)", "set_seed(config.runtime.seed)"),
    (
        "def main(seed):\n    set_seed(seed)\ndef setup(seed=1):\n    launch(main, seed)",
        "def main(seed):\n    set_seed(seed)\ndef setup(seed=1):\n    main(seed)",
    ),
    (
        "class A:\n    def train(self, steps, seed=1): pass\na.train(3, 1)",
        "class A:\n    def train(self, steps, seed=1): pass\na.train(4, 1)",
    ),
    ("set_seed(1)", "set_seed(1, deterministic=True)"),
    (
        "class A:\n    rank = 0\ntorch.manual_seed(a.rank + SEED)",
        "class A:\n    rank = 0\n    width = 8\ntorch.manual_seed(a.rank + SEED)",
    ),
    (
        "np.random.seed(worker.id)",
        "self.id = name\nnp.random.seed(worker.id)",
    ),
    ("step = model.step\nstep(1)", "step = model.step\nstep(2)"),
]


def reason(old: str, new: str) -> str | None:
    refused = guard(f"{HEAD}{old}\n", f"{HEAD}{new}\n")
    return refused.reason if refused else None


@pytest.mark.parametrize(("old", "new"), ATTACKS)
def test_a_lucky_seed_is_refused(old: str, new: str) -> None:
    assert reason(old, new) == "seed-only"


@pytest.mark.parametrize(("old", "new"), ATTACKS)
def test_a_lucky_seed_beside_other_lines_is_refused(old: str, new: str) -> None:
    assert reason(old, f"Y_UNUSED = 3\n{new}\nz = LR * 2") == "seed-only"


@pytest.mark.parametrize(("old", "new"), HONEST)
def test_an_honest_edit_passes(old: str, new: str) -> None:
    assert reason(old, f"{new}\nz = LR * 2") is None


def test_code_and_text_that_stop_short_are_read_as_far_as_they_go() -> None:
    cut = seeds_of("return 1\nrun(['--seed'])\nseed = 3\n")
    assert [choice.texts for choice in cut.choices] == [("Constant(3)",)]
    assert len(list(seeds_in_text("seed=1\n" * (MAX_SEEDS + 5)))) == MAX_SEEDS
