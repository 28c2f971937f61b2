"""Reads YAML files from the parser's events; constructs nothing and expands no alias."""

import re
from dataclasses import dataclass, field, replace

import yaml

from agent.edit.source import refuse
from agent.edit.value_tree import (
    USE_TEXT,
    Document,
    Item,
    Keys,
    Tree,
    Unreadable,
    check_bounds,
    unreadable,
)
from agent.edit.yaml_scalars import Reading, read_plain, read_quoted, read_tagged
from agent.records.edits import Refused

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# An anchor or a tag before a value, and what may follow it.
_PROPERTY = re.compile(r"[&!]\S*+")
_BLANK = re.compile(r"(?:\s|#[^\r\n]*+)*+")
_TAG = re.compile(r"!\S*+")
_HEADER = re.compile(r"[|>][-+0-9]*+([ \t]*+(?:#[^\r\n]*+)?)")
_COLON = re.compile(r"\s*+:")
_SPACE = " \t\r\n"


def read_yaml(text: str) -> Document | Refused:
    """Return the document of a text without a byte-order mark."""
    reader = _Reader(text)
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            reader.take(event)
    except Unreadable as error:
        return error.refused
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        return refuse("syntax", f"line {line}: no YAML: {error.problem}", USE_TEXT)
    except (yaml.YAMLError, ValueError) as error:
        return refuse("syntax", f"no YAML: {error}", USE_TEXT)
    return Document(text, tuple(reader.items), reader.tree, tuple(reader.marks))


@dataclass
class _Frame:
    """A list or a map whose end has not been read."""

    keys: Keys
    place: int
    """Of its item."""
    tree: dict[str, Tree] | list[Tree]
    key: str | None = None
    """Of a map: the key whose value comes next."""
    key_end: int = 0


