"""The names that libraries give settings, options, limits and seeds: each is known."""

import ast

import pytest

from agent.edit.files import guard_files
from agent.edit.places import places_of
from agent.edit.places.limits import Limits, limits_in
from agent.edit.seed_texts import seeds_in_text
from agent.edit.source import Source, read
from agent.edit.values import language_of
from agent.space import read_constants

DICTIONARIES = (
    *("edict", "EasyDict", "AttrDict", "Munch", "DotMap", "Box", "addict.Dict", "CN", "CfgNode"),
    *("OmegaConf.create", "DictConfig", "FrozenConfigDict", "OrderedDict", "SimpleNamespace"),
)
OPTAX = (
    *("adam", "adamw", "sgd", "rmsprop", "lion", "lamb", "lars", "adafactor", "adagrad", "radam"),
    *("nadam", "nadamw", "adabelief", "yogi", "muon", "novograd", "adamax", "linear_schedule"),
    *("cosine_decay_schedule", "exponential_decay", "polynomial_schedule"),
    *("linear_onecycle_schedule", "cosine_onecycle_schedule", "warmup_cosine_decay_schedule"),
)
RECORDS = (
    *("@attrs.define", "@attr.s", "@attr.attrs", "@attrs.frozen", "@attrs.mutable", "@chz.chz"),
    *("@configclass", "@pydantic_dataclass", "BaseSettings", "NamedTuple", "msgspec.Struct"),
)
SEEDING = (
    *("manual_seed_all", "seed_all", "seed_everything", "set_random_seed", "set_rng_seed"),
    *("set_global_seed", "set_global_seeds", "seed_rng"),
)
GENERATORS = (
    *("SeedSequence", "PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64", "PRNGKey"),
    *("PRNGSequence", "random.Random"),
)


def test_dictionaries_and_optimizers_hold_settings() -> None:
    for made in DICTIONARIES:
        assert read_constants(f"cfg = {made}({{'lr': 0.1}})\n") == {"cfg.lr": 0.1}, made
    for made in OPTAX:
        assert read_constants(f"tx = optax.{made}(rate, decay=0.1)\n") == {"tx.decay": 0.1}, made


def test_a_field_of_a_record_that_every_call_sets_is_no_constant() -> None:
    for mark in RECORDS:
        head = f"{mark}\nclass C:" if mark.startswith("@") else f"class C({mark}):"
        record = f"{head}\n    lr: float = 0.1\n"
        assert read_constants(record) == {"C.lr": 0.1}, mark
        assert read_constants(f"{record}use(C(0.2))\n") == {}, mark


def test_classes_that_learn_and_functions_that_are_commands() -> None:
    for base in ("LightningModule", "PreTrainedModel", "Optimizer", "nnModule"):
        assert read_constants(f"class C({base}):\n  def __init__(self):\n    self.a = 1\n"), base
    for mark in ("app.callback()", "ex.automain", "hydra.main()", "record"):
        assert read_constants(f"@{mark}\ndef go(lr=0.1): ...\n") == {"go.lr": 0.1}, mark
    for caller in ("defopt.run", "auto_cli", "tyro.cli", "CLI", "ArgsHandler"):
        assert read_constants(f"def go(lr=0.1): ...\n{caller}(go)\n") == {"go.lr": 0.1}, caller


@pytest.mark.parametrize(
    ("low", "high"),
    [
        ("lower_bound", "upper_bound"),
        ("min_value", "max_value"),
        ("minimum", "maximum"),
        ("min_val", "max_val"),
        ("min", "max"),
    ],
)
def test_limits_by_keyword(low: str, high: str) -> None:
    call = ast.parse(f"option({low}=2, {high}=8)", mode="eval").body
    assert limits_in(call) == Limits(low=2, high=8)


def test_limits_by_a_type() -> None:
    for name in ("IntRange", "FloatRange", "ValueRange", "Interval"):
        assert limits_in(ast.parse(f"{name}(2, 8)", mode="eval").body) == Limits(low=2, high=8)
    for name in ("PositiveFloat", "flags.DEFINE_positive_integer"):
        assert limits_in(ast.parse(name, mode="eval").body) == Limits(low=0, is_low_open=True)


