"""Fields of dataclasses and the like, attributes of classes, and `self.lr = 1` in __init__."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

from agent.edit.called import last_name
from agent.edit.places.arguments import Arguments, always_passed, arguments_of
from agent.edit.places.limits import limits_in
from agent.edit.places.place import (
    Place,
    choices_in,
    entries_of,
    keyword_of,
    text_in,
    type_in,
)
from agent.edit.places.scopes import Scopes

# Functions that wrap a field's default: dataclasses, attrs, pydantic.
_WRAPPERS = frozenset({"field", "Field", "ib", "attrib", "PrivateAttr"})
# Decorators and bases of classes whose calls set the fields.
_RECORDS = frozenset(
    {
        *("dataclass", "define", "frozen", "mutable", "attrs", "s", "BaseModel", "BaseSettings"),
        *("NamedTuple", "configclass", "chz", "Struct", "pydantic_dataclass", "Module"),
    }
)
_ENUMS = ("Enum", "Flag")
_SETTINGS_CLASS = re.compile(r"config|cfg|conf$|args|arguments|params|settings|options", re.I)
# What makes a class one that learns, by its name or by one of its bases.
_LEARNERS = re.compile(
    r"(Agent|Trainer|Learner|Policy|Actor|Critic|ActorCritic|DQN|DDPG|PPO|SAC|TD3|A2C|A3C|GAN|VAE"
    r"|Auto[eE]ncoder|Generator|Discriminator|Encoder|Decoder|Transformer|GPT|BERT|Net|Network"
    r"|NN|MLP|CNN|RNN|LSTM|GRU|UNet|ResNet|ViT|Classifier|Regress(or|ion)|SVM|Perceptron|Brain"
    r"|Optimi[sz]er)\d*$"
)
_LEARNING_BASES = frozenset(
    {"Module", "LightningModule", "Model", "Layer", "Optimizer", "nnModule", "PreTrainedModel"}
)
_NO_LEARNERS = re.compile(
    r"Env(ironment)?|World|Game|Simulat|Data|Load|Sampl|Buffer|Memory|Broker|Exchange|Backtest"
    r"|Market|Portfolio|Metric|Evaluat|Test|Token|Batch(?!Norm)|Pretrained|Teacher|Inception"
)


def is_learner(node: ast.AST | None) -> bool:
    """Return whether a class is a model, an agent or a training by its name or its bases."""
    if not isinstance(node, ast.ClassDef) or _NO_LEARNERS.search(node.name):
        return False
    if _LEARNERS.search(node.name):
        return True
    return not _LEARNING_BASES.isdisjoint(last_name(base) for base in node.bases)


@dataclass(frozen=True)
class Fields:
    """The fields of one class, and of the classes in it."""

    scopes: Scopes
    node: ast.ClassDef
    prefix: str = ""

    def places(self) -> Iterator[Place]:
        """Yield every field with a default that is a setting."""
        if any(last_name(base).endswith(_ENUMS) for base in self.node.bases):
            return
        fields = 0
        for statement, below in pairwise([*self.node.body, ast.Pass()]):
            index = len(self.node.body)  # what has no annotation is passed by name only
            if isinstance(statement, ast.AnnAssign):
                index = fields
                fields += 1
            if isinstance(statement, ast.ClassDef):
                yield from Fields(self.scopes, statement, self.name + ".").places()
                continue
            place = self._field(statement, below)
            name = place.name.rpartition(".")[2] if place else ""
            if place is None or self._is_overwritten(name) or self._is_passed(name, index):
                continue
            yield from entries_of(place)
        yield from self._of_self()

    @property
    def name(self) -> str:
        """The qualified name of the class."""
        return self.prefix + self.node.name

    def _field(self, statement: ast.stmt, below: ast.stmt) -> Place | None:
        annotation = None
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                pass
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                annotation = statement.annotation
            case _:
                return None
        if name.startswith("_") or self.scopes.of(self.node).bindings[name] != 1:
            return None
        stated_type = type_in(annotation)
        if stated_type.startswith("ClassVar"):
            return None
        docstring = text_in(below.value) if isinstance(below, ast.Expr) else ""
        place = Place(
            f"{self.name}.{name}",
            "field",
            value,
            statement,
            statement,
            docstring,
            stated_type,
            choices_in(annotation),
            limits_in(annotation, value),
        )
        return _unwrapped(place)

    @property
    def _is_record(self) -> bool:
        marks = [*self.node.bases, *self.node.decorator_list]
        names = [last_name(mark.func if isinstance(mark, ast.Call) else mark) for mark in marks]
        return not _RECORDS.isdisjoint(names)

    @cached_property
    def _arguments(self) -> list[Arguments]:
        """What the calls of the class in this file pass; [] if they do not set the fields.

        `fields(Config)` makes options of the defaults, which `Config(**options)` passes on.
        """
        made_of = [
            last_name(call.args[0]) for call in self.scopes.calls.get("fields", ()) if call.args
        ]
        if not self._is_record or self.node.name in made_of:
            return []
        return arguments_of(self.scopes, self.node.name)

    def _is_passed(self, name: str, index: int) -> bool:
        """Return whether every call of the class in this file gives the field another value."""
        return always_passed(self._arguments, name, index)

    def _is_overwritten(self, name: str) -> bool:
        """Return whether the attribute is a counter or gets its value elsewhere."""
        attributes = self.scopes.attributes
        return bool(attributes[None, name] or attributes[self.node, name])

    def _of_self(self) -> Iterator[Place]:
        """Yield `self.lr = 1` in __init__, of a class that holds settings or learns."""
        if not _SETTINGS_CLASS.search(self.node.name) and not is_learner(self.node):
            return
        for statement in self._init():
            match statement:
                case ast.Assign(
                    targets=[ast.Attribute(value=ast.Name(id="self"), attr=name)], value=value
                ):
                    pass
                case ast.AnnAssign(
                    target=ast.Attribute(value=ast.Name(id="self"), attr=name),
                    value=ast.expr() as value,
                ):
                    pass
                case _:
                    continue
            attributes = self.scopes.attributes
            if attributes[self.node, name] == 1 and not attributes[None, name]:
                top = Place(f"{self.name}.{name}", "attribute", value, statement, statement)
                yield from (place for place in entries_of(top) if _may_be_constant(place))

    def _init(self) -> list[ast.stmt]:
        for statement in self.node.body:
            if isinstance(statement, ast.FunctionDef) and statement.name == "__init__":
                return statement.body
        return []


def _may_be_constant(place: Place) -> bool:
    """Return whether a value is no parameter that is only kept: `self.lr = lr`."""
    return not isinstance(place.value, ast.Name)


def _unwrapped(place: Place) -> Place | None:
    """Return the place of the default inside field(default=0.1) or Field(0.1, description=…)."""
    call = place.value
    if not isinstance(call, ast.Call) or last_name(call.func) not in _WRAPPERS:
        return place
    value = keyword_of(call, "default")
    if value is None and call.args:
        value = call.args[0]
    if value is None:
        return _made(place, call)
    help_text = text_in(keyword_of(call, "help", "description")) or _in_metadata(call)
    return replace(place, value=value, help=help_text or place.help)


def _made(place: Place, call: ast.Call) -> Place | None:
    """Return the place of what `field(default_factory=lambda: Optim(lr=1))` makes."""
    factory = keyword_of(call, "default_factory", "factory")
    return replace(place, value=factory.body) if isinstance(factory, ast.Lambda) else None


def _in_metadata(call: ast.Call) -> str:
    metadata = keyword_of(call, "metadata")
    if not isinstance(metadata, ast.Dict):
        return ""
    for key, value in zip(metadata.keys, metadata.values, strict=True):
        if text_in(key) in ("help", "description"):
            return text_in(value)
    return ""
