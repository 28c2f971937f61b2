"""How a Python file uses its names: as seeds, indexes and intervals, or passed as what."""

import ast
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from agent.edit.literal import evaluate
from agent.edit.seed_places import SEED_CALLS
from agent.edit.source import file_tree
from agent.records.edits import Refused
from agent.space.knobs.evidence import lower_words

Uses = Mapping[str, frozenset[str]]

PROBABILITY = "probability"
# Followed by the words of what is divided, as in `width // heads`.
DIVIDES = "divides "
KEPT = 4096  # files whose uses are kept
# Fields without an expression or a statement in them, and annotations.
_LEAVES = frozenset(
    {"ctx", "op", "ops", "id", "attr", "name", "names", "arg", "kind", "type_comment", "simple"}
    | {"is_async", "level", "module", "annotation", "returns", "conversion", "type_params"}
)
_ENDS = frozenset({ast.Name, ast.Constant, ast.Pass, type(None), str, int})
_FIELDS: dict[type[ast.AST], tuple[str, ...]] = {}
# Positional arguments of well-known calls, as the names that tell what they are.
_POSITIONS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("Dropout", "Dropout1d", "Dropout2d", "DropPath", "dropout"), ("dropout",)),
    **dict.fromkeys(("Adam", "AdamW", "Adagrad", "RMSprop", "Lion", "NAdam"), ("", "lr")),
    "SGD": ("", "lr", "momentum"),
    "clip_grad_norm_": ("", "grad_clip"),
    "clip_grad_value_": ("", "grad_clip"),
    "MultiheadAttention": ("width", "num_heads", "dropout"),
    "TransformerEncoderLayer": ("width", "num_heads", "width", "dropout"),
    **dict.fromkeys(("Linear", "Dense", "Conv1d", "Conv2d"), ("as_input", "as_output")),
    **dict.fromkeys(("LSTM", "GRU", "RNN"), ("as_input", "width", "num_layers")),
    "Embedding": ("vocab_size", "width"),
    "LayerNorm": ("width",),
    "GroupNorm": ("num_groups",),
    "StepLR": ("", "lr_step_size", "lr_decay"),
    "ExponentialLR": ("", "lr_decay"),
    "CosineAnnealingLR": ("", "t_max"),
    "DataLoader": ("", "batch_size"),
    **dict.fromkeys(("KFold", "StratifiedKFold", "TimeSeriesSplit"), ("as_split",)),
    **dict.fromkeys(("Resize", "CenterCrop", "RandomCrop", "RandomResizedCrop"), ("image_size",)),
    **dict.fromkeys(("RandomHorizontalFlip", "RandomVerticalFlip"), ("flip_prob",)),
    "sleep": ("as_time",),
}
# Keywords of well-known calls, as the names that tell what they are.
_KEYWORDS = {
    **dict.fromkeys(
        (("StepLR", "gamma"), ("MultiStepLR", "gamma"), ("ExponentialLR", "gamma")), "lr_decay"
    ),
    ("ReduceLROnPlateau", "factor"): "lr_decay",
    ("ReduceLROnPlateau", "patience"): "lr_patience",
    ("StepLR", "step_size"): "lr_step_size",
    ("train_test_split", "random_state"): "as_seed",
    ("Dropout", "p"): "dropout",
}
# Keywords that tell nothing of what they get.
_VAGUE = frozenset(
    {"dim", "axis", "size", "value", "x", "y", "n", "default", "help", "type", "k", "name", "out"}
)
_DRAWS = frozenset({"random", "rand", "uniform", "rand_like", "random_sample"})
_CLOCKS = frozenset({"time", "perf_counter", "monotonic", "process_time"})
_TRAINING_LOOPS = ("epoch", "step", "iter", "iteration", "it", "episode", "update", "round", "ep")
_COUNTER = re.compile(
    r"(^|_)(i|t|it|iters?|iterations?|steps?|epochs?|ep|batch|batches|updates?|episodes?|count"
    r"|counter|idx|index|num|frames?|timesteps?|rounds?)$"
)
_TRAINS = frozenset({"backward", "step", "zero_grad", "minimize", "apply_gradients"})
_SPLITS = frozenset({"train_test_split", "random_split", "GroupShuffleSplit", "ShuffleSplit"})
_DATA = re.compile(
    r"^(make_(classification|regression|blobs|moons|circles|friedman\d|swiss_roll|s_curve"
    r"|multilabel_classification|low_rank_matrix)|load_dataset|fetch_openml|fetch_california_housing"
    r"|fetch_20newsgroups\w*|fetch_covtype|fetch_lfw_\w+|fetch_olivetti_faces|fetch_kddcup99)$"
)


def uses_of(text: str) -> Uses:
    """Return how a Python file uses each name, by the name's last part in lower-case words.

    `args.lr`, `config.lr` and `cfg["lr"]` all are uses of `lr`. {} if the file does not parse.
    text: without a byte-order mark.
    """
    return _uses(text)


@lru_cache(maxsize=KEPT)
def _uses(text: str) -> Uses:
    tree = file_tree(text)
    if isinstance(tree, Refused):
        return MappingProxyType({})
    roles: defaultdict[str, set[str]] = defaultdict(set)
    for node in _walk(tree):
        for expression, role in _READERS[type(node)](node):
            name = _name_of(expression)
            if name:
                roles[name].add(role)
    return MappingProxyType({name: _settled(found) for name, found in roles.items()})


