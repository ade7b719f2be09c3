"""Reads a Backstage catalogue: entities, who owns them, and what refers to what.

One file may hold many documents. An entity is known by kind, namespace and name; a reference to it
leaves out what goes without saying: `payments-db` in `spec.system` is the system of that name in
the namespace of whoever refers. `Location` and `Template`, and entities of other `apiVersion`s, are
no part of a map. What entities become on the map is `enrich.mapbackstage`'s to say.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from yaml import Node, ScalarNode

from enrich.mapyaml import Source
from enrich.suggest import did_you_mean, one_of

PARTS = ("component", "resource", "system", "api", "domain")  # kinds that become nodes
PEOPLE = ("group", "user")
OTHERS = ("location", "template")
DEFAULT = "default"  # the namespace that goes without saying
_KINDS = {
    kind.casefold(): kind for kind in ("Component", "Resource", "System", "API", "Domain")
} | {kind.casefold(): kind for kind in ("Group", "User", "Location", "Template")}
_FIRST = re.compile(r"^apiVersion:[ \t]*[\"']?(?:[a-z0-9.-]+\.)?backstage\.io/", re.MULTILINE)
_REF = re.compile(r"(?:([A-Za-z]+):)?(?:([A-Za-z0-9._-]+)/)?([A-Za-z0-9._-]+)")


def is_catalogue(text: str) -> bool:
    """Whether a file is a part of a Backstage catalogue, by what it says."""
    return _FIRST.search(text) is not None


class Ref(NamedTuple):
    """What an entity is known by; the kind in small letters."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        space = "" if self.namespace == DEFAULT else f"{self.namespace}/"
        return f"{self.kind}:{space}{self.name}"


class Entity(NamedTuple):
    """One document of the catalogue."""

    ref: Ref
    source: Source
    at: Node  # its name, where mistakes are noted
    metadata: Mapping[str, Node]
    spec: Mapping[str, Node]
    annotations: Mapping[str, Node]

    @property
    def title(self) -> str:
        """As people call it; "" where the catalogue does not say."""
        node = self.metadata.get("title")
        return self.source.read(node, f"{self.ref}: title", str, "") if node else ""

    def spec_text(self, key: str) -> tuple[str, Node] | None:
        """A single value of the spec with its place."""
        node = self.spec.get(key)
        text = self.source.read(node, f"{self.ref}: {key}", str, "") if node else ""
        return (text, node) if text and node else None

    def spec_texts(self, key: str) -> dict[str, Node]:
        """A list of the spec: value -> where it stands. An empty list says nothing."""
        node = self.spec.get(key)
        if node is None or not node.value:
            return {}
        return self.source.texts(node, f"{self.ref}: {key}", str, "[resource:payments-db]")


class Catalogue:
    """All entities of all files."""

    def __init__(self) -> None:
        self.entities: dict[Ref, Entity] = {}

    def read(self, source: Source, document: Node) -> None:
        """Take one document; what is wrong with it is noted."""
        fields = _mapping(source, document, "the entity")
        version = fields.get("apiVersion")
        if not isinstance(version, ScalarNode) or not version.value.startswith("backstage.io/"):
            return  # Kubernetes and others write documents of this form, too
        kind = source.read(fields["kind"], "kind", _kind, "") if "kind" in fields else ""
        if "kind" not in fields:
            source.note(
                document, f"the entity has no kind; it is one of {', '.join(_KINDS.values())}"
            )
        if not kind or kind in OTHERS:
            return
        metadata = _mapping(source, fields.get("metadata"), f"{kind}: metadata")
        at = metadata.get("name")
        name = source.read(at, f"{kind}: name", _name, "") if at else ""
        if at is None:
            source.note(document, f"a {_KINDS[kind]} without a name; write metadata: {{name: ...}}")
        if at is None or not name:
            return
        space = metadata.get("namespace")
        where = source.read(space, f"{name}: namespace", _name, DEFAULT) if space else DEFAULT
        ref = Ref(kind, where, name)
        if ref in self.entities:
            first = self.entities[ref]
            source.note(at, f"'{ref}' is there twice, first in {first.source.place(first.at)}")
            return
        self.entities[ref] = Entity(
            ref,
            source,
            at,
            metadata,
            _mapping(source, fields.get("spec"), f"{ref}: spec"),
            _mapping(source, metadata.get("annotations"), f"{ref}: annotations"),
        )

    def of(self, *kinds: str) -> list[Entity]:
        """The entities of these kinds, kind by kind, in the order of the files."""
        return [e for kind in kinds for e in self.entities.values() if e.ref.kind == kind]

    def find(self, text: str, near: Ref, kinds: tuple[str, ...]) -> Ref | None:
        """Whom a reference means; None where the catalogue has nobody like that.

        kinds: what it may be where it does not say.
        """
        parts = _REF.fullmatch(text.strip())
        if parts is None:
            return None
        kind, space, name = parts.groups()
        for each in (kind.casefold(),) if kind else kinds:
            ref = Ref(each, space or near.namespace, name)
            if ref in self.entities:
                return ref
        return None

    def target(
        self, entity: Entity, key: str, said: tuple[str, Node], kinds: tuple[str, ...]
    ) -> Ref | None:
        """The same, with a mistake noted where there is nobody."""
        text, at = said
        ref = self.find(text, entity.ref, kinds)
        if ref is None:
            known = [str(r) for r in self.entities if r.kind in PARTS]
            plain = {r.partition(":")[2]: r for r in known}
            hint = did_you_mean(text, known if ":" in text else plain)
            entity.source.note(at, f"{entity.ref}: {key} '{text}' is not in the catalogue{hint}")
        return ref


def _mapping(source: Source, node: Node | None, what: str) -> dict[str, Node]:
    if node is None:
        return {}
    return {name: inner for name, (_, inner) in source.items(node, what).items()}


def _kind(text: str) -> str:
    if text.casefold() not in _KINDS:
        raise ValueError(f"'{text}' is not a kind of entity{one_of(text, [*_KINDS.values()])}")
    return text.casefold()


def _name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,62})", text):
        raise ValueError(f"'{text}' is not a name; use letters, digits and . _ -")
    return text
