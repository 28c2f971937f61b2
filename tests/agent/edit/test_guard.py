"""The fingerprint and the guard: what is the same experiment, and what may not be tried."""

import pytest

from agent.edit import fingerprint
from agent.edit.files import guard_files as guard
from agent.edit.guard import bound_in
from agent.records.edits import Refused

BASE = '''"""Doc."""
import torch
LR = 0.001  # rate
BATCH = 2**19
SEED = 42


def build_model(n):
    """Doc."""
    torch.manual_seed(42)
    return n


class Meter:
    def score(self): return 1
'''


def reason(old: str, new: str, edited: str, **kinds: object) -> str | None:
    assert old in BASE
    answer = guard(BASE, BASE.replace(old, new), **kinds)  # type: ignore[arg-type]
    return answer.reason if isinstance(answer, Refused) else edited


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("x = 2**19", "x = 524288  # same"),
        ("x = 1e-3", "x = 0.001"),
        ("x = -(1)", "x = - 1"),
        ("x = 0xff", "x=255"),
        ("x = 1_000 * 3", "x = 3000"),
        ("def f():\n    'doc'\n    return 1", "def f(): return 1"),
        ("x = 'a'", 'x = (\n    "a"\n)'),
        ("x = [1, 2]\r\n", "\ufeffx = [\n  1,\n  2,\n]\n"),
        ("class C:\n    '''doc'''\n", "class C:\n    '''other'''"),
        ("async def f():\n    'doc'\n    return 1", "async def f(): return 1"),
        ("x = -(2**3)", "x = -8"),
        ("x = u'a'", "x = 'a'"),
        ("x = (1)", "x = 1  # type: int"),
    ],
)
def test_equal_programs_have_one_fingerprint(left: str, right: str) -> None:
    assert fingerprint(left) == fingerprint(right)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("x = 1", "x = 1.0"),
        ("x = 1", "x = True"),
        ("x = 1", "x = '1'"),
        ("x = 1", "y = 1"),
        ("x = a - b", "x = b - a"),
        ("f(1)", "f(a=1)"),
        ("x = 'a'", "x = b'a'"),
        ("x = 1\ny = 2", "y = 2\nx = 1"),
        ("x = 0.0", "x = -0.0"),
        ("if x:\n    a()\n    b()", "if x:\n    a()\nb()"),
        ("x = {1: 2}", "x = {1, 2}"),
        ("(", "["),
        ("x = 2**-1", "x = 2"),
        ("def f(): pass", "@cached\ndef f(): pass"),
        ("def f(): pass", "def f() -> int: pass"),
        ("def f(): pass", "async def f(): pass"),
        ("x = 1", "x: int = 1"),
        ("from . import a", "from .. import a"),
        (
            "async def f():\n  return [x for x in y]",
            "async def f():\n  return [x async for x in y]",
        ),
        ("def f():\n    return 1", "def f():\n    0\n    return 1"),
        ("if x:\n    'text'\n    y()", "if x:\n    y()"),
        ("a = b = 1", "b = a = 1"),
        ("f(1, 2)", "f((1, 2))"),
        ("x = a[1:2]", "x = a[1, 2]"),
        ("x = " + " + ".join(["a"] * 1500), "x = " + " + ".join([*["a"] * 1499, "b"])),
        ("x = 0x" + "f" * 6000, "x = 0x" + "f" * 5999 + "e"),
    ],
)
def test_different_programs_differ(left: str, right: str) -> None:
    assert fingerprint(left) != fingerprint(right)


def test_no_op_and_already_tried() -> None:
    assert reason("# rate", "# other", "") == "no-op"
    assert reason("2**19", "524288", "") == "no-op"
    tried = {fingerprint(BASE.replace("0.001", "0.002"))}
    assert reason("0.001  # rate", "2e-3", "", tried=tried) == "already-tried"
    assert reason("0.001", "0.003", "passes", tried=tried) == "passes"


