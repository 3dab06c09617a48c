"""A question to the policies as they are today: may this principal do that to this secret, and why.

Rules:
- Principals are users, roles (as a session of theirs), sessions of roles and accounts' roots, named by ARN or, in
  the account, as user/NAME, role/NAME and root.
- The keys of the context are those of the principal, of the secret, of the region and the hour, and those that are
  given. From where and how the request comes is known only if it is given.
- An action that names no secret is asked about "*", as the service does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Final

from strongroom.attempt import policies_of
from strongroom.audit.record import Origin
from strongroom.authorization import Caller, Keys, Standing, global_keys, standing_of
from strongroom.companions.sts.role_sessions import session_principal
from strongroom.domain.identifiers import parse_secret_id, render_arn
from strongroom.domain.identity import IdentityKind, Role, User
from strongroom.domain.principal import Principal, Session, last_name, root_arn
from strongroom.domain.secret import Secret
from strongroom.errors import AccessDeniedException, OperatorError, ServiceError
from strongroom.operations import OPERATIONS
from strongroom.operations.base import Request
from strongroom.operations.condition_keys import context_of
from strongroom.policy.access_request import NO_RESOURCE, AccessRequest
from strongroom.policy.conditions import Context
from strongroom.policy.decision import Policies, decide
from strongroom.policy.evaluate import Decision, details_of, require_allowed
from strongroom.storage.base import Transaction

SERVICE: Final = "secretsmanager"
SESSION_NAME: Final = "simulated"

_UNGIVEN: Final = ("aws:SourceIp", "aws:SecureTransport", "aws:UserAgent")
_ACTIONS: Final = {name.lower(): name for name in OPERATIONS}
_ORIGIN: Final = Origin("", "", None)


@dataclass(frozen=True)
class Target:
    """What is asked about: the ARN, the secret if there is one, and how it was named; the region is its own."""

    arn: str
    as_sent: str | None
    region: str
    secret: Secret | None = None


@dataclass(frozen=True)
class Question:
    """One principal and one secret; `given` are keys of the context that are known besides."""

    tx: Transaction
    principal: Principal
    target: Target
    now: datetime
    given: Mapping[str, str | list[str]] = field(default_factory=dict)

    @cached_property
    def standing(self) -> Standing:
        return standing_of(self.tx, self.principal)

    @cached_property
    def keys(self) -> Keys:
        caller = Caller(self.principal, self.target.region, _ORIGIN)
        keys = global_keys(caller, self.now, self.standing.tags)
        of_secret = context_of((), Request(), self.target.secret, arn=self.target.arn, key_arn=lambda _: None)
        known = {key: value for key, value in (keys | dict(of_secret)).items() if key not in _UNGIVEN}
        replaced = {key.lower() for key in self.given}
        return {key: value for key, value in known.items() if key.lower() not in replaced} | dict(self.given)

    def policies(self, action: str) -> Policies:
        standing = self.standing
        resource = [] if self.arn(action) == NO_RESOURCE else policies_of(self.tx, self.target.secret)
        return Policies(standing.identity, resource, standing.boundary, standing.session)

    def arn(self, action: str) -> str:
        operation = OPERATIONS.get(action.partition(":")[2])
        return NO_RESOURCE if operation is not None and operation.names_secret is None else self.target.arn

    def request(self, action: str) -> AccessRequest:
        return AccessRequest(self.standing.names, action, self.arn(action), Context(self.keys))

    def decide(self, action: str) -> Decision:
        return decide(self.request(action), self.policies(action))

    def explained(self, action: str) -> dict[str, Any]:
        """Return the decision as it is printed: with the sentence of a denial, and what the request had."""
        decision = self.decide(action)
        told = None
        try:
            as_sent = None if self.arn(action) == NO_RESOURCE else self.target.as_sent
            require_allowed(decision, self.principal, action=action, resource_as_sent=as_sent)
        except AccessDeniedException as denial:
            told = denial.message
        details = details_of(decision)
        context = Context(self.keys)
        for miss in details["misses"]:
            if miss.get("key") is not None:
                found = context.find(miss["key"])
                miss["had"] = [found] if isinstance(found, str) else list(found or ())
        verdict = "allowed" if decision.allowed else details["decision"]
        arn = self.arn(action)
        return {
            "principal": self.principal.arn,
            "action": action,
            "resource": arn,
            "exists": arn == NO_RESOURCE or self.target.secret is not None,
            **details,
            "decision": verdict,
            "told": told,
        }


def find_principal(tx: Transaction, account_id: str, text: str, now: datetime) -> Principal:
    """Return whom a text names; a role stands for a session of it that is taken now. Raises OperatorError."""
    kind, _, name = text.rpartition(":")[2].partition("/")
    if text.startswith("arn:"):
        account_id = (text.split(":") + [""] * 5)[4]
    if kind == "root" and tx.find_account(account_id) is not None:
        return Principal("Root", root_arn(account_id), account_id, account_id, "")
    session = SESSION_NAME
    if kind == "assumed-role":
        kind, (name, _, session) = "role", name.partition("/")
    if kind in (IdentityKind.USER, IdentityKind.ROLE) and name:
        found = tx.identities.find(IdentityKind(kind), account_id, last_name(name))
        if isinstance(found, User | Role):
            return principal_of(found, now, session)
    raise OperatorError(
        f"There is no principal {text}.",
        why=f"account {account_id} has no such user or role",
        next_step="name one by its ARN, or as user/NAME, role/NAME or root, and the account with --account-id",
    )


def principal_of(identity: User | Role, now: datetime, session: str = SESSION_NAME) -> Principal:
    """Return a user, or a session of a role that begins now."""
    if isinstance(identity, User):
        return Principal("IAMUser", identity.arn, identity.unique_id, identity.account_id, "")
    begun = Session(identity.arn, identity.unique_id, now.replace(microsecond=0))
    return session_principal(identity, session, begun)


def find_target(tx: Transaction, account_id: str, region: str, text: str) -> Target:
    """Return what a name, an ARN or "*" means. Raises OperatorError for text that cannot name a secret."""
    if text == NO_RESOURCE:
        return Target(NO_RESOURCE, None, region)
    try:
        reference = parse_secret_id(text, account_id=account_id, region=region)
    except ServiceError as error:
        raise OperatorError(
            f"{text} cannot name a secret.", why=str(error), next_step="give its name or its ARN, or * for none"
        ) from error
    owner, region = reference.account_id, reference.region
    if reference.arn is not None:
        secret = tx.find_secret_by_arn(owner, region, reference.arn)
    else:
        secret = tx.find_secret(owner, region, reference.name)
    arn = secret.arn if secret is not None else reference.arn or render_arn(region, owner, reference.name)
    return Target(arn, text, region, secret)


def require_secret(target: Target) -> Secret:
    if target.secret is None:
        raise OperatorError(
            f"There is no secret {target.as_sent} in region {target.region}.",
            why="no secret there has this name or ARN",
            next_step="name another --region or --account-id, or the secret by its ARN",
        )
    return target.secret


def action_of(text: str) -> str:
    """Return an action as policies name it, from its full or its short name. Raises OperatorError."""
    service, colon, name = text.rpartition(":")
    if colon and service.lower() != SERVICE:
        return text
    if name.lower() not in _ACTIONS:
        raise OperatorError(
            f"There is no action {text}.",
            why=f"no operation of Secrets Manager is called {name}",
            next_step="name one such as GetSecretValue",
        )
    return f"{SERVICE}:{_ACTIONS[name.lower()]}"


def parse_context(texts: Iterable[str]) -> dict[str, str | list[str]]:
    """Return keys given as KEY=VALUE; a key that is given several times has several values."""
    keys: dict[str, str | list[str]] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise OperatorError(
                f"{text} is no condition key.",
                why="a key of the context is written KEY=VALUE",
                next_step="write --context aws:SourceIp=192.0.2.7",
            )
        present = keys.get(key)
        keys[key] = value if present is None else [*([present] if isinstance(present, str) else present), value]
    return keys