def _walk(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes that _READERS reads; several times as fast as ast.walk."""
    waiting: list[Any] = [tree]
    while waiting:
        node = waiting.pop()
        kind = type(node)
        if kind in _READERS:
            yield node
        fields = _FIELDS.get(kind)
        if fields is None:
            fields = tuple(field for field in kind._fields if field not in _LEAVES)
            _FIELDS[kind] = fields
        for field in fields:
            value = getattr(node, field, None)
            if type(value) is list:
                waiting += [item for item in value if type(item) not in _ENDS]
            elif type(value) not in _ENDS:
                waiting.append(value)


def _settled(roles: set[str]) -> frozenset[str]:
    """Return the roles; what goes into one layer and out of another is a hidden width."""
    ends = {"as_input", "as_output"}
    settled = roles - ends
    return frozenset(settled | {"width"} if ends <= roles else settled)


def _name_of(node: ast.expr) -> str:
    """Return the last part of a name, of an attribute or of a constant key, as words, or ''."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return lower_words(name)
        case ast.Subscript(slice=ast.Constant(value=str() as name)):
            return lower_words(name)
    return ""


def _called(call: ast.Call) -> str:
    match call.func:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
    return ""


def _of_call(node: ast.Call) -> Iterator[tuple[ast.expr, str]]:
    name = _called(node)
    if name == "add_argument":
        return
    everything = [*node.args, *(keyword.value for keyword in node.keywords)]
    if name in SEED_CALLS:
        yield from ((value, "as_seed") for value in everything)
    elif name in _SPLITS:
        yield from ((value, "as_split") for value in everything)
    elif _DATA.search(name):
        yield from ((value, "as_data") for value in everything)
    yield from zip(node.args, _POSITIONS.get(name, ()), strict=False)
    for keyword in node.keywords:
        yield from _of_keyword(name, keyword)


def _of_keyword(call: str, keyword: ast.keyword) -> Iterator[tuple[ast.expr, str]]:
    name = _KEYWORDS.get((call, keyword.arg or "")) or lower_words(keyword.arg or "")
    if name == "betas" and isinstance(keyword.value, ast.Tuple):
        for position, value in enumerate(keyword.value.elts):
            yield value, f"betas_{position}"
    elif name and name not in _VAGUE:
        yield keyword.value, name


def _of_subscript(node: ast.Subscript) -> Iterator[tuple[ast.expr, str]]:
    if isinstance(node.ctx, ast.Load):
        inner = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        yield from ((value, "index") for value in inner)


def _of_comparison(node: ast.Compare) -> Iterator[tuple[ast.expr, str]]:
    sides = [node.left, *node.comparators]
    calls = {_called(call) for call in map(_call_in, sides) if call}
    if calls & _DRAWS:
        yield from ((side, PROBABILITY) for side in sides)
    elif calls & _CLOCKS:
        yield from ((side, "as_time") for side in sides)
    elif isinstance(node.left, ast.BinOp) and _is_interval(node.left, node.comparators[0]):
        yield node.left.right, "as_interval"


def _of_division(node: ast.BinOp) -> Iterator[tuple[ast.expr, str]]:
    """Yield a divisor that leaves no remainder: of `a % b`, or heads of a width."""
    exact = isinstance(node.op, ast.Mod)
    if isinstance(node.op, ast.FloorDiv):
        exact = "head" in _name_of(node.right)
    divided = _name_of(node.left)
    if exact and divided:
        yield node.right, DIVIDES + divided


def _is_interval(left: ast.BinOp, right: ast.expr) -> bool:
    """Return whether a comparison asks for every n-th, as in `(step + 1) % N == 0`.

    `width % heads == 0` asks for none.
    """
    counter = left.left.left if isinstance(left.left, ast.BinOp) else left.left
    if not isinstance(left.op, ast.Mod) or evaluate(right) != 0:
        return False
    return bool(_COUNTER.search(_name_of(counter)))


def _call_in(side: ast.expr) -> ast.Call | None:
    """Return the call on a side of a comparison, also where something is subtracted from it."""
    if isinstance(side, ast.BinOp):
        side = side.left
    return side if isinstance(side, ast.Call) else None


def _of_loop(node: ast.For) -> Iterator[tuple[ast.expr, str]]:
    """Yield the number of rounds of a loop that trains."""
    loop = node.iter
    if isinstance(loop, ast.Call) and _called(loop) in ("tqdm", "trange") and loop.args:
        loop = loop.args[0] if isinstance(loop.args[0], ast.Call) else loop
    if not isinstance(loop, ast.Call) or _called(loop) not in ("range", "trange"):
        return
    target = _name_of(node.target)
    if target in _TRAINING_LOOPS or _trains(node):
        for value in loop.args:
            yield from ((side, "as_epochs") for side in _sides(value))


def _sides(value: ast.expr) -> list[ast.expr]:
    """Return both sides of a sum, as in `range(start, EPOCHS + 1)`, or the value alone."""
    return [value.left, value.right] if isinstance(value, ast.BinOp) else [value]


def _trains(loop: ast.For) -> bool:
    """Return whether a loop's own statements train a model, by the calls they consist of."""
    statements = [node.value for node in loop.body if isinstance(node, ast.Expr)]
    return any(_called(value) in _TRAINS for value in statements if isinstance(value, ast.Call))


_READERS: dict[type[ast.AST], Callable[..., Iterator[tuple[ast.expr, str]]]] = {
    ast.BinOp: _of_division,
    ast.Call: _of_call,
    ast.Subscript: _of_subscript,
    ast.Compare: _of_comparison,
    ast.For: _of_loop,
}