@pytest.mark.parametrize(
    ("old", "new", "door"),
    [
        ("SEED = 42", "SEED = 137", "the seed SEED"),
        ("manual_seed(42)", "manual_seed(SEED + 7)", "a seeding call"),
    ],
)
def test_a_seed_alone_is_not_an_idea(old: str, new: str, door: str) -> None:
    alone = guard(BASE, BASE.replace(old, new))
    assert alone and alone.reason == "seed-only"
    assert alone.where == "only the random seed would change"
    both = guard(BASE, BASE.replace(old, new).replace("0.001", "0.002"))
    assert both
    assert (both.reason, both.where) == ("seed-only", f"{door} would change")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("SEED: int = 1", "SEED: int = 2"),
        ("train_seeds = (1, 2)", "train_seeds = (3,)"),
        ("random_state = 1", "random_state = 2"),
        ("fit(x, random_state=1)", "fit(x, random_state=2)"),
        ("set_seed(1)", "set_seed(2)"),
        ("random.seed(1, 2)", "random.seed(1, 3)"),
        ("torch.cuda.manual_seed_all(1)", "torch.cuda.manual_seed_all(2)"),
        ("seed_all(1)", "seed_all(2)"),
        ("seed_everything(1)", "seed_everything(2)"),
        ("rng = np.random.default_rng(1)", "rng = np.random.default_rng(2)"),
        ("key = jax.random.PRNGKey(1)", "key = jax.random.PRNGKey(2)"),
        ("rng = random.Random(1)", "rng = random.Random(2)"),
    ],
)
def test_every_way_to_set_a_seed_is_known(old: str, new: str) -> None:
    refused = guard(old, new)
    assert refused and refused.reason == "seed-only"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("SEED = 1", "OTHER = 1"),
        ("set_seed(1)", "set_seed(1, deterministic=True)"),
        ("shuffle(1)", "shuffle(2)"),
        ("proceeds = 1", "proceeds = 2"),
    ],
)
def test_what_is_more_than_a_seed_passes(old: str, new: str) -> None:
    assert guard(old, new) is None


def test_a_protected_seed_is_named_as_protected() -> None:
    assert reason("SEED = 42", "SEED = 1", "passes", protected=["SEED"]) == "protected"


def test_what_was_tried_and_would_change_a_protected_name_is_protected() -> None:
    tried = {fingerprint(BASE.replace("0.001", "0.002"))}
    assert reason("0.001", "0.002", "passes", tried=tried, protected=["LR"]) == "protected"


def test_a_seed_argument_alone_is_not_an_idea() -> None:
    refused = guard("shuffle(x, seed=1)", "shuffle(x, seed=2)")
    assert refused
    assert refused.reason == "seed-only"
    assert guard("shuffle(x, size=1)", "shuffle(x, size=2)") is None
    assert guard("SEEDLING = 1", "SEEDLING = 2") is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("BATCH = 2**19", "BATCH = 2**18"),
        ("BATCH = 2**19", ""),
        ("BATCH = 2**19", "BATCH = 2**19\nBATCH = 1"),
        ("BATCH = 2**19", "BATCH = 2**19\nimport x as BATCH"),
        ("BATCH = 2**19", "BATCH = 2**19\nimport BATCH.part"),
        ("BATCH = 2**19", "BATCH = 2**19\ndel BATCH"),
        ("BATCH = 2**19", "BATCH = 2**19\nif LR:\n    BATCH += 1"),
        ("def score(self): return 1", "def score(self): return 0"),
        ("def score(self): return 1", "def score(self): return 1\nMeter.score = None"),
        ("def build_model(n):", "def build(n):"),
    ],
)
def test_protected_names_stay_whatever_changes_them(old: str, new: str) -> None:
    names = {"protected": ["BATCH", "Meter.score", "build_model", "not_there"]}
    assert reason(old, new, "passes", **names) == "protected"
    assert reason("0.001", "0.002", "passes", **names) == "passes"
    assert reason("BATCH = 2**19", "LR, BATCH = 1, 2", "passes", **names) == "protected"


def test_required_names_may_change_but_not_vanish() -> None:
    assert reason("return n", "return n + 1", "passes", required=["build_model"]) == "passes"
    assert (
        reason("def build_model(n):", "def build(n):", "passes", required=["build_model"])
        == "protected"
    )


