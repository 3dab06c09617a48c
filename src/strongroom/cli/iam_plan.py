"""What must be done so that an account has the identities that a file declares.

Rules:
- What is declared is as declared: policies, memberships, tags, audiences and boundaries that the file does not name
  are taken away. Path, description and length of sessions stay as they are where the file says nothing.
- The one exception is the policy that ends a role's older sessions: taken away, it would let them live again.
- What is made carries the tag `MARK`. Pruning deletes what carries it and is declared no longer; groups cannot carry
  tags and are never deleted, nor is what people made.
- A policy that is in use elsewhere is not detached to be deleted: that could widen what its holders may do.
- Policies and providers come before those that name them, and a role after the roles that it trusts.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from strongroom.cli import iam_holders, iam_policies, iam_providers
from strongroom.cli.iam_desk import IamCalls
from strongroom.cli.iam_document import MARK, Declaration, Group, ManagedPolicy, Provider, Role, User, fault
from strongroom.cli.iam_roles import REVOCATION
from strongroom.companions.iam.roles import shown_trust_policy
from strongroom.companions.iam.shapes import Tag
from strongroom.domain import aws_managed_policies
from strongroom.domain.identity import AWS_POLICY_PREFIX, IdentityKind, arn_of, name_key

CREATE, CHANGE, DELETE = "create", "change", "delete"

_BATCH: Final = 1_000
_NOUNS: Final = {
    IdentityKind.USER: "User",
    IdentityKind.ROLE: "Role",
    IdentityKind.POLICY: "Policy",
    IdentityKind.PROVIDER: "OpenIDConnectProvider",
}
_MARKED: Final = [Tag(key=MARK, value="true")]


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do, and how it is told."""

    text: str
    do: Callable[[IamCalls], object]


@dataclass(frozen=True, slots=True)
class Step:
    """All that is to be done to one entity."""

    verb: str
    kind: IdentityKind
    name: str
    actions: tuple[Action, ...]


def plan(iam: IamCalls, path: Path, declared: Declaration, *, prune: bool) -> list[Step]:
    """Return the steps, in their order; none when all is as declared.

    Raises:
        OperatorError: something is declared that no change leads to.
    """
    planner = _Planner(iam, path, declared)
    steps = [
        *(planner.policy(name, entry) for name, entry in declared.policies.items()),
        *(planner.provider(url, entry) for url, entry in declared.providers.items()),
        *(planner.group(name, entry) for name, entry in declared.groups.items()),
        *(planner.user(name, entry) for name, entry in declared.users.items()),
        *(planner.role(name, entry) for name, entry in _in_order(declared.roles)),
        *(planner.deletions() if prune else ()),
    ]
    return [step for step in steps if step.actions]


def _in_order(roles: Mapping[str, Role]) -> Iterator[tuple[str, Role]]:
    """Yield the roles, each after those that its trust policy names; of a circle, as they stand."""
    waiting = dict(roles)
    while waiting:
        free = [
            name
            for name, role in waiting.items()
            if not any(f'/{other}"' in str(role.trust) for other in waiting if other != name)
        ]
        for name in free or list(waiting):
            yield name, waiting.pop(name)


