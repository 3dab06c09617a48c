"""What the issuers of web identity tokens sign with: pinned by the operator, or asked of the issuers.

- A provider with pinned keys is never asked: that serves air-gapped machines.
- Else discovery (OpenID Connect Discovery 1.0): <issuer>/.well-known/openid-configuration names the issuer,
  which must be the very one asked, and its key set.
- Keys are kept for an hour. A token that names an unknown key makes its issuer be asked again, and so does
  the end of the hour; but an issuer is asked once a minute at most, by one thread at a time, whatever comes.
- While an issuer cannot be had, its last keys serve for a day after they were fetched.
- What goes wrong is told to the log. A client hears IDPCommunicationError where another try may help (SDKs
  do try again), else that no key could be retrieved (STS's recorded text).
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from strongroom.authn.bounded_cache import BoundedCache
from strongroom.authn.issuer_fetcher import IssuerFault
from strongroom.authn.json_web_keys import KeySet, KeySetFault, parse_key_set
from strongroom.authn.web_identity import Provider, no_verification_key
from strongroom.clock import Clock
from strongroom.domain.strict_json import parse_object
from strongroom.errors import IDPCommunicationError, ServiceError

LIFETIME: Final = timedelta(hours=1)
PAUSE: Final = timedelta(minutes=1)
STALE_LIFETIME: Final = timedelta(days=1)
MAX_ISSUERS: Final = 256

Fetch = Callable[[str], bytes]
"""Returns the document at a URL; raises IssuerFault."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Held:
    """What is known of an issuer; replaced whole, so that readers need no lock."""

    keys: KeySet | None = None
    fetched_at: datetime | None = None
    asked_at: datetime | None = None
    transient: bool = False


@dataclass(slots=True)
class _Issuer:
    held: _Held = field(default_factory=_Held)
    asking: threading.Lock = field(default_factory=threading.Lock)


class KeySets:
    """The keys of all issuers; any thread may ask for them."""

    def __init__(
        self, fetch: Fetch, clock: Clock, *, http_hosts: Iterable[str] = (), max_issuers: int = MAX_ISSUERS
    ) -> None:
        """Start with no issuer known.

        Args:
            fetch: how documents are had.
            clock: ages the keys.
            http_hosts: the issuers' host names that have no https.
            max_issuers: how many issuers are remembered; the one loaded longest ago is forgotten first.
        """
        self._fetch = fetch
        self._clock = clock
        self._http_hosts = frozenset(host.lower() for host in http_hosts)
        self._max_issuers = max_issuers
        self._issuers: OrderedDict[str, _Issuer] = OrderedDict()
        self._remembering = threading.Lock()
        self._pinned: BoundedCache[str, KeySet] = BoundedCache(2 * max_issuers)

    def allows_http(self, provider: Provider) -> bool:
        """Tell whether the provider's issuer is an http:// URL."""
        host = provider.url.partition("/")[0]
        return host.lower() in self._http_hosts or host.rpartition(":")[0].lower() in self._http_hosts

    def cached(self, provider: Provider, key_id: str | None = None) -> KeySet | None:
        """Return a provider's keys without waiting; None when `load` would have to ask the issuer.

        Raises:
            InvalidIdentityToken: the pinned keys are not usable.
        """
        if provider.key_set is not None:
            return self._read_pinned(provider, provider.key_set)
        issuer = self._issuers.get(provider.url)
        now = self._clock.now()
        if issuer is None:
            return None
        held, keys = issuer.held, _usable(issuer.held, now)
        if not _must_ask(held, key_id, now):
            return keys
        # Somebody is asking already: whose key is known need not wait for the answer.
        known = keys is not None and (key_id is None or keys.knows(key_id))
        return keys if known and issuer.asking.locked() else None

    def load(self, provider: Provider, key_id: str | None = None) -> KeySet:
        """Return a provider's keys, asking its issuer where needed; blocks for some seconds then.

        Args:
            provider: whose keys.
            key_id: the key that a token names; if it is not among the known ones, newer ones are asked for.

        Raises:
            IDPCommunicationError: the issuer cannot be reached at present.
            InvalidIdentityToken: it publishes no keys that could be used.
        """
        known = self.cached(provider, key_id)
        if known is not None:
            return known
        issuer = self._remember(provider.url)
        with issuer.asking:
            now = self._clock.now()
            if _must_ask(issuer.held, key_id, now):
                issuer.held = self._ask(provider, issuer.held, now)
            held = issuer.held
        keys = _usable(held, now)
        if keys is None:
            raise _failure(held)
        return keys

    def _read_pinned(self, provider: Provider, text: str) -> KeySet:
        known = self._pinned.find(text)
        if known is not None:
            return known
        try:
            keys = parse_key_set(text.encode())
        except (KeySetFault, UnicodeEncodeError) as error:
            logger.warning("the pinned keys of %s are not usable: %s", provider.arn, error)
            raise no_verification_key() from None
        self._pinned.keep(text, keys)
        return keys

    def _remember(self, url: str) -> _Issuer:
        with self._remembering:
            issuer = self._issuers.setdefault(url, _Issuer())
            self._issuers.move_to_end(url)
            while len(self._issuers) > self._max_issuers:
                self._issuers.popitem(last=False)
            return issuer

    def _ask(self, provider: Provider, held: _Held, now: datetime) -> _Held:
        scheme = "http" if self.allows_http(provider) else "https"
        try:
            return _Held(discover(f"{scheme}://{provider.url}", self._fetch), fetched_at=now, asked_at=now)
        except (IssuerFault, KeySetFault) as error:
            logger.warning("the keys of %s cannot be had: %s", provider.arn, error)
            transient = isinstance(error, IssuerFault) and error.transient
            return _Held(held.keys, held.fetched_at, asked_at=now, transient=transient)


def discover(issuer: str, fetch: Fetch) -> KeySet:
    """Ask an issuer for its keys.

    Raises:
        IssuerFault: a document cannot be had, or is not what it should be.
        KeySetFault: the key set is not usable.
    """
    try:
        configuration = parse_object(fetch(f"{issuer.removesuffix('/')}/.well-known/openid-configuration"))
    except ValueError as error:
        raise IssuerFault(f"the configuration is not strict JSON: {error}") from None
    if configuration.get("issuer") != issuer:
        raise IssuerFault("the configuration is that of another issuer")
    jwks_uri = configuration.get("jwks_uri")
    if not isinstance(jwks_uri, str):
        raise IssuerFault("the configuration names no jwks_uri")
    return parse_key_set(fetch(jwks_uri))


def _must_ask(held: _Held, key_id: str | None, now: datetime) -> bool:
    """Tell whether the issuer is to be asked now. A clock that was set back makes nothing last longer."""
    if held.asked_at is not None and timedelta(0) <= now - held.asked_at < PAUSE:
        return False
    if held.keys is None or held.fetched_at is None:
        return True
    in_time = timedelta(0) <= now - held.fetched_at < LIFETIME
    return not in_time or (key_id is not None and not held.keys.knows(key_id))


def _usable(held: _Held, now: datetime) -> KeySet | None:
    if held.fetched_at is None or now - held.fetched_at >= STALE_LIFETIME:
        return None
    return held.keys


def _failure(held: _Held) -> ServiceError:
    if not held.transient:
        return no_verification_key()
    return IDPCommunicationError(
        "The identity provider that was asked to verify the incoming identity token could not be reached."
    )
