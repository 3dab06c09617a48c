"""What a file declares: the identities that an account is to have.

Rules:
- The file is TOML or JSON, by its extension. Its sections are users, groups, roles, policies and providers; each
  holds entities by name, a provider by its URL. What is not known is refused.
- A policy document stands in the file as a table, or in a file of its own, named by a path that does not leave
  the directory of the declaration. The same goes for trust policies and key sets.
- Documents are checked as what they are to be when the file is read, so that a fault is told with its place.
- There is no place for an access key: nothing that must be kept secret is ever in such a file.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from strongroom.authn.json_web_keys import KeySetFault, parse_key_set
from strongroom.cli.iam_desk import read_text
from strongroom.domain.identity import IdentityKind, name_key
from strongroom.domain.strict_json import parse_object
from strongroom.errors import MalformedPolicyDocument, OperatorError
from strongroom.policy.document import PolicyKind, parse_policy

MARK: Final = "strongroom:declared"
"""Tag of what an earlier application of a declaration made."""

Document = str | dict[str, Any]
"""A policy, or the path of the file it is in."""


class _Entry(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    path: str | None = None
    policies: dict[str, Document] = {}
    attached: list[str] = []
    tags: dict[str, str] = {}


class User(_Entry, forbid_unknown_fields=True, frozen=True, kw_only=True):
    groups: list[str] = []
    boundary: str | None = None


class Group(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    path: str | None = None
    policies: dict[str, Document] = {}
    attached: list[str] = []


class Role(_Entry, forbid_unknown_fields=True, frozen=True, kw_only=True):
    trust: Document
    description: str | None = None
    max_session: int | None = None
    boundary: str | None = None


class ManagedPolicy(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    document: Document
    path: str | None = None
    description: str | None = None
    tags: dict[str, str] = {}


class Provider(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    audiences: list[str]
    jwks_file: str | None = None
    tags: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class Declaration:
    """What a file declares, by name; documents are texts, and `jwks_file` is the text of the key set."""

    policies: Mapping[str, ManagedPolicy]
    providers: Mapping[str, Provider]
    groups: Mapping[str, Group]
    users: Mapping[str, User]
    roles: Mapping[str, Role]


_SECTIONS: Final[Mapping[str, tuple[type[Any], IdentityKind]]] = {
    "policies": (ManagedPolicy, IdentityKind.POLICY),
    "providers": (Provider, IdentityKind.PROVIDER),
    "groups": (Group, IdentityKind.GROUP),
    "users": (User, IdentityKind.USER),
    "roles": (Role, IdentityKind.ROLE),
}

E = TypeVar("E")


def read_declaration(path: Path) -> Declaration:
    """Return what a file declares.

    Raises:
        OperatorError: it cannot be read, or is not a declaration; the place is told.
    """
    content = _parse(path)
    unknown = sorted(content.keys() - _SECTIONS.keys())
    if unknown:
        raise fault(path, unknown[0], f"there is no such section; sections are {', '.join(_SECTIONS)}")
    reader = _Reader(path)
    return Declaration(**{section: reader.section(section, content.get(section, {})) for section in _SECTIONS})


def fault(path: Path, place: str, why: str) -> OperatorError:
    """Return the refusal of a declaration, for what stands at a place of it."""
    return OperatorError(f"{path} cannot be applied: {place}", why=why, next_step="mend the file; nothing was changed")


def _parse(path: Path) -> dict[str, Any]:
    text = read_text(path)
    try:
        if path.suffix == ".toml":
            return tomllib.loads(text)
        if path.suffix == ".json":
            return parse_object(text.encode())
    except (ValueError, RecursionError) as error:
        raise fault(path, "it is not well formed", str(error) or type(error).__name__) from error
    raise fault(path, "it is neither TOML nor JSON", "the name of a declaration ends in .toml or .json")


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads the sections of one file."""

    path: Path

    def section(self, section: str, entries: Any) -> dict[str, Any]:
        kind, identity_kind = _SECTIONS[section]
        if not isinstance(entries, dict):
            raise fault(self.path, section, "it is no table")
        names: dict[str, str] = {}
        for name in entries:
            if (same := names.setdefault(name_key(identity_kind, name), name)) != name:
                raise fault(self.path, f"{section}.{name}", f"it is the same name as {same}")
        return {name: self._entry(f"{section}.{name}", entry, kind) for name, entry in entries.items()}

    def _entry(self, place: str, written: Any, kind: type[E]) -> E:
        try:
            entry: Any = msgspec.convert(written, kind)
        except msgspec.ValidationError as error:
            raise fault(self.path, place, str(error)) from error
        if MARK in getattr(entry, "tags", {}):
            raise fault(self.path, f"{place}.tags", f"the tag {MARK} is put by Strongroom itself")
        changes: dict[str, Any] = {}
        if isinstance(entry, ManagedPolicy):
            changes["document"] = self._document(f"{place}.document", entry.document, PolicyKind.IDENTITY)
        elif isinstance(entry, Provider):
            changes["jwks_file"] = self._key_set(f"{place}.jwks_file", entry.jwks_file)
        else:
            changes["policies"] = {
                name: self._document(f"{place}.policies.{name}", document, PolicyKind.IDENTITY)
                for name, document in entry.policies.items()
            }
        if isinstance(entry, Role):
            changes["trust"] = self._document(f"{place}.trust", entry.trust, PolicyKind.TRUST)
        checked: E = msgspec.structs.replace(entry, **changes)
        return checked

    def _document(self, place: str, document: Document, kind: PolicyKind) -> str:
        text = self._file(place, document) if isinstance(document, str) else _rendered(self.path, place, document)
        try:
            parse_policy(text, kind=kind)
        except MalformedPolicyDocument as error:
            raise fault(self.path, place, f"{error.message} {error.__cause__}") from error
        return text

    def _key_set(self, place: str, name: str | None) -> str | None:
        if name is None:
            return None
        text = self._file(place, name)
        try:
            parse_key_set(text.encode())
        except KeySetFault as error:
            raise fault(self.path, place, str(error)) from error
        return text

    def _file(self, place: str, name: str) -> str:
        """Return the text of a file that the declaration names."""
        directory = self.path.resolve().parent
        try:
            named = (directory / name).resolve()
        except (OSError, ValueError) as error:
            raise fault(self.path, place, str(error)) from error
        if not named.is_relative_to(directory):
            raise fault(self.path, place, f"{name} is outside of the directory that the declaration is in")
        try:
            return read_text(named)
        except OperatorError as error:
            raise fault(self.path, place, error.why) from error


def _rendered(path: Path, place: str, document: dict[str, Any]) -> str:
    try:
        return json.dumps(document, ensure_ascii=False)
    except (TypeError, ValueError) as error:  # TOML has dates, JSON has none
        raise fault(path, place, str(error)) from error
