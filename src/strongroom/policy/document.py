"""Policy documents: from JSON text to statements ready to be matched, or refused.

A document is read strictly (`strict_json`) by the grammar that all kinds share (`grammar`), then asked what
its kind must have and must not have, and compiled:
- Version is 2012-10-17 or 2008-10-17, the latter if absent, and any other date has a message of its own
  (recorded). The policies of identities are of the newer one (recorded).
- Effect is Allow or Deny, spelled so.
- Action or NotAction: `service:Name` or `*`; actions of other services are accepted.
- Resource or NotResource: an ARN or `*`. A resource policy may leave it out: it means this secret (old
  user guide; whether today's service insists is not recorded). A role trust policy is about its role.
- A condition's value that its operator cannot read is refused (inferred): in a Deny it would never apply.
- A resource policy has at most 20,480 characters (the API's limit), a document of IAM 131,072 (likewise).
  IAM's quotas by kind count `policy_size`; they are of who keeps the document.
- Principals: see `principals`. IAM's own requirements and sentences: see `iam_grammar`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from strongroom.errors import MalformedPolicyDocument, MalformedPolicyDocumentException
from strongroom.policy.callers import PrincipalClause
from strongroom.policy.conditions import Condition, compile_condition
from strongroom.policy.faults import PolicyFault, PolicyKind
from strongroom.policy.grammar import (
    NEWER_VERSION,
    OLDER_VERSION,
    WrittenClause,
    WrittenCondition,
    WrittenDocument,
    WrittenStatement,
    read_document,
)
from strongroom.policy.iam_grammar import (
    LEGACY,
    TRUST_JSON,
    TRUST_NO_EFFECT,
    require_identity_document,
    require_identity_version,
    require_trust_document,
    require_trust_version,
)
from strongroom.policy.matching import ActionClause, ResourceClause, parse_arn_pattern, parse_glob
from strongroom.policy.principals import (
    UNSUPPORTED_PRINCIPAL,
    UNSUPPORTED_SERVICE,
    Exists,
    is_pinnable,
    parse_principals,
    require_principals,
)
from strongroom.policy.strict_json import parse_json

__all__ = [
    "MAX_CHARACTERS", "MAX_IAM_CHARACTERS", "SYNTAX_ERROR", "UNSUPPORTED_PRINCIPAL", "UNSUPPORTED_SERVICE",
    "WRONG_VERSION", "Effect", "Exists", "Policy", "PolicyFault", "PolicyKind", "Statement", "parse_policy",
    "policy_size", "principals_of", "unreadable",
]  # fmt: skip

MAX_CHARACTERS: Final = 20_480
MAX_IAM_CHARACTERS: Final = 131_072

ACTIONS_KEPT: Final = 256
"""Actions for which each policy remembers its statements: more than all services here have together."""

SYNTAX_ERROR: Final = "This resource policy contains a syntax error."
WRONG_VERSION: Final = "This policy has invalid syntax."
IAM_SYNTAX: Final = "Syntax errors in policy."
TRUST_SYNTAX: Final = "Syntax error in policy."

_NO_PINS: Final[Mapping[str, str]] = MappingProxyType({})


class Effect(StrEnum):
    ALLOW = "Allow"
    DENY = "Deny"


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement; `where` is its place in the document, `resources` None when it names none.

    `principals` is None where the statement is about whomever its policy is asked about.
    """

    where: str
    sid: str | None
    effect: Effect
    principals: PrincipalClause | None
    actions: ActionClause
    resources: ResourceClause | None
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Policy:
    """A compiled document; `name` is what operators know it by. Two of the same text are two policies."""

    kind: PolicyKind
    id: str | None
    statements: tuple[Statement, ...]
    name: str | None = None
    _by_action: dict[str, tuple[Statement, ...]] = field(default_factory=dict, init=False, repr=False)

    def statements_on(self, action: str) -> tuple[Statement, ...]:
        """Return the statements about an action; the answer is kept for as many actions as a server has."""
        found = self._by_action.get(action)
        if found is None:
            found = tuple(statement for statement in self.statements if statement.actions.covers(action))
            if len(self._by_action) < ACTIONS_KEPT:
                self._by_action[action] = found
        return found


def parse_policy(
    text: str,
    *,
    kind: PolicyKind,
    exists: Exists | None = None,
    pins: Mapping[str, str] = _NO_PINS,
    name: str | None = None,
) -> Policy:
    """Return the policy.

    Args:
        text: the document.
        kind: what it is to be attached to.
        exists: tells whether a principal exists; to be asked when a document is written.
        pins: of the ARN of a user or role in the text, the unique id that it had when the text was written.
        name: what operators know the policy by.

    Raises:
        MalformedPolicyDocumentException: a resource policy is refused, in the service's sentence.
        MalformedPolicyDocument: another one is, in IAM's. The cause of either is the `PolicyFault`, which
            also stands in a note.
    """
    try:
        return _parse(text, kind, exists, pins, name)
    except PolicyFault as fault:
        if fault.message is None:
            fault.message = _SYNTAX.get(kind, IAM_SYNTAX)
        is_resource = kind is PolicyKind.RESOURCE
        error = (MalformedPolicyDocumentException if is_resource else MalformedPolicyDocument)(fault.message)
        error.add_note(str(fault))
        raise error from fault


def policy_size(text: str) -> int:
    """Return how many characters a document has as IAM counts them for its quotas: without white space."""
    return sum(character not in " \t\n\r" for character in text)


