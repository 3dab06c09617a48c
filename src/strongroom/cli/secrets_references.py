"""What refers to a secret: policies that name it, and other secrets that mention it.

Rules:
- A policy names a secret if a resource of a statement, wildcards and all, matches its ARN and says more than "any
  secret", or if its ARN or name stands somewhere else in the document, as in a condition.
- A secret mentions another one if its description, a tag or a policy has the other's ARN, or its name as a whole word.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from strongroom.domain.identity import IdentityKind
from strongroom.domain.listing import Listing, SortBy
from strongroom.domain.secret import Secret
from strongroom.policy.matching import parse_glob
from strongroom.storage.base import Transaction

PAGE: Final = 500

_HOLDERS: Final = (IdentityKind.USER, IdentityKind.GROUP, IdentityKind.ROLE)
_WORD: Final = r"A-Za-z0-9/_+=.@!-"
_ANY_SECRET: Final = re.compile(r"\*|arn:[^:]*:[^:]*:[^:]*:[^:]*:(\*.*|secret:[*?]+)")


@dataclass(frozen=True, slots=True)
class PolicyReference:
    """A policy that names a secret: of what kind, whose, and what in it does."""

    kind: str
    holder: str
    policy: str
    named_by: tuple[str, ...]


def references_in(tx: Transaction, secret: Secret) -> list[PolicyReference]:
    """Return the policies of a secret's account that name it, its own ones first."""
    own = [PolicyReference("resource", secret.arn, name, ()) for name in tx.policies(secret)]
    return own + list(_of_holders(tx, secret)) + list(_managed(tx, secret))


def mentions_of(tx: Transaction, secret: Secret) -> list[str]:
    """Return the names of other secrets in the same place that mention a secret."""
    pattern = re.compile(rf"{re.escape(secret.arn)}|(?<![{_WORD}]){re.escape(secret.name)}(?![{_WORD}])")
    return [
        other.name
        for other in secrets_in(tx, secret.account_id, secret.region)
        if _mentions(tx, other, secret, pattern)
    ]


def secrets_in(tx: Transaction, account_id: str, region: str, prefix: str = "") -> Iterator[Secret]:
    """Yield the secrets of a place in the order of their names, those scheduled for deletion too."""
    listing, after = Listing(account_id, region, SortBy.NAME), None
    while True:
        page = tx.listings.page(listing, after, PAGE, name_prefix=prefix)
        yield from page.secrets
        if page.end is None:
            return
        after = page.end


def naming_parts(document: str, secret: Secret) -> tuple[str, ...]:
    """Return what in a policy names a secret."""
    try:
        content = json.loads(document)
    except ValueError:
        return ()
    texts = sorted(set(_texts(content)))
    return tuple(text for text in texts if _names(text, secret))


def _names(text: str, secret: Secret) -> bool:
    if text == secret.name or secret.arn in text:
        return True
    is_pattern = text.startswith("arn:") and not _ANY_SECRET.fullmatch(text)
    return is_pattern and parse_glob(text).matches(secret.arn)


def _texts(content: Any) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, dict):
        for value in content.values():
            yield from _texts(value)
    elif isinstance(content, list):
        for value in content:
            yield from _texts(value)


def _identities(tx: Transaction, account_id: str, kind: IdentityKind) -> Iterator[Any]:
    after = ""
    while page := tx.identities.page(kind, account_id, after=after, limit=PAGE):
        yield from page
        after = page[-1].name.lower()


def _of_holders(tx: Transaction, secret: Secret) -> Iterable[PolicyReference]:
    for kind in _HOLDERS:
        for holder in _identities(tx, secret.account_id, kind):
            for name, document in tx.identities.inline_policies(holder).items():
                if parts := naming_parts(document, secret):
                    yield PolicyReference("identity", holder.arn, name, parts)


def _managed(tx: Transaction, secret: Secret) -> Iterable[PolicyReference]:
    for policy in _identities(tx, secret.account_id, IdentityKind.POLICY):
        document = next(version.document for version in tx.identities.policy_versions(policy.arn) if version.is_default)
        parts = naming_parts(document, secret)
        if not parts:
            continue
        holders = [holder.arn for holder in tx.identities.holders_of(secret.account_id, policy.arn)]
        for holder in holders or ["(attached to nobody)"]:
            yield PolicyReference("managed", holder, policy.arn, parts)


def _mentions(tx: Transaction, other: Secret, secret: Secret, pattern: re.Pattern[str]) -> bool:
    if other.arn == secret.arn:
        return False
    texts = [other.description, *(text for tag in other.tags or () for text in (tag.key, tag.value))]
    texts += [policy.document for policy in tx.policies(other).values()]
    return any(pattern.search(text) for text in texts)
