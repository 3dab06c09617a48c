"""`strongroom policy who-can`: everybody who may do something to a secret.

Rules:
- Asked are the root, the users and the roles of the secret's account, and of every account that its resource policy
  names, or of all accounts where it names everyone.
- Of an account that is not of this deployment, and of a service, only the resource policy is known: they are told as
  conditional, for their own policies decide as well.
- Somebody may conditionally when it depends on what only a request tells: the hour, the address, a member sent.
- Identity providers, and sessions narrowed by policies of their own, are not told: roles stand for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Final

import typer

from strongroom.attempt import policies_of
from strongroom.cli.iam_desk import IamDesk, on_deployment
from strongroom.cli.options import AsJson
from strongroom.cli.output import print_json, print_table
from strongroom.cli.policy_question import (
    SERVICE,
    Question,
    Target,
    action_of,
    find_target,
    principal_of,
    require_secret,
)
from strongroom.cli.policy_telling import place, told_condition
from strongroom.domain.arns import account_of
from strongroom.domain.identity import IdentityKind, name_key
from strongroom.domain.principal import Principal, root_arn
from strongroom.operations import OPERATIONS
from strongroom.policy.access_request import AccessRequest, covers_resource, names_caller
from strongroom.policy.callers import PrincipalForm
from strongroom.policy.conditions import Condition, matches
from strongroom.policy.decision import Policies, decide
from strongroom.policy.document import Effect, Policy, Statement
from strongroom.policy.evaluate import Decision
from strongroom.policy.unknowns import IsKnown, perhaps, surely, unknown_conditions
from strongroom.storage.base import Transaction

ALLOWED, CONDITIONAL = "allowed", "conditional"

_BATCH: Final = 1_000
_OF_REQUESTS: Final = frozenset(
    {"aws:currenttime", "aws:epochtime", "aws:referer", "aws:securetransport", "aws:sourceip", "aws:useragent"}
    | {"aws:tokenissuetime", "aws:sourceidentity", "aws:federatedprovider", "aws:multifactorauthpresent", "aws:tagkeys"}
    | {"aws:sourcevpc", "aws:sourcevpce", "aws:vpcsourceip", "aws:multifactorauthage"}
)
_OF_SECRETS: Final = ("secretsmanager:secretid", "secretsmanager:resource", "secretsmanager:secretprimaryregion")


@on_deployment
def who_can(
    desk: IamDesk,
    action: Annotated[str, typer.Argument(help="An action such as GetSecretValue.")],
    secret: Annotated[str, typer.Argument(help="Name or ARN of a secret.")],
    region: Annotated[str | None, typer.Option(help="Region of the secret; default: the server's.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show who may do something to a secret, and by which statement."""
    name = action_of(action)

    def work(tx: Transaction) -> list[dict[str, Any]]:
        target = find_target(tx, desk.account_id, region or desk.desk.config.region, secret)
        require_secret(target)
        return [*_of_deployment(tx, desk, target, name), *_of_elsewhere(tx, target, name)]

    found = desk.desk.storage.read(work)
    if as_json:
        print_json(found)
        return
    rows = [(row["principal"], row["decision"], row["by"] or "root", "; ".join(row["conditions"])) for row in found]
    print_table(("principal", "may", "by", "on condition"), rows)


def _of_deployment(tx: Transaction, desk: IamDesk, target: Target, action: str) -> Iterator[dict[str, Any]]:
    for account_id in _accounts(tx, target):
        for principal in _principals(tx, desk, account_id):
            is_known = partial(_is_known, action, principal)
            question = Question(tx, principal, target, desk.desk.now)
            answer = _Asked(question, action, is_known).answer()
            if answer is not None:
                yield {"principal": principal.identity_arn, **answer}


def _accounts(tx: Transaction, target: Target) -> list[str]:
    """Return the accounts of this deployment that are asked: the secret's own first."""
    own, known = account_of(target.arn), [account_id for account_id, _ in tx.list_accounts()]
    named = {own}
    for statement in _statements(tx, target):
        clause = statement.principals
        if clause is None or clause.negated or any(each.form is PrincipalForm.EVERYONE for each in clause.named):
            named.update(known)
        else:
            named.update(_account_of(each.name) for each in clause.named)
    return sorted(named & set(known), key=lambda account_id: (account_id != own, account_id))


def _statements(tx: Transaction, target: Target) -> list[Statement]:
    """Return the Allows of the resource policies."""
    policies = policies_of(tx, target.secret)
    return [each for policy in policies for each in policy.statements if each.effect is Effect.ALLOW]


