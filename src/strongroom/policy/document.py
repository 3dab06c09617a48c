"""Policy documents: from JSON text to statements ready to be matched, or refused.

JSON:
- Strict: no duplicate keys, no NaN or Infinity, no lone surrogates; at most 20,480 characters (the API's
  limit), and nested no deeper than the elements below.

Elements (documented unless marked):
- Version is 2012-10-17 or 2008-10-17, the latter if absent, and any other date has a message of its own
  (recorded). Id and Sid are free text. Statement is an object or a non-empty list.
- Effect is Allow or Deny, spelled so. Elements that do not exist are refused.
- Action or NotAction: a text or a list, `service:Name` or `*`; actions of other services are accepted.
- Resource or NotResource: an ARN or `*`. A resource policy may leave it out: it means this secret (old
  user guide; whether today's service insists is not recorded).
- Condition: operators of `conditions`; values are texts, numbers, booleans or lists of them. An unknown
  operator, an empty list and a value that its operator cannot read are refused (inferred): in a Deny they
  would never apply.
- An operator without keys is refused as well, lest an Allow be without condition by mistake (inferred).

Principals:
- Principal or NotPrincipal, in every statement of a resource policy. `"*"`, or AWS, Service, Federated
  with a text or a list.
- AWS: `*`, an account id, the ARN of an account's root, a user, a role, a role session or a federated
  session. An ARN holds no wildcard.
- NotPrincipal goes with Deny only (documented by IAM as not supported with Allow).
- A principal must exist: `exists` is asked, once the document is otherwise sound, for the 12-digit id of
  an account and for the ARN of anything else. Nobody is asked about stored documents: a principal that
  is deleted leaves the policy readable.
- Of a service's name the form is checked, `name.amazonaws.com`; the documented refusal of
  names that are no service would need AWS's list of them.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Literal, NoReturn, TypeAlias

from strongroom.errors import MalformedPolicyDocumentException
from strongroom.policy.conditions import Condition, compile_condition, find_operator
from strongroom.policy.matching import (
    ActionClause,
    NamedPrincipal,
    PrincipalClause,
    PrincipalForm,
    ResourceClause,
    parse_arn_pattern,
    parse_glob,
)

MAX_CHARACTERS: Final = 20_480

SYNTAX_ERROR: Final = "This resource policy contains a syntax error."
WRONG_VERSION: Final = "This policy has invalid syntax."
UNSUPPORTED_PRINCIPAL: Final = "This resource policy contains an unsupported principal."
UNSUPPORTED_SERVICE: Final = "This resource policy contains an unsupported service principal."

Exists: TypeAlias = Callable[[str], bool]
"""Tells whether an account (12 digits) or a principal (ARN) exists."""


class PolicyKind(StrEnum):
    """What a policy is attached to, in the words of a denial."""

    IDENTITY = "identity-based policy"
    RESOURCE = "resource-based policy"


class Effect(StrEnum):
    ALLOW = "Allow"
    DENY = "Deny"


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement; `where` is its place in the document, `resources` None when it names none."""

    where: str
    sid: str | None
    effect: Effect
    principals: PrincipalClause | None
    actions: ActionClause
    resources: ResourceClause | None
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    kind: PolicyKind
    id: str | None
    statements: tuple[Statement, ...]


class PolicyFault(Exception):
    """What is wrong with a document, and where: for operators, beside the sentence that clients get."""

    def __init__(self, where: str, why: str, message: str = SYNTAX_ERROR) -> None:
        super().__init__(f"{where}: {why}")
        self.where = where
        self.why = why
        self.message = message


def parse_policy(text: str, *, kind: Literal[PolicyKind.RESOURCE], exists: Exists | None = None) -> Policy:
    """Return the policy.

    Raises:
        MalformedPolicyDocumentException: with the recorded sentence; its cause is the `PolicyFault`, which
            also stands in a note.
    """
    try:
        policy = _parse_document(_parse_json(text), kind)
        if exists is not None:
            _require_principals(policy, exists)
    except PolicyFault as fault:
        error = MalformedPolicyDocumentException(fault.message)
        error.add_note(str(fault))
        raise error from fault
    return policy


class _Number(str):
    """The text of a JSON number."""

    __slots__ = ()