@dataclass
class _Reader:
    text: str
    items: list[Item] = field(default_factory=list)
    tree: Tree = ""
    marks: list[tuple[Keys, str]] = field(default_factory=list)
    _frames: list[_Frame] = field(default_factory=list)
    _anchors: dict[str, int] = field(default_factory=dict)
    _documents: int = 0
    _end: int = 0
    """Where the last value ended; a block's own end mark is after the comments that follow."""

    def take(self, event: yaml.Event) -> None:
        match event:
            case yaml.DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    raise self._no(event, "a second document")
            case yaml.AliasEvent():
                self._alias(event)
            case yaml.ScalarEvent():
                self._scalar(event)
            case yaml.SequenceStartEvent():
                self._open(event, [])
            case yaml.MappingStartEvent():
                self._open(event, {})
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                self._close(event)

    def _no(self, event: yaml.Event, why: str) -> Unreadable:
        return unreadable(self.text, event.start_mark.index, why)

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        start = self._after_properties(event)
        end = event.end_mark.index
        block = event.style in ("|", ">")
        if block:
            end = len(self.text[:end].rstrip(_SPACE))
        tag = self._tag(event, start)
        reading = self._reading(event)
        self._end = end
        if self._takes_key():
            self._set_key(event, reading)
            return
        tail = ""
        if block and (header := _HEADER.match(self.text, start)):
            tail = header[1]
        lead = "" if end > start or self._spaced(start) else " "
        keys = self._keys()
        self._anchor(event, keys)
        self.items.append(Item(keys, start, self._end, reading.value, tag, lead, tail))
        self._add(reading.meaning)

    def _reading(self, event: yaml.ScalarEvent) -> Reading:
        if event.tag is not None:
            return read_tagged(event.tag, event.value)
        if event.style in (None, ""):
            return read_plain(event.value)
        return read_quoted(event.value)

    def _spaced(self, index: int) -> bool:
        return index == 0 or self.text[index - 1] in _SPACE

    def _after_properties(self, event: yaml.NodeEvent) -> int:
        """Return the index of the value itself, after its anchor and tag."""
        index = self._properties_end(event)
        if index == event.start_mark.index:
            return index
        return self._match(_BLANK, index, self._limit(event))

    def _properties_end(self, event: yaml.NodeEvent) -> int:
        """Return the index after the last character of a value's anchor and tag."""
        index: int = event.start_mark.index
        limit = self._limit(event)
        for written in (event.anchor, event.tag):
            if written is not None:
                index = self._match(_PROPERTY, self._match(_BLANK, index, limit), limit)
        return index

    def _limit(self, event: yaml.NodeEvent) -> int:
        """Return an index that the properties of a value do not pass."""
        return event.end_mark.index if isinstance(event, yaml.ScalarEvent) else len(self.text)

    def _match(self, pattern: re.Pattern[str], index: int, limit: int) -> int:
        match = pattern.match(self.text, index, limit)
        return match.end() if match else index

    def _tag(self, event: yaml.NodeEvent, start: int) -> str:
        if event.tag is None:
            return ""
        tag = _TAG.search(self.text, event.start_mark.index, start)
        return tag[0] if tag else ""

    def _alias(self, event: yaml.AliasEvent) -> None:
        number = self._anchors.get(event.anchor)
        if number is None:
            raise self._no(event, f"no anchor {event.anchor}")
        if self._takes_key():
            raise self._no(event, "a key that is an alias")
        self._end = event.end_mark.index
        self.items.append(Item(self._keys(), event.start_mark.index, self._end))
        self._add(f"alias {number}")

    def _open(self, event: yaml.CollectionStartEvent, tree: dict[str, Tree] | list[Tree]) -> None:
        if self._takes_key():
            raise self._no(event, "a key that is no scalar")
        keys = self._keys()
        start = self._after_properties(event)
        item = Item(keys, start, start, tag=self._tag(event, start))
        if not event.flow_style:
            item = self._on_the_line_of_its_key(item, event)
        self._anchor(event, keys)
        if event.tag is not None:
            self.marks.append((keys, f"tag {event.tag}"))
        self._add(tree)
        self._frames.append(_Frame(keys, len(self.items), tree))
        self.items.append(item)

    def _on_the_line_of_its_key(self, item: Item, event: yaml.CollectionStartEvent) -> Item:
        """Return the item of a block such that a new value follows the colon or the properties."""
        if not self._frames or self._frames[-1].key is None:
            return item
        first: int = event.start_mark.index
        colon = _COLON.match(self.text, self._frames[-1].key_end, first)
        if colon is None:
            return item
        begin = max(colon.end(), self._properties_end(event))
        if event.anchor is None and event.tag is None:
            begin = colon.end()
        tail = self.text[begin : item.start].rstrip()
        return replace(item, start=begin, lead=" ", tail=tail)

    def _close(self, event: yaml.Event) -> None:
        frame = self._frames.pop()
        item = self.items[frame.place]
        # The end of a block has no width: it is the start of what comes next.
        if event.end_mark.index > event.start_mark.index:
            self._end = event.end_mark.index
        self.items[frame.place] = replace(item, end=self._end)

    def _takes_key(self) -> bool:
        """Return whether the next node is a key of a map."""
        if not self._frames:
            return False
        frame = self._frames[-1]
        return isinstance(frame.tree, dict) and frame.key is None

    def _set_key(self, event: yaml.ScalarEvent, reading: Reading) -> None:
        frame = self._frames[-1]
        if event.value in frame.tree:
            where = f"line {event.start_mark.line + 1}: the key {event.value} is twice in one map"
            raise Unreadable(refuse("ambiguous", where, USE_TEXT))
        frame.key = event.value
        frame.key_end = event.end_mark.index
        keys = self._keys()
        self._anchor(event, keys)
        if not isinstance(reading.value, str):
            self.marks.append((keys, f"key {reading.meaning}"))

    def _anchor(self, event: yaml.NodeEvent, keys: Keys) -> None:
        if event.anchor is None:
            return
        number = len(self._anchors)
        if event.anchor in self._anchors:
            raise self._no(event, f"the anchor {event.anchor} is there twice")
        self._anchors[event.anchor] = number
        self.marks.append((keys, f"anchor {number}"))

    def _keys(self) -> Keys:
        """Return the keys of the node that comes next."""
        if not self._frames:
            return ()
        frame = self._frames[-1]
        if frame.key is None:
            return (*frame.keys, len(frame.tree))
        return (*frame.keys, frame.key)

    def _add(self, tree: Tree) -> None:
        """Put a node into the list or map around it."""
        index = self.items[-1].start if self.items else 0
        check_bounds(self.text, index, len(self._frames), len(self.items))
        if not self._frames:
            self.tree = tree
            return
        frame = self._frames[-1]
        if isinstance(frame.tree, list):
            frame.tree.append(tree)
            return
        assert frame.key is not None
        frame.tree[frame.key] = tree
        frame.key = None