def _account_of(name: str) -> str:
    return account_of(name) or name


def _principals(tx: Transaction, desk: IamDesk, account_id: str) -> Iterator[Principal]:
    yield Principal("Root", root_arn(account_id), account_id, account_id, "")
    for kind in (IdentityKind.USER, IdentityKind.ROLE):
        after = ""
        while batch := tx.identities.page(kind, account_id, after=after, limit=_BATCH):
            yield from (principal_of(identity, desk.desk.now) for identity in batch)
            after = name_key(kind, batch[-1].name)


def _is_known(action: str, principal: Principal, key: str) -> bool:
    """Tell whether a key's value follows from the principal and the secret."""
    name = key.lower()
    if name == "aws:userid":
        return principal.session is None  # the name of a session is part of it
    if name in _OF_REQUESTS or name.startswith("aws:requesttag/"):
        return False
    if not name.startswith(f"{SERVICE}:") or name.startswith((*_OF_SECRETS, f"{SERVICE}:resourcetag/")):
        return True
    operation = OPERATIONS.get(action.partition(":")[2])
    return operation is not None and name not in {each.lower() for each in operation.condition_keys}


@dataclass(frozen=True, slots=True)
class _Asked:
    """One principal who is asked about."""

    question: Question
    action: str
    is_known: IsKnown

    def answer(self) -> dict[str, Any] | None:
        """Return whether the principal may, None for one who may not whatever the request is."""
        request, policies = self.question.request(self.action), self.question.policies(self.action)
        sure = decide(request, surely(policies, self.is_known))
        if sure.allowed:
            return {"decision": ALLOWED, "by": _by(sure), "conditions": []}
        possible = decide(request, perhaps(policies, self.is_known))
        if not possible.allowed:
            return None
        conditions = list(self._conditions(request, policies))
        return {"decision": CONDITIONAL, "by": _by(possible), "conditions": conditions}

    def _conditions(self, request: AccessRequest, policies: Policies) -> Iterator[str]:
        """Yield what it depends on: conditions of Allows, and those under which a Deny does not apply."""
        bounds = [] if policies.boundary is None else [policies.boundary]
        for policy in (*policies.identity, *policies.resource, *bounds):
            for statement in policy.statements_on(request.action):
                unknown = unknown_conditions(statement, self.is_known)
                if unknown and _applies(statement, request, self.is_known):
                    word = "unless" if statement.effect is Effect.DENY else "if"
                    yield f"{word} {' and '.join(_texts(unknown))}"


def _applies(statement: Statement, request: AccessRequest, is_known: IsKnown) -> bool:
    """Return whether a statement applies as far as is known."""
    known = [condition for condition in statement.conditions if is_known(condition.key)]
    named = names_caller(statement, request) is not None
    denies = statement.effect is Effect.DENY
    return named and covers_resource(statement, request) and matches(known, request.context, unknown_differs=denies)


def _by(decision: Decision) -> str | None:
    if decision.statement is None or decision.kind is None:
        return None
    return place(decision.kind.value, decision.policy, decision.statement.where, decision.statement.sid)


def _of_elsewhere(tx: Transaction, target: Target, action: str) -> Iterator[dict[str, Any]]:
    """Yield whom the resource policy allows and of whom nothing more is known here."""
    for policy in policies_of(tx, target.secret):
        for statement in policy.statements_on(action):
            clause = statement.principals
            if statement.effect is not Effect.ALLOW or clause is None or clause.negated:
                continue
            for named in clause.named:
                is_service = named.form is PrincipalForm.SERVICE
                if is_service or _is_foreign(tx, named.form, named.name):
                    conditions = [
                        told_condition(each.operator.name, each.key, each.values) for each in statement.conditions
                    ]
                    own = [] if is_service else ["if its own account's policies allow it"]
                    yield {
                        "principal": named.name,
                        "decision": CONDITIONAL if conditions or own else ALLOWED,
                        "by": _place(policy, statement),
                        "conditions": [*own, *(f"if {text}" for text in conditions)],
                    }


def _texts(conditions: Iterable[Condition]) -> list[str]:
    return [told_condition(each.operator.name, each.key, each.values) for each in conditions]


def _is_foreign(tx: Transaction, form: PrincipalForm, name: str) -> bool:
    return form is not PrincipalForm.EVERYONE and tx.find_account(_account_of(name)) is None


def _place(policy: Policy, statement: Statement) -> str:
    return place(policy.kind.value, policy.name, statement.where, statement.sid)
