"""What the handler of a companion service's operation is given: the caller, one instant, one transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from strongroom.audit.record import Origin
from strongroom.authn.access_keys import AccessKeys
from strongroom.authn.key_sets import KeySets
from strongroom.authn.sessions import SessionTokens
from strongroom.authn.web_identity import Provider
from strongroom.authorization import Authorizer
from strongroom.crypto.page_tokens import PageTokens
from strongroom.domain.principal import Principal
from strongroom.entropy import Entropy
from strongroom.storage.base import Transaction

T = TypeVar("T")


class KeysWantedError(Exception):
    """An identity provider's keys must be fetched before the call can be performed."""

    def __init__(self, provider: Provider, key_id: str | None) -> None:
        super().__init__(provider.url)
        self.provider = provider
        self.key_id = key_id


class CompanionCall(msgspec.Struct, frozen=True):
    """One call in progress.

    `principal` and `authorizer` are absent where the operation is open to everyone. `account_id` is the
    caller's, or that of the server where nobody has proven who calls. `record_as` puts another identity
    on the audit record than that of an unknown caller. `event_days` is how long events of the trail can be
    looked up.
    """

    caller: Principal | None
    account_id: str
    region: str
    origin: Origin
    now: datetime
    tx: Transaction
    entropy: Entropy
    access_keys: AccessKeys
    sessions: SessionTokens
    key_sets: KeySets
    page_tokens: PageTokens
    event_days: int
    decider: Authorizer | None
    record_as: Callable[[Mapping[str, Any]], None]

    @property
    def principal(self) -> Principal:
        return _known(self.caller)

    @property
    def authorizer(self) -> Authorizer:
        return _known(self.decider)


def _known(of_caller: T | None) -> T:
    if of_caller is None:
        raise LookupError("the operation declares that anyone may call it")
    return of_caller