def _parse_json(text: str) -> Any:
    if len(text) > MAX_CHARACTERS:
        raise PolicyFault("document", f"it is longer than {MAX_CHARACTERS} characters")
    try:
        document = json.loads(
            text,
            object_pairs_hook=_require_unique_keys,
            parse_int=_Number,
            parse_float=_Number,
            parse_constant=_refuse_constant,
        )
        json.dumps(document, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        raise PolicyFault(f"line {error.lineno}, column {error.colno}", error.msg) from None
    except RecursionError:
        raise PolicyFault("document", "it is nested too deeply") from None
    except UnicodeEncodeError:
        raise PolicyFault("document", "it holds half of a surrogate pair") from None
    return document


def _require_unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    for key, times in Counter(key for key, _ in pairs).most_common(1):
        if times > 1:
            raise PolicyFault("document", f"the key {key!r} stands {times} times in one object")
    return dict(pairs)


def _refuse_constant(name: str) -> NoReturn:
    raise PolicyFault("document", f"{name} is not JSON")


_DOCUMENT_ELEMENTS: Final = frozenset({"Version", "Id", "Statement"})
_STATEMENT_ELEMENTS: Final = frozenset(
    {
        "Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition",
    }
)  # fmt: skip
_VERSIONS: Final = {"2012-10-17": True, "2008-10-17": False}
"""Versions of the language, and whether they have variables."""


def _parse_document(value: Any, kind: PolicyKind) -> Policy:
    document = _require_elements(value, "document", _DOCUMENT_ELEMENTS)
    version = document.get("Version", "2008-10-17")
    if not isinstance(version, str) or version not in _VERSIONS:
        raise PolicyFault("Version", f"it is none of {', '.join(_VERSIONS)}", WRONG_VERSION)
    statements = document.get("Statement")
    places = [("Statement", statements)]
    if isinstance(statements, list):
        places = [(f"Statement[{number}]", each) for number, each in enumerate(statements)]
    if not places:
        raise PolicyFault("Statement", "it is empty")
    return Policy(
        kind=kind,
        id=_find_text(document, "Id", "document"),
        statements=tuple(_parse_statement(each, where, variables=_VERSIONS[version]) for where, each in places),
    )


def _parse_statement(value: Any, where: str, *, variables: bool) -> Statement:
    elements = _require_elements(value, where, _STATEMENT_ELEMENTS)
    effect = _find_text(elements, "Effect", where)
    if effect not in frozenset(Effect):
        raise PolicyFault(f"{where}.Effect", "it is neither Allow nor Deny")
    return Statement(
        where=where,
        sid=_find_text(elements, "Sid", where),
        effect=Effect(effect),
        principals=_parse_principals(elements, where, Effect(effect)),
        actions=_parse_actions(elements, where),
        resources=_parse_resources(elements, where, variables=variables),
        conditions=_parse_conditions(elements.get("Condition", {}), f"{where}.Condition", variables=variables),
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


def _require_texts(value: Any, where: str) -> list[tuple[str, str]]:
    """Return the place and content of one text, or of each in a non-empty list."""
    places = [(f"{where}[{number}]", each) for number, each in enumerate(value)] if isinstance(value, list) else None
    for place, each in places if places is not None else [(where, value)]:
        if type(each) is not str:
            raise PolicyFault(place, "it is not a text")
    if places == []:
        raise PolicyFault(where, "it is empty")
    return places or [(where, value)]


def _find_clause(elements: Mapping[str, Any], name: str, where: str) -> tuple[str, Any, bool] | None:
    """Return place, content and negation of `Name` or `NotName`; None when neither is there."""
    present = [each for each in (name, f"Not{name}") if each in elements]
    if len(present) > 1:
        raise PolicyFault(where, f"it has both {name} and Not{name}")
    return (f"{where}.{present[0]}", elements[present[0]], present[0] != name) if present else None


_ACTION: Final = re.compile(r"\*|[A-Za-z0-9*?_.-]+:[A-Za-z0-9*?_.-]+")


def _parse_actions(elements: Mapping[str, Any], where: str) -> ActionClause:
    clause = _find_clause(elements, "Action", where)
    if clause is None:
        raise PolicyFault(where, "it has neither Action nor NotAction")
    place, value, negated = clause
    texts = _require_texts(value, place)
    for each, text in texts:
        if _ACTION.fullmatch(text) is None:
            raise PolicyFault(each, "it is not of the form service:Name")
    return ActionClause(tuple(parse_glob(text.lower()) for _, text in texts), negated)


def _parse_resources(elements: Mapping[str, Any], where: str, *, variables: bool) -> ResourceClause | None:
    clause = _find_clause(elements, "Resource", where)
    if clause is None:
        return None
    place, value, negated = clause
    patterns = []
    for each, text in _require_texts(value, place):
        if not parse_glob(text.partition(":")[0]).matches("arn"):
            raise PolicyFault(each, 'it is neither an ARN nor "*"')
        try:
            patterns.append(parse_arn_pattern(text, variables=variables))
        except ValueError as error:
            raise PolicyFault(each, str(error)) from None
    return ResourceClause(tuple(patterns), negated)


def _parse_conditions(value: Any, where: str, *, variables: bool) -> tuple[Condition, ...]:
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
            try:
                texts = _require_values(values, f"{place}.{key}")
                conditions.append(compile_condition(used, key, texts, variables=variables))
            except ValueError as error:
                raise PolicyFault(f"{place}.{key}", str(error)) from None
    return tuple(conditions)


def _require_values(value: Any, where: str) -> list[str]:
    values = value if isinstance(value, list) else [value]
    if not values:
        raise PolicyFault(where, "it is empty")
    texts = []
    for each in values:
        if not isinstance(each, str | bool):
            raise PolicyFault(where, "a value is not a text, a number or a boolean")
        texts.append(str(each) if isinstance(each, str) else str(each).lower())
    return texts


def _parse_principals(elements: Mapping[str, Any], where: str, effect: Effect) -> PrincipalClause:
    clause = _find_clause(elements, "Principal", where)
    if clause is None:
        raise PolicyFault(where, "it has neither Principal nor NotPrincipal")
    place, value, negated = clause
    if negated and effect is Effect.ALLOW:
        raise PolicyFault(place, "it goes with Deny only")
    if isinstance(value, str):
        value = {"AWS": value}
        if value["AWS"] != "*":
            raise PolicyFault(place, 'a text can only be "*"', UNSUPPORTED_PRINCIPAL)
    if not _require_object(value, place):
        raise PolicyFault(place, "it is empty")
    named = []
    for form, names in value.items():
        if form not in _PRINCIPALS:
            raise PolicyFault(f"{place}.{form}", "there is no such form of principal", UNSUPPORTED_PRINCIPAL)
        named += [_PRINCIPALS[form](text, each) for each, text in _require_texts(names, f"{place}.{form}")]
    return PrincipalClause(tuple(named), negated)


_ACCOUNT_ID: Final = re.compile(r"[0-9]{12}")
_PRINCIPAL_ARN: Final = re.compile(r"arn:aws[a-z-]*:(iam|sts)::([0-9]{12}):([a-z-]+)((?:/[^\s/*?]+)*)")
_SERVICE: Final = re.compile(r"(?:[a-z0-9-]+\.)+amazonaws\.com(?:\.cn)?")
_PROVIDER: Final = re.compile(r"(?:[a-z0-9-]+\.)+[a-z]+")


def _parse_aws_principal(text: str, where: str) -> NamedPrincipal:
    if text == "*":
        return NamedPrincipal(PrincipalForm.EVERYONE, text)
    if _ACCOUNT_ID.fullmatch(text):
        return NamedPrincipal(PrincipalForm.ACCOUNT, text)
    if arn := _PRINCIPAL_ARN.fullmatch(text):
        service, account, kind, path = arn.groups()
        match service, kind, path.count("/"):
            case "iam", "root", 0:
                return NamedPrincipal(PrincipalForm.ACCOUNT, account)
            case "iam", "role", depth if depth > 0:
                return NamedPrincipal(PrincipalForm.ROLE, text)
            case ("iam", "user", depth) | ("sts", "federated-user", depth) if depth > 0:
                return NamedPrincipal(PrincipalForm.CALLER, text)
            case "sts", "assumed-role", 2:
                return NamedPrincipal(PrincipalForm.CALLER, text)
    raise PolicyFault(where, "it is no account, user, role or session", UNSUPPORTED_PRINCIPAL)


def _parse_service_principal(text: str, where: str) -> NamedPrincipal:
    if _SERVICE.fullmatch(text) is None:
        raise PolicyFault(where, "it is not the name of a service", UNSUPPORTED_SERVICE)
    return NamedPrincipal(PrincipalForm.SERVICE, text)


def _parse_federated_principal(text: str, where: str) -> NamedPrincipal:
    arn = _PRINCIPAL_ARN.fullmatch(text)
    is_provider = arn is not None and arn[1] == "iam" and arn[3] in {"saml-provider", "oidc-provider"} and arn[4]
    if not is_provider and _PROVIDER.fullmatch(text) is None:
        raise PolicyFault(where, "it is no identity provider", UNSUPPORTED_PRINCIPAL)
    return NamedPrincipal(PrincipalForm.FEDERATED, text)


_PRINCIPALS: Final[Mapping[str, Callable[[str, str], NamedPrincipal]]] = {
    "AWS": _parse_aws_principal,
    "Service": _parse_service_principal,
    "Federated": _parse_federated_principal,
}

_NEED_NOT_EXIST: Final = frozenset({PrincipalForm.EVERYONE, PrincipalForm.SERVICE})


def _require_principals(policy: Policy, exists: Exists) -> None:
    for statement in policy.statements:
        for named in statement.principals.named if statement.principals else ():
            is_domain = named.form is PrincipalForm.FEDERATED and not named.name.startswith("arn:")
            if named.form not in _NEED_NOT_EXIST and not is_domain and not exists(named.name):
                raise PolicyFault(statement.where, f"{named.name} does not exist", UNSUPPORTED_PRINCIPAL)
