"""The grammar that policies of every kind share: which elements there are, and what each is made of.

Elements (documented unless marked):
- Id and Sid are texts; without Version it is the older one that counts. Statement is an object or a list of
  them. Elements that do not exist are refused.
- Effect is a text. Action or NotAction, Resource or NotResource: a text or a list, never both of a pair.
- Principal or NotPrincipal: a text, or an object of forms with a text or a list each.
- Condition: operators of `conditions`; values are texts, numbers, booleans or lists of them. An unknown
  operator and an empty list are refused (inferred; IAM is recorded to accept an unknown operator without
  keys): in a Deny they would never apply.
- An operator without keys is refused as well, lest an Allow be without condition by mistake (inferred; IAM
  is recorded to accept it).

What a document of some kind must have, must not have and may say is not decided here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from strongroom.policy.conditions import Operator, find_operator
from strongroom.policy.faults import PolicyFault


@dataclass(frozen=True, slots=True)
class Written:
    """A text of the document, and its place."""

    place: str
    text: str


@dataclass(frozen=True, slots=True)
class WrittenClause:
    """Action, Resource, or the negation of one."""

    place: str
    texts: tuple[Written, ...]
    negated: bool


@dataclass(frozen=True, slots=True)
class WrittenPrincipals:
    """Principal or NotPrincipal: either a text or forms with their names."""

    place: str
    text: str | None
    forms: Mapping[str, tuple[Written, ...]]
    negated: bool


@dataclass(frozen=True, slots=True)
class WrittenCondition:
    place: str
    operator: Operator
    key: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WrittenStatement:
    where: str
    sid: str | None
    effect: str | None
    principals: WrittenPrincipals | None
    actions: WrittenClause | None
    resources: WrittenClause | None
    conditions: tuple[WrittenCondition, ...]


@dataclass(frozen=True, slots=True)
class WrittenDocument:
    """`version` is whatever stands there: not only a text."""

    version: Any
    id: str | None
    statements: tuple[WrittenStatement, ...]


OLDER_VERSION: Final = "2008-10-17"
NEWER_VERSION: Final = "2012-10-17"

_DOCUMENT_ELEMENTS: Final = frozenset({"Version", "Id", "Statement"})
_STATEMENT_ELEMENTS: Final = frozenset(
    {
        "Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition",
    }
)  # fmt: skip


def read_document(value: Any) -> WrittenDocument:
    """Return what the parsed JSON says.

    Raises:
        PolicyFault: it is not of the grammar; without a sentence of its own.
    """
    document = _require_elements(value, "document", _DOCUMENT_ELEMENTS)
    statements = document.get("Statement")
    places = [("Statement", statements)]
    if isinstance(statements, list):
        places = [(f"Statement[{number}]", each) for number, each in enumerate(statements)]
    return WrittenDocument(
        version=document.get("Version", OLDER_VERSION),
        id=_find_text(document, "Id", "document"),
        statements=tuple(_read_statement(each, where) for where, each in places),
    )


def _read_statement(value: Any, where: str) -> WrittenStatement:
    elements = _require_elements(value, where, _STATEMENT_ELEMENTS)
    return WrittenStatement(
        where=where,
        sid=_find_text(elements, "Sid", where),
        effect=_find_text(elements, "Effect", where),
        principals=_read_principals(elements, where),
        actions=_read_clause(elements, "Action", where),
        resources=_read_clause(elements, "Resource", where),
        conditions=_read_conditions(elements.get("Condition", {}), f"{where}.Condition"),
    )


def _require_elements(value: Any, where: str, known: frozenset[str]) -> dict[str, Any]:
    elements = _require_object(value, where)
    unknown = min(elements.keys() - known, default=None)
    if unknown is not None:
        raise PolicyFault(f"{where}.{unknown}", "there is no such element")
    return elements


def _require_object(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise PolicyFault(where, "it is not an object")
    return value


def _find_text(elements: Mapping[str, Any], name: str, where: str) -> str | None:
    value = elements.get(name)
    if name in elements and type(value) is not str:
        raise PolicyFault(f"{where}.{name}", "it is not a text")
    return value


def _read_texts(value: Any, place: str) -> tuple[Written, ...]:
    """Return one text, or those of a list, each with its place."""
    places = [(f"{place}[{number}]", each) for number, each in enumerate(value)] if isinstance(value, list) else None
    texts = []
    for where, each in places if places is not None else [(place, value)]:
        if type(each) is not str:
            raise PolicyFault(where, "it is not a text")
        texts.append(Written(where, each))
    return tuple(texts)


def _find_element(elements: Mapping[str, Any], name: str, where: str) -> tuple[str, Any, bool] | None:
    """Return place, content and negation of `Name` or `NotName`; None when neither is there."""
    present = [each for each in (name, f"Not{name}") if each in elements]
    if len(present) > 1:
        raise PolicyFault(where, f"it has both {name} and Not{name}")
    return (f"{where}.{present[0]}", elements[present[0]], present[0] != name) if present else None


def _read_clause(elements: Mapping[str, Any], name: str, where: str) -> WrittenClause | None:
    found = _find_element(elements, name, where)
    if found is None:
        return None
    place, value, negated = found
    return WrittenClause(place, _read_texts(value, place), negated)


def _read_principals(elements: Mapping[str, Any], where: str) -> WrittenPrincipals | None:
    found = _find_element(elements, "Principal", where)
    if found is None:
        return None
    place, value, negated = found
    if type(value) is str:
        return WrittenPrincipals(place, value, {}, negated)
    forms = {form: _read_texts(names, f"{place}.{form}") for form, names in _require_object(value, place).items()}
    for form, names in forms.items():
        if not names:
            raise PolicyFault(f"{place}.{form}", "it is empty")
    return WrittenPrincipals(place, None, forms, negated)


def _read_conditions(value: Any, where: str) -> tuple[WrittenCondition, ...]:
    conditions = []
    for name, keys in _require_object(value, where).items():
        place, used = f"{where}.{name}", find_operator(name)
        if used is None:
            raise PolicyFault(place, "there is no such operator")
        if not _require_object(keys, place):
            raise PolicyFault(place, "it names no condition key")
        for key, values in keys.items():
            if not key:
                raise PolicyFault(place, "a condition key is empty")
            conditions.append(WrittenCondition(f"{place}.{key}", used, key, _read_values(values, f"{place}.{key}")))
    return tuple(conditions)


def _read_values(value: Any, where: str) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    if not values:
        raise PolicyFault(where, "it is empty")
    texts = []
    for each in values:
        if not isinstance(each, str | bool):
            raise PolicyFault(where, "a value is not a text, a number or a boolean")
        texts.append(str(each) if isinstance(each, str) else str(each).lower())
    return tuple(texts)