@dataclass(frozen=True, slots=True)
class _Planner:
    iam: IamCalls
    path: Path
    declared: Declaration

    @property
    def account_id(self) -> str:
        return self.iam.desk.config.account_id

    def find(self, kind: IdentityKind, name: str) -> Any:
        return self.iam.tx.identities.find(kind, self.account_id, name)

    def policy(self, name: str, entry: ManagedPolicy) -> Step:
        found, document = self.find(IdentityKind.POLICY, name), str(entry.document)
        if found is None:
            make = _call(
                "make it",
                "CreatePolicy",
                policy_name=name,
                path=entry.path,
                description=entry.description,
                policy_document=document,
                tags=_tags_of(entry.tags) + _MARKED,
            )
            return Step(CREATE, IdentityKind.POLICY, name, (make,))
        place = f"policies.{name}"
        self.require_same(f"{place}.path", found.path, entry.path)
        self.require_same(f"{place}.description", found.description, entry.description)
        versions = self.iam.tx.identities.policy_versions(found.arn)
        actions = []
        if not _is_same(document, next(version.document for version in versions if version.is_default)):
            actions.append(
                Action("put another version in force", lambda iam: iam_policies.put_version(iam, found.arn, document))
            )
        return Step(CHANGE, IdentityKind.POLICY, name, (*actions, *_tag_actions(found, entry.tags)))

    def provider(self, url: str, entry: Provider) -> Step:
        name = url.removeprefix("https://")
        found, arn = self.find(IdentityKind.PROVIDER, name), arn_of(IdentityKind.PROVIDER, self.account_id, "/", name)
        pin = Action("pin its keys" if entry.jwks_file else "pin no keys", partial(_pin, arn, entry.jwks_file))
        if found is None:
            make = _call(
                "make it",
                "CreateOpenIDConnectProvider",
                url=url,
                client_ids=entry.audiences,
                tags=_tags_of(entry.tags) + _MARKED,
            )
            return Step(CREATE, IdentityKind.PROVIDER, url, (make, pin) if entry.jwks_file else (make,))
        of_provider = partial(_call, provider_arn=arn)
        gone = [each for each in found.client_ids if each not in entry.audiences]
        new = [each for each in dict.fromkeys(entry.audiences) if each not in found.client_ids]
        actions = (
            *(
                of_provider(f"remove audience {each}", "RemoveClientIDFromOpenIDConnectProvider", client_id=each)
                for each in gone
            ),
            *(
                of_provider(f"add audience {each}", "AddClientIDToOpenIDConnectProvider", client_id=each)
                for each in new
            ),
            *([pin] if found.key_set != entry.jwks_file else []),
            *_tag_actions(found, entry.tags),
        )
        return Step(CHANGE, IdentityKind.PROVIDER, url, actions)

    def group(self, name: str, entry: Group) -> Step:
        found = self.find(IdentityKind.GROUP, name)
        actions = list(self.policy_actions(IdentityKind.GROUP, name, entry, found))
        if found is None:
            make = _call("make it", "CreateGroup", group_name=name, path=entry.path)
            return Step(CREATE, IdentityKind.GROUP, name, (make, *actions))
        if entry.path not in (None, found.path):
            actions.insert(
                0, _call(f"move it to {entry.path}", "UpdateGroup", group_name=found.name, new_path=entry.path)
            )
        return Step(CHANGE, IdentityKind.GROUP, name, tuple(actions))

    def user(self, name: str, entry: User) -> Step:
        found = self.find(IdentityKind.USER, name)
        present = [] if found is None else [group.name for group in self.iam.tx.identities.groups_of(found)]
        wanted = [group.name if (group := self.find(IdentityKind.GROUP, each)) else each for each in entry.groups]
        member = partial(_call, user_name=name)
        actions = [
            *self.boundary_actions(IdentityKind.USER, name, entry.boundary, found),
            *self.policy_actions(IdentityKind.USER, name, entry, found),
            *(
                member(f"take it out of group {group}", "RemoveUserFromGroup", group_name=group)
                for group in _without(present, wanted)
            ),
            *(
                member(f"put it into group {group}", "AddUserToGroup", group_name=group)
                for group in _without(wanted, present)
            ),
        ]
        if found is None:
            tags = _tags_of(entry.tags) + _MARKED
            return Step(
                CREATE, IdentityKind.USER, name, (member("make it", "CreateUser", path=entry.path, tags=tags), *actions)
            )
        if entry.path not in (None, found.path):
            actions.insert(0, member(f"move it to {entry.path}", "UpdateUser", new_path=entry.path))
        return Step(CHANGE, IdentityKind.USER, name, (*actions, *_tag_actions(found, entry.tags)))

    def role(self, name: str, entry: Role) -> Step:
        found, trust = self.find(IdentityKind.ROLE, name), str(entry.trust)
        of_role = partial(_call, role_name=name)
        actions = [
            *self.boundary_actions(IdentityKind.ROLE, name, entry.boundary, found),
            *self.policy_actions(IdentityKind.ROLE, name, entry, found),
        ]
        if found is None:
            make = of_role(
                "make it",
                "CreateRole",
                path=entry.path,
                description=entry.description,
                max_session_duration=entry.max_session,
                assume_role_policy_document=trust,
                tags=_tags_of(entry.tags) + _MARKED,
            )
            return Step(CREATE, IdentityKind.ROLE, name, (make, *actions))
        self.require_same(f"roles.{name}.path", found.path, entry.path)
        if not _is_same(trust, shown_trust_policy(self.iam.tx, found)):
            actions.append(of_role("change whom it trusts", "UpdateAssumeRolePolicy", policy_document=trust))
        said = (entry.description or found.description, entry.max_session or found.max_session_seconds)
        if said != (found.description, found.max_session_seconds):
            actions.append(
                of_role(
                    "change its description or the length of its sessions",
                    "UpdateRole",
                    description=said[0],
                    max_session_duration=said[1],
                )
            )
        return Step(CHANGE, IdentityKind.ROLE, name, (*actions, *_tag_actions(found, entry.tags)))

    def policy_actions(self, kind: IdentityKind, name: str, entry: Any, found: Any) -> Iterator[Action]:
        """Yield what gives a holder the policies it is to have, and no others."""
        noun, member = kind.value.title(), {f"{kind.value}_name": name}
        identities = self.iam.tx.identities
        present = [] if found is None else list(identities.attachments(found))
        wanted = [self.policy_arn(f"{kind.value}s.{name}.attached", policy) for policy in entry.attached]
        for arn in _without(present, wanted):
            yield _call(f"detach {arn}", f"Detach{noun}Policy", policy_arn=arn, **member)
        for arn in _without(wanted, present):
            yield _call(f"attach {arn}", f"Attach{noun}Policy", policy_arn=arn, **member)
        inline = {} if found is None else identities.inline_policies(found)
        for policy in _without(inline, [*entry.policies, REVOCATION]):
            yield _call(f"delete policy {policy}", f"Delete{noun}Policy", policy_name=policy, **member)
        changed = [policy for policy, text in entry.policies.items() if not _is_same(text, inline.get(policy, ""))]
        # What shrinks goes first: all together have a quota.
        for policy in sorted(changed, key=lambda each: len(entry.policies[each]) - len(inline.get(each, ""))):
            document = entry.policies[policy]
            yield _call(
                f"write policy {policy}",
                f"Put{noun}Policy",
                policy_name=policy,
                policy_document=document,
                **member,
            )

    def boundary_actions(self, kind: IdentityKind, name: str, boundary: str | None, found: Any) -> Iterator[Action]:
        noun, member = kind.value.title(), {f"{kind.value}_name": name}
        wanted = None if boundary is None else self.policy_arn(f"{kind.value}s.{name}.boundary", boundary)
        if wanted == (None if found is None else found.boundary_arn):
            return
        if wanted is None:
            yield _call("take away its boundary", f"Delete{noun}PermissionsBoundary", **member)
        else:
            operation = f"Put{noun}PermissionsBoundary"
            yield _call(f"bound it by {wanted}", operation, permissions_boundary=wanted, **member)

    def policy_arn(self, place: str, policy: str) -> str:
        """Return the ARN that a policy has or will have. Raises OperatorError for one that is nowhere."""
        if policy.startswith("arn:"):
            return policy
        found = self.find(IdentityKind.POLICY, policy)
        if found is not None:
            return str(found.arn)
        if policy in self.declared.policies:
            return arn_of(IdentityKind.POLICY, self.account_id, self.declared.policies[policy].path or "/", policy)
        if aws_managed_policies.find_document(AWS_POLICY_PREFIX + policy) is not None:
            return AWS_POLICY_PREFIX + policy
        raise fault(self.path, place, f"there is no policy {policy}: neither declared, nor in the account, nor AWS's")

    def require_same(self, place: str, present: str | None, wanted: str | None) -> None:
        if wanted is not None and wanted != (present or ""):
            raise fault(self.path, place, f"it is {present!r} and IAM cannot change it; delete the entity, or keep it")

    def deletions(self) -> Iterator[Step]:
        """Yield the ends of what a declaration made and declares no longer."""
        for kind, section, end in (
            (IdentityKind.ROLE, self.declared.roles, _delete_holder),
            (IdentityKind.USER, self.declared.users, _delete_holder),
            (IdentityKind.PROVIDER, self.declared.providers, _delete_provider),
            (IdentityKind.POLICY, self.declared.policies, _delete_policy),
        ):
            kept = {name_key(kind, name.removeprefix("https://")) for name in section}
            for entity in self._all(kind):
                if name_key(kind, entity.name) not in kept and any(tag.key == MARK for tag in entity.tags):
                    yield Step(DELETE, kind, entity.name, (Action("delete it", partial(end, entity)),))

    def _all(self, kind: IdentityKind) -> list[Any]:
        found: list[Any] = []
        while True:
            after = name_key(kind, found[-1].name) if found else ""
            batch = self.iam.tx.identities.page(kind, self.account_id, after=after, limit=_BATCH)
            found += batch
            if len(batch) < _BATCH:
                return found