def test_flags_say_the_type_of_their_values() -> None:
    kinds = {"float": "float", "integer": "int", "bool": "bool", "boolean": "bool", "string": "str"}
    for kind, stated in kinds.items():
        source = read(f"flags.DEFINE_{kind}('a', 1, 'help')\n")
        assert isinstance(source, Source)
        place = places_of(source)["--a"]
        assert (place.stated_type, place.help, place.choices) == (stated, "help", ())
    enum = read("flags.DEFINE_enum('a', 'x', ['x', 'y'], help='help')\n")
    assert isinstance(enum, Source)
    place = places_of(enum)["--a"]
    assert (place.stated_type, place.help, place.choices) == ("str", "help", ("x", "y"))


def test_calls_that_seed_are_known() -> None:
    for call in SEEDING:
        refused = guard_files("x = 1\n", f"x = 2\n{call}(7)\n")
        assert refused is not None and refused.reason == "seed-only", call
    for call in GENERATORS:
        refused = guard_files(f"x = 1\nr = {call}(1)\n", f"x = 2\nr = {call}(2)\n")
        assert refused is not None and refused.reason == "seed-only", call


# (old, new): another seed, by what a library offers for it.
OTHER_SEEDS = (
    ("c = C(seed=1)", "c = C(seed=1)\nc = attrs.evolve(c, seed=2)"),
    ("c = C(seed=1)", "c = C(seed=1)\nobject.__setattr__(c, 'seed', 2)"),
    ("c = {'seed': 1}", "c = {'seed': 1}\nc.__setitem__('seed', 2)"),
    ("s = SeedSequence(entropy=1)", "s = SeedSequence(entropy=2)"),
    ("k = jax.random.wrap_key_data(1)", "k = jax.random.wrap_key_data(2)"),
    ("x = 1", "x = 2\ntorch.cuda.set_rng_state_all(states)"),
    ("x = 1", "x = 2\nnumpy.random.set_state(state)"),
    ("x = 1", "x = 2\ntorch.randperm(3)"),
    *(("x = 1", f"x = 2\n{name}.seed(7)") for name in ("paddle", "mxnet", "cupy.random")),
    ("x = 1", "x = 2\nimport mlx.core as mx\nmx.random.seed(7)"),
    ("x = 1", "try:\n    from torch import manual_seed as m\nfinally:\n    x = 2\nm(7)"),
    ("x = 1", "match x:\n    case 1:\n        from torch import manual_seed as m\nm(7)"),
    ("x = 1", "if x:\n    x = 2\nelse:\n    from torch import manual_seed as m\nm(7)"),
    (
        "class C:\n    def set(cls):\n        cls.seed = 1",
        "class C:\n    def set(cls):\n        cls.seed = 2",
    ),
)


def test_other_ways_to_another_seed_are_known() -> None:
    for old, new in OTHER_SEEDS:
        refused = guard_files(f"{old}\n", f"{new}\n")
        assert refused is not None and refused.reason == "seed-only", new


def test_seeds_of_other_languages_are_known() -> None:
    for call in ("srand", "srand48", "srandom", "seed_from_u64", "NewSource", "curand_init"):
        assert list(seeds_in_text(f"x = {call}(7);\n")) == [(call, "7")]
    for call in ("Random.Xoshiro", "MersenneTwister", "rand.Seed", "PCG64", "Philox", "SFC64"):
        assert list(seeds_in_text(f"r = {call}(7)\n")) == [(call.rpartition(".")[2], "7")]
    for engine in ("std::default_random_engine g(7)", "minstd_rand g{7}", "mt19937_64 g( 7 )"):
        assert list(seeds_in_text(f"{engine};\n")) == [("engine", "7")]


def test_files_of_a_language_by_their_suffixes() -> None:
    suffixes = {
        "code": "cc cxx hpp cuh mjs cjs ts",
        "json": "json jsonc",
        "shell": "sh bash zsh",
        "ini": "ini cfg conf properties gin",
        "yaml": "yaml yml",
    }
    for language, names in suffixes.items():
        for name in names.split():
            assert language_of(f"a.{name}") == language, name