def principals_of(policy: Policy) -> frozenset[str]:
    """Return the ARNs of the users and roles that the policy names: what is to be pinned."""
    clauses = [statement.principals for statement in policy.statements if statement.principals is not None]
    return frozenset(named.name for clause in clauses for named in clause.named if is_pinnable(named))


UNREADABLE: Final = "UnreadablePolicy"
"""The Sid by which a denial tells that a stored policy could not be read."""


def unreadable(kind: PolicyKind, name: str | None = None) -> Policy:
    """Return what a policy counts as that can no longer be read: it denies everything to everyone."""
    everything = ActionClause((parse_glob("*"),), written=("*",))
    return Policy(kind, None, (Statement("document", UNREADABLE, Effect.DENY, None, everything, None, ()),), name)


_SYNTAX: Final = {PolicyKind.RESOURCE: SYNTAX_ERROR, PolicyKind.TRUST: TRUST_SYNTAX}
_NOT_JSON: Final = {PolicyKind.RESOURCE: SYNTAX_ERROR, PolicyKind.TRUST: TRUST_JSON}


def _parse(text: str, kind: PolicyKind, exists: Exists | None, pins: Mapping[str, str], name: str | None) -> Policy:
    limit = MAX_CHARACTERS if kind is PolicyKind.RESOURCE else MAX_IAM_CHARACTERS
    document = read_document(parse_json(text, message=_NOT_JSON.get(kind, IAM_SYNTAX), max_characters=limit))
    _require_version(document, kind)
    variables = document.version == NEWER_VERSION
    effects = [_parse_effect(each, kind) for each in document.statements]
    clauses = [
        parse_principals(each, kind, allows=effect is Effect.ALLOW, pins=pins)
        for each, effect in zip(document.statements, effects, strict=True)
    ]
    conditions = [
        tuple(_compile_condition(condition, kind, variables=variables) for condition in each.conditions)
        for each in document.statements
    ]
    if kind is PolicyKind.TRUST:
        require_trust_document(document)
    elif kind is not PolicyKind.RESOURCE:
        require_identity_document(document)
    statements = tuple(
        Statement(
            where=each.where,
            sid=each.sid,
            effect=effect,
            principals=clause,
            actions=_parse_actions(each, kind),
            resources=_parse_resources(each.resources, kind, variables=variables),
            conditions=block,
        )
        for each, effect, clause, block in zip(document.statements, effects, clauses, conditions, strict=True)
    )
    if exists is not None:
        for each, clause in zip(document.statements, clauses, strict=True):
            require_principals(each, clause, exists, is_trust=kind is PolicyKind.TRUST)
    return Policy(kind, document.id, statements, name)


def _require_version(document: WrittenDocument, kind: PolicyKind) -> None:
    if kind is PolicyKind.TRUST:
        require_trust_version(document)
        return
    if kind is not PolicyKind.RESOURCE:
        require_identity_version(document)
    elif document.version not in (OLDER_VERSION, NEWER_VERSION):
        raise PolicyFault("Version", f"it is neither {NEWER_VERSION} nor {OLDER_VERSION}", WRONG_VERSION)
    if not document.statements:
        raise PolicyFault("Statement", "it is empty")


def _parse_effect(statement: WrittenStatement, kind: PolicyKind) -> Effect:
    written = statement.effect
    if written in frozenset(Effect):
        return Effect(written)
    message = None
    if kind is PolicyKind.TRUST:
        message = TRUST_NO_EFFECT if written is None else f"Invalid effect: {written}"
    elif kind is not PolicyKind.RESOURCE and written is not None and written.title() in frozenset(Effect):
        message = LEGACY
    raise PolicyFault(f"{statement.where}.Effect", "it is neither Allow nor Deny", message)


def _compile_condition(written: WrittenCondition, kind: PolicyKind, *, variables: bool) -> Condition:
    try:
        return compile_condition(written.operator, written.key, written.values, variables=variables)
    except ValueError as error:
        is_date = written.operator.comparison.name.startswith("Date")
        message = None if kind.names_principals or not is_date else LEGACY
        raise PolicyFault(written.place, str(error), message) from None


_ACTION: Final = re.compile(r"\*|[A-Za-z0-9*?_.-]+:[A-Za-z0-9*?_.-]+")


def _parse_actions(statement: WrittenStatement, kind: PolicyKind) -> ActionClause:
    clause = statement.actions
    if clause is None:
        raise PolicyFault(statement.where, "it has neither Action nor NotAction")
    if not clause.texts:
        raise PolicyFault(clause.place, "it is empty")
    for each in clause.texts:
        if kind is PolicyKind.RESOURCE and _ACTION.fullmatch(each.text) is None:
            raise PolicyFault(each.place, "it is not of the form service:Name")
    written = tuple(each.text for each in clause.texts)
    return ActionClause(tuple(parse_glob(text.lower()) for text in written), clause.negated, written)


def _parse_resources(clause: WrittenClause | None, kind: PolicyKind, *, variables: bool) -> ResourceClause | None:
    if clause is None:
        return None
    if not clause.texts:
        raise PolicyFault(clause.place, "it is empty")
    patterns = []
    for each in clause.texts:
        if not parse_glob(each.text.partition(":")[0]).matches("arn"):
            raise PolicyFault(each.place, 'it is neither an ARN nor "*"')
        try:
            patterns.append(parse_arn_pattern(each.text, variables=variables, fills_up=not kind.names_principals))
        except ValueError as error:
            raise PolicyFault(each.place, str(error)) from None
    return ResourceClause(tuple(patterns), clause.negated, tuple(each.text for each in clause.texts))