def _call(text: str, operation: str, **members: Any) -> Action:
    return Action(text, lambda iam: iam(operation, **members))


def _pin(arn: str, key_set: str | None, iam: IamCalls) -> None:
    iam_providers.pin(iam, arn, key_set)


def _delete_holder(entity: Any, iam: IamCalls) -> None:
    iam_holders.delete(iam, entity.kind, entity.name, force=True)


def _delete_provider(entity: Any, iam: IamCalls) -> None:
    iam("DeleteOpenIDConnectProvider", provider_arn=entity.arn)


def _delete_policy(entity: Any, iam: IamCalls) -> None:
    iam_policies.delete_policy(iam, entity.arn, force=False)


def _tags_of(tags: Mapping[str, str]) -> list[Tag]:
    return [Tag(key=key, value=value) for key, value in tags.items()]


def _tag_actions(entity: Any, wanted: Mapping[str, str]) -> Iterator[Action]:
    noun = _NOUNS[entity.kind]
    member = {
        IdentityKind.POLICY: {"policy_arn": entity.arn},
        IdentityKind.PROVIDER: {"provider_arn": entity.arn},
    }.get(entity.kind, {f"{entity.kind.value}_name": entity.name})
    present = {tag.key: tag.value for tag in entity.tags}
    if gone := _without(present, [*wanted, MARK]):
        yield _call(f"remove tags {', '.join(gone)}", f"Untag{noun}", tag_keys=gone, **member)
    if new := {key: value for key, value in wanted.items() if present.get(key) != value}:
        yield _call(f"write tags {', '.join(new)}", f"Tag{noun}", tags=_tags_of(new), **member)


def _without(texts: Iterable[str], others: Iterable[str]) -> list[str]:
    gone = set(others)
    return [text for text in dict.fromkeys(texts) if text not in gone]


def _is_same(document: str, other: str) -> bool:
    """Return whether two documents say the same: white space and the order of members do not count."""
    try:
        return document == other or bool(json.loads(document) == json.loads(other))
    except ValueError:
        return False
