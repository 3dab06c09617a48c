"""`strongroom policy unused`: identities and permissions that nobody has used.

Rules:
- A user, role or key is unused if neither its keys' last use nor a record of the local trails falls into the days;
  what is younger than that is left out.
- An action is granted when a statement that counts for the principal allows it on anything and its boundary does as
  well; a Deny without condition on every resource takes it away. It is used when a call of it was not denied.
- The trails are those of this node. What other nodes recorded is not seen, and what they cover is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

import typer

from strongroom.audit.record import event_time
from strongroom.audit.search import Uses, uses_in
from strongroom.authorization import standing_of
from strongroom.cli.iam_access_keys import NEVER
from strongroom.cli.iam_desk import IamDesk, on_deployment
from strongroom.cli.options import AsJson
from strongroom.cli.output import print_json
from strongroom.cli.policy_explanation import trails_of
from strongroom.cli.policy_question import SERVICE, principal_of
from strongroom.domain.identity import IdentityKind, Role, User, name_key
from strongroom.operations import OPERATIONS
from strongroom.policy.document import Effect, Policy, Statement
from strongroom.storage.base import AccessKeyRow, Transaction

_BATCH: Final = 1_000
_ACTIONS: Final = sorted(f"{SERVICE}:{name}" for name in OPERATIONS)


@on_deployment
def unused(
    desk: IamDesk,
    days: Annotated[int, typer.Option(min=1, help="Days without use.")],
    as_json: AsJson = False,
) -> None:
    """Show users, roles and keys that were not used, and permissions that were not."""
    since = desk.desk.now - timedelta(days=days)
    uses = uses_in(trails_of(desk.desk.config), event_time(since))
    report = desk.desk.storage.read(lambda tx: _report(tx, desk, uses, since))
    if as_json:
        print_json(report)
        return
    typer.echo("\n".join(_told(report, days)))


def _report(tx: Transaction, desk: IamDesk, uses: Uses, since: datetime) -> dict[str, Any]:
    identities, keys, actions = [], [], []
    for identity in _identities(tx, desk.account_id):
        own_keys = list(tx.identities.access_keys_of(identity.unique_id))
        last = max((_last_use(tx, key, uses) for key in own_keys), default="")
        last = max(last, uses.last.get(identity.unique_id, ""))
        if identity.created_at < since and last < event_time(since):
            identities.append({"arn": identity.arn, "lastUsed": last or NEVER})
        for key in own_keys:
            used = _last_use(tx, key, uses)
            if key.created_at < since and used < event_time(since):
                keys.append({"accessKeyId": key.access_key_id, "user": identity.arn, "lastUsed": used or NEVER})
        done = uses.actions.get(identity.unique_id, set())
        rest = [action for action in _granted(tx, identity, desk.desk.now) if action not in done]
        if rest:
            actions.append({"arn": identity.arn, "unusedActions": rest})
    span = {"first": uses.first_time, "last": uses.last_time}
    return {"trails": span, "identities": identities, "accessKeys": keys, "permissions": actions}


def _identities(tx: Transaction, account_id: str) -> Iterator[User | Role]:
    for kind in (IdentityKind.USER, IdentityKind.ROLE):
        after = ""
        while batch := tx.identities.page(kind, account_id, after=after, limit=_BATCH):
            yield from batch
            after = name_key(kind, batch[-1].name)


def _last_use(tx: Transaction, key: AccessKeyRow, uses: Uses) -> str:
    """Return when a key was used last, as the trail writes it; empty for never."""
    use = tx.identities.key_use(key.access_key_id)
    return max("" if use is None else event_time(use.used_at), uses.last.get(key.access_key_id, ""))


def _granted(tx: Transaction, identity: User | Role, now: datetime) -> list[str]:
    standing = standing_of(tx, principal_of(identity, now))
    bounds = [] if standing.boundary is None else [standing.boundary]
    return [
        action
        for action in _ACTIONS
        if _allows(standing.identity, action)
        and (not bounds or _allows(bounds, action))
        and not any(_denies_all(each) for each in _statements((*standing.identity, *bounds), action))
    ]


def _allows(policies: Iterable[Policy], action: str) -> bool:
    return any(each.effect is Effect.ALLOW for each in _statements(policies, action))


def _denies_all(statement: Statement) -> bool:
    everything = statement.resources is None or ("*" in statement.resources.written and not statement.resources.negated)
    return statement.effect is Effect.DENY and everything and not statement.conditions


def _statements(policies: Iterable[Policy], action: str) -> Iterator[Statement]:
    return (statement for policy in policies for statement in policy.statements_on(action))


def _told(report: dict[str, Any], days: int) -> Iterator[str]:
    span = report["trails"]
    if span["first"] is None:
        yield "The trails of this node hold no record yet."
    else:
        yield f"The trails of this node cover {span['first']} to {span['last']}; those of other nodes are not seen."
    yield f"Not used in {days} days:"
    for identity in report["identities"]:
        yield f"  {identity['arn']}  (last use: {identity['lastUsed']})"
    for key in report["accessKeys"]:
        yield f"  access key {key['accessKeyId']} of {key['user']}  (last use: {key['lastUsed']})"
    yield f"Granted, and not used in {days} days:"
    for granted in report["permissions"]:
        yield f"  {granted['arn']}"
        yield f"    {', '.join(granted['unusedActions'])}"