def test_a_name_is_required_of_a_file_that_has_it() -> None:
    assert reason("0.001", "0.002", "passes", required=["not_there", "Meter"]) == "passes"
    assert reason("class Meter:", "class Other:", "passes", required=["Meter"]) == "protected"


def test_the_names_that_may_be_protected_are_all_that_a_file_binds() -> None:
    names = {"torch", "LR", "BATCH", "SEED", "build_model", "Meter", "Meter.score"}
    assert bound_in(BASE) == names
    assert bound_in(BASE + "import a.b as c\ndel d\nMeter.more = 1\n") == names | {
        *("c", "d", "Meter.more")
    }
    assert bound_in("x = (") is None


def test_a_protected_name_is_read_as_python_reads_it() -> None:
    old = "ﬁ = 1\nx = 1\n"
    refused = guard(old, old.replace("ﬁ = 1", "fi = 2"), protected=["ﬁ"])
    assert refused and refused.reason == "protected"


def test_what_does_not_parse_is_refused_as_such() -> None:
    assert reason("LR =", "LR = (", "passes") == "syntax"
    assert guard("x = (", "x = 1") is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("SEED = 1", "SEED = 2"),
        ("rng = np.random.RandomState(1)", "rng = np.random.RandomState(2)"),
        ("rng = np.random.default_rng(1)", "rng = np.random.default_rng(time.time_ns())"),
        ("key = jax.random.key(0)", "key = jax.random.key(1)"),
        ("key = jax.random.PRNGKey(0)", "key = jax.random.PRNGKey(3)"),
        ("np.random.Generator(np.random.PCG64(1))", "np.random.Generator(np.random.PCG64(2))"),
        ('p.add_argument("--seed", default=1)', 'p.add_argument("--seed", default=2)'),
        ('c = {"seed": 1, "lr": 2}', 'c = {"seed": 2, "lr": 2}'),
        ("c.random_state = 1", "c.random_state = 2"),
        ('os.environ["PYTHONHASHSEED"] = "1"', 'os.environ["PYTHONHASHSEED"] = "2"'),
        ("def f(seed=1): pass", "def f(seed=2): pass"),
        ("def f(*, seed=1): pass", "def f(*, seed=2): pass"),
        ("class C:\n    data_seed: int = 1", "class C:\n    data_seed: int = 2"),
        ("seeds = [1, 2]", "seeds = [3, 4]"),
        ("SEED, LR = 1, 2", "SEED, LR = 3, 2"),
        ("torch.manual_seed(SEED)", "torch.manual_seed(SEED + 7)"),
        ("loaderSeed = 1", "loaderSeed = 2"),
    ],
)
def test_a_seed_is_no_idea_by_any_door_and_beside_other_lines(old: str, new: str) -> None:
    alone = guard(f"X = 1\n{old}\n", f"X = 1\n{new}\n")
    assert alone
    assert alone.reason == "seed-only"
    beside = guard(f"X = 1\n{old}\n", f"X = 2\n{new}\nY_UNUSED = 3\n")
    assert beside
    assert beside.reason == "seed-only"


def test_a_new_call_that_seeds_everything_is_a_seed() -> None:
    refused = guard("X = 1\n", "X = 2\ntorch.manual_seed(7)\n")
    assert refused
    assert refused.reason == "seed-only"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("SEED_PROMPT = 'a'", "SEED_PROMPT = 'b'"),
        ("SEED_TEXT = 'a'", "SEED_TEXT = 'b'"),
        ("seed_words = 3", "seed_words = 4"),
        ("f(state=1)", "f(state=2)"),
        ("X = 1", "rng = np.random.default_rng(0)"),
        ("SEED = 1", "Y = 1"),
        ("d.key(1)", "d.key(2)"),
        ("p.add_argument('--size', default=1)", "p.add_argument('--size', default=2)"),
    ],
)
def test_what_only_reads_like_a_seed_may_change(old: str, new: str) -> None:
    assert guard(f"X = 1\n{old}\n", f"X = 2\n{new}\n") is None
