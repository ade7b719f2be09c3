"""YAML with places: a file as a tree whose parts know their lines, and readers that note mistakes.

Scalars are taken as written (`NO` is Norway, not false; `8080` is a text where a text is meant), so
each field decides what its text means. Nothing here constructs objects from YAML tags.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import TypeVar

import numpy as np
from yaml import (
    CSafeLoader,
    MappingNode,
    MarkedYAMLError,
    Node,
    ScalarNode,
    SequenceNode,
    YAMLError,
)
from yaml.reader import ReaderError

from enrich.mistakes import Mistake
from enrich.suggest import did_you_mean

T = TypeVar("T")

MAX_DEPTH = 400  # of nesting: the parser is recursive
DEEPEST = 6  # of nesting, where a part is taken as it is written
MAX_GROWTH = 1_000_000  # parts that aliases may add to what is written
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_ALIAS = re.compile(r"\*\w")
_NULL = ("", "~", "null", "Null", "NULL")


class Source:
    """One file: its tree, and ways to read the tree that note every mistake instead of stopping."""

    def __init__(self, file: str, mistakes: list[Mistake]) -> None:
        self.file = file
        self._mistakes = mistakes

    def note(self, node: Node, text: str) -> None:
        """Note a mistake at a part of the file."""
        mark = node.start_mark
        self._mistakes.append(Mistake(self.file, mark.line + 1, mark.column + 1, text))

    def place(self, node: Node) -> str:
        """`file:line` of a part."""
        return f"{self.file}:{node.start_mark.line + 1}"

    def tree(self, text: str) -> Node | None:
        """The file as a tree; None after noting why it has none."""
        return self._composed(_compose, text)

    def documents(self, text: str) -> list[Node] | None:
        """Every document of the file as a tree; None after noting why it has none."""
        return self._composed(_compose_all, text)

    def only(self, text: str) -> Node | None:
        """The one document of the file, if it has any; None also after noting what is wrong."""
        documents = self.documents(text) or []
        for more in documents[1:]:
            self.note(more, "there is more than one document; write everything into one")
        return documents[0] if documents else None

    def written(self, node: Node, what: str, deepest: int = DEEPEST) -> object:
        """A part as texts, lists and mappings, its scalars as written."""
        if deepest < 0:
            self.note(node, f"{what}: nested too deep")
            return None
        if isinstance(node, MappingNode):
            items = self.items(node, what).items()
            return {name: self.written(inner, name, deepest - 1) for name, (_, inner) in items}
        if isinstance(node, SequenceNode):
            return [self.written(part, what, deepest - 1) for part in node.value]
        return None if is_null(node) else node.value

    def items(self, node: Node, what: str) -> dict[str, tuple[Node, Node]]:
        """A mapping: name -> (where the name stands, what it has). `<<` is merged in."""
        if is_null(node):
            return {}
        if not isinstance(node, MappingNode):
            self.note(node, f"{what}: expected a mapping (name: ...), found {found(node)}")
            return {}
        own: dict[str, tuple[Node, Node]] = {}
        merged: dict[str, tuple[Node, Node]] = {}
        for key, inner in node.value:
            if not isinstance(key, ScalarNode) or not key.value:
                self.note(key, f"{what}: expected a name before the colon, found {found(key)}")
            elif key.value == "<<":
                parts = inner.value if isinstance(inner, SequenceNode) else [inner]
                for part in parts:
                    merged = {**self.items(part, what), **merged}
            elif key.value in own:
                line = own[key.value][0].start_mark.line + 1
                self.note(key, f"{what}: '{key.value}' is there twice, first in line {line}")
            else:
                own[key.value] = (key, inner)
        return {**merged, **own} if merged else own

    def fields(self, node: Node, what: str, known: Collection[str]) -> dict[str, Node]:
        """A mapping whose keys are given; the others are noted."""
        fields = {}
        for name, (key, inner) in self.items(node, what).items():
            if name in known:
                fields[name] = inner
            else:
                hint = did_you_mean(name, known) or f"; known are {', '.join(known)}"
                self.note(key, f"{what}: unknown key '{name}'{hint}")
        return fields

    def parts(self, node: Node, what: str, example: str) -> list[Node]:
        """A list with something in it."""
        if not isinstance(node, SequenceNode):
            self.note(node, f"{what}: expected a list such as {example}, found {found(node)}")
            return []
        if not node.value:
            self.note(
                node, f"{what}: the list is empty; write one such as {example} or leave it out"
            )
        parts: list[Node] = node.value
        return parts

    def read(self, node: Node, what: str, parse: Callable[[str], T], default: T) -> T:
        """A single value; the default when it is, after noting it, wrong."""
        if not isinstance(node, ScalarNode):
            self.note(node, f"{what}: expected a single value, found {found(node)}")
            return default
        if not node.value or node.value.isspace() or is_null(node):
            self.note(node, f"{what}: has no value; write one or leave it out")
            return default
        try:
            return parse(node.value)
        except ValueError as error:
            self.note(node, f"{what}: {error}")
            return default

    def texts(
        self, node: Node, what: str, parse: Callable[[str], str], example: str
    ) -> dict[str, Node]:
        """A list of single values, each once: value -> where it stands."""
        read: dict[str, Node] = {}
        for part in self.parts(node, what, example):
            text = self.read(part, what, parse, "")
            if text in read:
                self.note(part, f"{what}: '{text}' is there twice")
            elif text:
                read[text] = part
        return read

    def _composed(self, compose: Callable[[str], T], text: str) -> T | None:
        try:
            return compose(text)
        except _RefusalError as refused:
            self._refuse(refused)
            return None

    def _refuse(self, refused: _RefusalError) -> None:
        self._mistakes.append(Mistake(self.file, refused.line, refused.column, str(refused)))


class Inner(Source):
    """A text within a file, such as YAML in an annotation: its mistakes stand where it does."""

    def __init__(self, outer: Source, at: Node) -> None:
        self._outer, self._at = outer, at
        super().__init__(outer.file, [])

    def note(self, node: Node, text: str) -> None:
        """Note a mistake at the whole text."""
        self._outer.note(self._at, text)

    def _refuse(self, refused: _RefusalError) -> None:
        self._outer.note(self._at, str(refused))


class Entry:
    """A mapping whose keys are given, such as one node or one measure."""

    def __init__(self, source: Source, node: Node, owner: str, known: Collection[str]) -> None:
        self.source = source
        self.owner = owner
        self.fields = source.fields(node, owner, known)

    def read(self, key: str, parse: Callable[[str], T], default: T) -> T:
        """The single value of a key; the default when it is absent or, after noting it, wrong."""
        node = self.fields.get(key)
        if node is None:
            return default
        return self.source.read(node, f"{self.owner}: {key}", parse, default)

    def texts(self, key: str, parse: Callable[[str], str], example: str) -> dict[str, Node]:
        """The list of a key: value -> where it stands; nothing when it is absent."""
        node = self.fields.get(key)
        if node is None:
            return {}
        return self.source.texts(node, f"{self.owner}: {key}", parse, example)


def is_null(node: Node) -> bool:
    """Whether nothing is written there (`name:` and no more)."""
    return node.value in _NULL and isinstance(node, ScalarNode) and not node.style


def found(node: Node) -> str:
    """What stands there, in words."""
    if isinstance(node, MappingNode):
        return "a mapping"
    if isinstance(node, SequenceNode):
        return "a list"
    return "nothing" if is_null(node) else f"'{node.value}'"


class _Loader(CSafeLoader):
    """The C parser and composer, without the resolver that turns texts into other types."""

    def resolve(self, kind: type[Node], value: str, implicit: object) -> str:
        return ""

    def descend_resolver(self, parent: Node | None, index: object) -> None:
        pass

    def ascend_resolver(self) -> None:
        pass


class _RefusalError(ValueError):
    """Why a text has no tree, and where."""

    def __init__(self, text: str, line: int = 1, column: int = 1) -> None:
        super().__init__(text)
        self.line = line
        self.column = column


def _compose(text: str) -> Node:
    roots = _parsed(text, lambda loader: [loader.get_single_node()])
    root = roots[0]
    if root is None or is_null(root):
        raise _RefusalError("the file is empty; a map has at least company and processes")
    if not isinstance(root, MappingNode):
        mark = root.start_mark
        why = f"expected company, processes, services, ... but found {found(root)}"
        raise _RefusalError(why, mark.line + 1, mark.column + 1)
    return root


def _compose_all(text: str) -> list[Node]:
    def every(loader: _Loader) -> Iterator[Node | None]:
        while loader.check_node():
            yield loader.get_node()

    return [root for root in _parsed(text, every) if root is not None and not is_null(root)]


def _parsed(text: str, take: Callable[[_Loader], Iterable[Node | None]]) -> list[Node | None]:
    """What is taken from a text; `_RefusalError` says why it cannot be read."""
    if _too_deep(text):
        raise _RefusalError(f"nested more than {MAX_DEPTH} deep; write it flatter")
    try:
        roots = list(take(_Loader(text)))
    except MarkedYAMLError as error:
        raise _syntax(text, error) from error
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise _RefusalError("a character that YAML does not allow; remove it", line) from error
    except (YAMLError, UnicodeError) as error:
        raise _RefusalError(f"not readable as YAML: {error}") from error
    if _ALIAS.search(text):
        for root in roots:
            if root is not None:
                _check_aliases(root)
    return roots


def _too_deep(text: str) -> bool:
    """Whether lists nest so deep that a recursive parser may not survive them."""
    brackets = text.encode("utf-8", "replace").translate(None, _NOT_BRACKETS)
    codes = np.frombuffer(brackets, dtype=np.uint8)
    opens = (codes == ord("[")) | (codes == ord("{"))
    depth = np.cumsum(np.where(opens, 1, -1))
    return bool((depth > MAX_DEPTH).any()) or any(
        dashes * MAX_DEPTH in text for dashes in ("- ", "-\t", "? ", "?\t")
    )


def _syntax(text: str, error: MarkedYAMLError) -> _RefusalError:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    written = "".join(text.splitlines()[line - 1 : line])
    if "\t" in written[: len(written) - len(written.lstrip())]:
        return _RefusalError("a tab in the indentation; YAML wants blanks", line, column)
    said = ", ".join(part for part in (error.context, error.problem) if part)
    return _RefusalError(f"not YAML: {said}", line, column)


def _check_aliases(root: Node) -> None:
    """Refuse aliases that contain themselves or grow the tree without measure."""
    sizes: dict[int, int] = {}
    open_nodes: set[int] = set()

    def size(node: Node) -> int:
        if isinstance(node, ScalarNode):
            return 1
        key = id(node)
        if key in open_nodes:
            mark = node.start_mark
            why = "an alias stands inside its own anchor; write the repeated part out"
            raise _RefusalError(why, mark.line + 1, mark.column + 1)
        if key not in sizes:
            open_nodes.add(key)
            pairs = isinstance(node, MappingNode)
            inner = [n for pair in node.value for n in pair] if pairs else node.value
            sizes[key] = 1 + sum(map(size, inner))
            open_nodes.discard(key)
        return sizes[key]

    total = size(root)
    if total > MAX_GROWTH + 10 * len(sizes):
        raise _RefusalError(
            f"aliases grow the file to {total:,} parts; write the repeated parts out"
        )
