"""Principal and NotPrincipal: from the texts of a policy to the principals it means.

- `"*"`, or AWS, Service, Federated with a text or a list. A role trust policy takes no plain text, and no
  NotPrincipal (both read in another implementation).
- AWS: `*`, an account id, the ARN of an account's root, a user, a role, a role session or a federated
  session. An ARN holds no wildcard.
- NotPrincipal goes with Deny only (documented by IAM as not supported with Allow).
- Federated: the ARN of an identity provider, or a domain.
- Of a service's name the form is checked, `name.amazonaws.com`; the documented refusal of
  names that are no service would need AWS's list of them.
- A principal must exist: `exists` is asked, once the document is otherwise sound, for the 12-digit id of
  an account and for the ARN of anything else. Nobody is asked about stored documents: a principal that
  is deleted leaves the policy readable.

Sentences: those of Secrets Manager (documented and reported) for policies of a secret; IAM's for role trust
policies, of which those about users, roles, services and providers are recorded, and the others read in
another implementation.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from strongroom.policy.callers import NamedPrincipal, PrincipalClause, PrincipalForm
from strongroom.policy.faults import PolicyFault, PolicyKind
from strongroom.policy.grammar import WrittenPrincipals, WrittenStatement

UNSUPPORTED_PRINCIPAL: Final = "This resource policy contains an unsupported principal."
UNSUPPORTED_SERVICE: Final = "This resource policy contains an unsupported service principal."
FOREIGN_PROVIDER: Final = "Federated principals must be valid domain names or SAML metadata ARNs"
PRINCIPAL_SPECIFIED: Final = "Policy document should not specify a principal."
PRINCIPAL_MISSING: Final = "Missing required field Principal"
PRINCIPAL_EMPTY: Final = "Missing required field Principal cannot be empty!"
PRINCIPAL_NO_OBJECT: Final = "Principal must be a JSON object."
ALLOW_NOT_PRINCIPAL: Final = "Allow with NotPrincipal is not allowed."
TRUST_NOT_PRINCIPAL: Final = "AssumeRole policy must not contain NotPrincipal field."

Exists: TypeAlias = Callable[[str], bool]
"""Tells whether an account (12 digits) or a principal (ARN) exists."""


def parse_principals(
    statement: WrittenStatement, kind: PolicyKind, *, allows: bool, pins: Mapping[str, str]
) -> PrincipalClause | None:
    """Return whom a statement is about; None where it is about whom the policy is attached to.

    Args:
        statement: the statement.
        kind: the kind of its policy.
        allows: its effect is Allow.
        pins: of the ARN of each user and role, the unique id it had when the policy was written.

    Raises:
        PolicyFault: with a sentence of its own where there is one.
    """
    written = statement.principals
    if not kind.names_principals:
        if written is not None:
            raise PolicyFault(written.place, "the policy is about whom it is attached to", PRINCIPAL_SPECIFIED)
        return None
    is_trust = kind is PolicyKind.TRUST
    if written is None:
        why = "it has neither Principal nor NotPrincipal"
        raise PolicyFault(statement.where, why, PRINCIPAL_MISSING if is_trust else None)
    _require_negatable(written, is_trust=is_trust, allows=allows)
    forms = _forms_of(written, is_trust=is_trust)
    named = [_PARSERS[form](name, f"{written.place}.{form}", is_trust) for form, names in forms for name in names]
    return PrincipalClause(tuple(_pinned(each, pins) for each in named), written.negated)


def require_principals(
    statement: WrittenStatement, clause: PrincipalClause | None, exists: Exists, *, is_trust: bool
) -> None:
    """Refuse principals that do not exist.

    Raises:
        PolicyFault: with the sentence for one that cannot be.
    """
    for named in clause.named if clause else ():
        is_domain = named.form is PrincipalForm.FEDERATED and not named.name.startswith("arn:")
        if named.form not in _NEED_NOT_EXIST and not is_domain and not exists(named.name):
            form = "FEDERATED" if named.form is PrincipalForm.FEDERATED else "AWS"
            message = _invalid(form, named.name) if is_trust else UNSUPPORTED_PRINCIPAL
            raise PolicyFault(statement.where, f"{named.name} does not exist", message)


def is_pinnable(named: NamedPrincipal) -> bool:
    """Return whether the principal is a user or a role: what has a unique id that its ARN has not."""
    return named.form is PrincipalForm.ROLE or (named.form is PrincipalForm.CALLER and ":user/" in named.name)


def _require_negatable(written: WrittenPrincipals, *, is_trust: bool, allows: bool) -> None:
    if not written.negated:
        return
    if allows:
        raise PolicyFault(written.place, "it goes with Deny only", ALLOW_NOT_PRINCIPAL if is_trust else None)
    if is_trust:
        raise PolicyFault(written.place, "a role trust policy cannot have it", TRUST_NOT_PRINCIPAL)


def _forms_of(written: WrittenPrincipals, *, is_trust: bool) -> list[tuple[str, tuple[str, ...]]]:
    if written.text is not None:
        if is_trust:
            raise PolicyFault(written.place, "it is not an object", PRINCIPAL_NO_OBJECT)
        if written.text != "*":
            raise PolicyFault(written.place, 'a text can only be "*"', UNSUPPORTED_PRINCIPAL)
        return [("AWS", ("*",))]
    if not written.forms:
        raise PolicyFault(written.place, "it is empty", PRINCIPAL_EMPTY if is_trust else None)
    for form in written.forms:
        if form not in _PARSERS:
            message = f'Invalid principal in policy: "{form}"' if is_trust else UNSUPPORTED_PRINCIPAL
            raise PolicyFault(f"{written.place}.{form}", "there is no such form of principal", message)
    return [(form, tuple(name.text for name in names)) for form, names in written.forms.items()]


def _pinned(named: NamedPrincipal, pins: Mapping[str, str]) -> NamedPrincipal:
    unique_id = pins.get(named.name) if is_pinnable(named) else None
    return named if unique_id is None else NamedPrincipal(named.form, named.name, unique_id)


def _invalid(form: str, name: str) -> str:
    return f'Invalid principal in policy: "{form}":"{name}"'


_ACCOUNT_ID: Final = re.compile(r"[0-9]{12}")
_PRINCIPAL_ARN: Final = re.compile(r"arn:aws[a-z-]*:(iam|sts)::([0-9]{12}):([a-z-]+)((?:/[^\s/*?]+)*)")
_SERVICE: Final = re.compile(r"(?:[a-z0-9-]+\.)+amazonaws\.com(?:\.cn)?")
_DOMAIN: Final = re.compile(r"(?:[a-z0-9-]+\.)+[a-z]+")


def _parse_aws_principal(text: str, where: str, is_trust: bool) -> NamedPrincipal:  # noqa: FBT001
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
    message = _invalid("AWS", text) if is_trust else UNSUPPORTED_PRINCIPAL
    raise PolicyFault(where, "it is no account, user, role or session", message)


def _parse_service_principal(text: str, where: str, is_trust: bool) -> NamedPrincipal:  # noqa: FBT001
    if _SERVICE.fullmatch(text) is None:
        message = _invalid("SERVICE", text) if is_trust else UNSUPPORTED_SERVICE
        raise PolicyFault(where, "it is not the name of a service", message)
    return NamedPrincipal(PrincipalForm.SERVICE, text)


def _parse_federated_principal(text: str, where: str, is_trust: bool) -> NamedPrincipal:  # noqa: FBT001
    arn = _PRINCIPAL_ARN.fullmatch(text)
    is_provider = arn is not None and arn[1] == "iam" and arn[3] in {"saml-provider", "oidc-provider"} and arn[4]
    if not is_provider and _DOMAIN.fullmatch(text) is None:
        raise PolicyFault(where, "it is no identity provider", FOREIGN_PROVIDER if is_trust else UNSUPPORTED_PRINCIPAL)
    return NamedPrincipal(PrincipalForm.FEDERATED, text)


_PARSERS: Final[Mapping[str, Callable[[str, str, bool], NamedPrincipal]]] = {
    "AWS": _parse_aws_principal,
    "Service": _parse_service_principal,
    "Federated": _parse_federated_principal,
}
_NEED_NOT_EXIST: Final = frozenset({PrincipalForm.EVERYONE, PrincipalForm.SERVICE})
