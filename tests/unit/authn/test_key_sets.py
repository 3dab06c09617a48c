"""When an issuer is asked for its keys, what is kept of its answers, and what callers hear when it fails."""

from __future__ import annotations

import json
import logging
import threading
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from strongroom.authn.issuer_fetcher import IssuerFault
from strongroom.authn.json_web_keys import KeySet
from strongroom.authn.key_sets import LIFETIME, PAUSE, STALE_LIFETIME, KeySets
from strongroom.authn.web_identity import COULD_NOT_RETRIEVE_KEY, Provider
from strongroom.errors import IDPCommunicationError, InvalidIdentityToken
from support.clock import FrozenClock
from support.issuer import CONFIGURATION_PATH, TokenIssuer, public_jwk

UNREACHABLE = "The identity provider that was asked to verify the incoming identity token could not be reached."
JUST = timedelta(microseconds=1)


class Publisher:
    """A `Fetch` over issuers without a network: counts, fails and waits as a test wants."""

    def __init__(self, *issuers: TokenIssuer) -> None:
        self.issuers = {issuer.url: issuer for issuer in issuers}
        self.asked: Counter[str] = Counter()
        self.fault: Exception | None = None
        self.configuration: dict[str, Any] = {}
        self.before_answer: Callable[[], object] = lambda: None

    def __call__(self, url: str) -> bytes:
        self.asked[url] += 1
        self.before_answer()
        if self.fault is not None:
            raise self.fault
        if url.endswith(CONFIGURATION_PATH):
            issuer = url.removesuffix(CONFIGURATION_PATH)
            document = {"issuer": issuer, "jwks_uri": f"{issuer}/keys"} | self.configuration
            return json.dumps({name: value for name, value in document.items() if value is not None}).encode()
        return self.issuers[url.removesuffix("/keys")].jwks().encode()

    @property
    def times(self) -> int:
        return sum(count for url, count in self.asked.items() if url.endswith(CONFIGURATION_PATH))


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def issuer() -> TokenIssuer:
    return TokenIssuer()


@pytest.fixture
def publisher(issuer: TokenIssuer) -> Publisher:
    return Publisher(issuer)


@pytest.fixture
def key_sets(publisher: Publisher, clock: FrozenClock) -> KeySets:
    return KeySets(publisher, clock)


def provider_of(issuer: TokenIssuer, key_set: str | None = None) -> Provider:
    arn = f"arn:aws:iam::123456789012:oidc-provider/{issuer.provider_url}"
    return Provider(arn, issuer.provider_url, ("sts.amazonaws.com",), key_set)


def ids(keys: KeySet | None) -> list[str | None]:
    assert keys is not None
    return [key.key_id for key in keys.keys]


def hears(error: type[Exception], message: str, key_sets: KeySets, provider: Provider, key_id: str = "RS256-0") -> None:
    with pytest.raises(error) as caught:
        key_sets.load(provider, key_id)
    assert str(caught.value) == message


# Discovery


def test_keys_are_found_where_the_configuration_says(key_sets, publisher, issuer):
    assert ids(key_sets.load(provider_of(issuer), "RS256-0")) == ["RS256-0"]
    assert publisher.asked == {issuer.url + CONFIGURATION_PATH: 1, issuer.url + "/keys": 1}


def test_the_configuration_of_an_issuer_that_ends_in_a_slash_has_no_second_one(clock):
    publisher = Publisher()
    publisher.fault = IssuerFault("stop here")
    with pytest.raises(InvalidIdentityToken):
        KeySets(publisher, clock).load(Provider("arn", "issuer.example.com/", ()))
    assert list(publisher.asked) == ["https://issuer.example.com/.well-known/openid-configuration"]


@pytest.mark.parametrize("claimed", ["https://issuer.example.com/id/A2", "https://issuer.example.com/id/A1/", None, 1])
def test_the_configuration_of_another_issuer_is_refused(key_sets, publisher, issuer, claimed):
    publisher.configuration = {"issuer": claimed}
    hears(InvalidIdentityToken, COULD_NOT_RETRIEVE_KEY, key_sets, provider_of(issuer))
    assert publisher.asked[issuer.url + "/keys"] == 0


@pytest.mark.parametrize("jwks_uri", [None, 1, ["https://issuer.example.com/keys"]])
def test_a_configuration_without_key_set_is_refused(key_sets, publisher, issuer, jwks_uri):
    publisher.configuration = {"jwks_uri": jwks_uri}
    hears(InvalidIdentityToken, COULD_NOT_RETRIEVE_KEY, key_sets, provider_of(issuer))


def test_a_key_set_that_is_not_usable_is_refused(key_sets, issuer):
    issuer.published = [{"kty": "oct", "k": "c2VjcmV0"}]
    hears(InvalidIdentityToken, COULD_NOT_RETRIEVE_KEY, key_sets, provider_of(issuer))


def test_an_issuer_without_tls_is_asked_over_http_where_listed(clock):
    issuer = TokenIssuer(url="http://issuer.internal:8080/x")
    publisher = Publisher(issuer)
    key_sets = KeySets(publisher, clock, http_hosts=["Issuer.Internal"])
    assert key_sets.allows_http(provider_of(issuer))
    assert ids(key_sets.load(provider_of(issuer))) == ["RS256-0"]
    assert all(url.startswith("http://") for url in publisher.asked)
    assert not key_sets.allows_http(provider_of(TokenIssuer()))


# What is kept


def test_nothing_is_cached_before_it_was_loaded(key_sets, issuer):
    assert key_sets.cached(provider_of(issuer), "RS256-0") is None


def test_keys_serve_for_their_lifetime_without_asking(key_sets, publisher, issuer, clock):
    key_sets.load(provider_of(issuer), "RS256-0")
    clock.advance(LIFETIME - JUST)
    assert ids(key_sets.cached(provider_of(issuer), "RS256-0")) == ["RS256-0"]
    clock.advance(JUST)
    assert key_sets.cached(provider_of(issuer), "RS256-0") is None
    key_sets.load(provider_of(issuer), "RS256-0")
    assert publisher.times == 2


def test_a_new_key_is_asked_for_as_soon_as_a_token_names_it(key_sets, publisher, issuer, clock):
    key_sets.load(provider_of(issuer), "RS256-0")
    clock.advance(PAUSE)
    issuer.rotate()
    assert key_sets.cached(provider_of(issuer), "RS256-1") is None
    assert ids(key_sets.load(provider_of(issuer), "RS256-1")) == ["RS256-0", "RS256-1"]
    assert publisher.times == 2


def test_invented_key_ids_make_an_issuer_be_asked_once_a_minute_only(key_sets, publisher, issuer, clock):
    for number in range(100):
        assert ids(key_sets.load(provider_of(issuer), f"invented-{number}")) == ["RS256-0"]
    assert publisher.times == 1
    assert key_sets.cached(provider_of(issuer), "invented") is not None
    clock.advance(PAUSE - JUST)
    key_sets.load(provider_of(issuer), "invented")
    assert publisher.times == 1
    clock.advance(JUST)
    key_sets.load(provider_of(issuer), "invented")
    assert publisher.times == 2


def test_a_key_that_the_issuer_withdrew_is_gone_with_the_lifetime(key_sets, issuer, clock):
    key_sets.load(provider_of(issuer), "RS256-0")
    issuer.published = [public_jwk(number=1)]
    clock.advance(LIFETIME)
    assert ids(key_sets.load(provider_of(issuer), "RS256-0")) == ["RS256-1"]


def test_a_clock_that_is_set_back_makes_nothing_last_longer(key_sets, publisher, issuer, clock):
    key_sets.load(provider_of(issuer), "RS256-0")
    clock.advance(-timedelta(days=2))
    assert key_sets.cached(provider_of(issuer), "RS256-0") is None
    key_sets.load(provider_of(issuer), "RS256-0")
    assert publisher.times == 2


def test_the_number_of_issuers_that_are_remembered_is_bounded(clock):
    issuers = [TokenIssuer(url=f"https://issuer-{number}.example.com") for number in range(5)]
    key_sets = KeySets(Publisher(*issuers), clock, max_issuers=3)
    for issuer in issuers:
        key_sets.load(provider_of(issuer))
    assert [key_sets.cached(provider_of(issuer)) is not None for issuer in issuers] == [False, False, True, True, True]


# Failures


@pytest.mark.parametrize(("transient", "error"), [(True, IDPCommunicationError), (False, InvalidIdentityToken)])
def test_who_may_try_again_hears_another_error_than_who_may_not(key_sets, publisher, issuer, transient, error):
    publisher.fault = IssuerFault("10.1.2.3 said something", transient=transient)
    message = UNREACHABLE if transient else COULD_NOT_RETRIEVE_KEY
    hears(error, message, key_sets, provider_of(issuer))


def test_the_reason_goes_to_the_log_alone(key_sets, publisher, issuer, caplog):
    publisher.fault = IssuerFault("10.1.2.3 said something", transient=True)
    with caplog.at_level(logging.WARNING):
        hears(IDPCommunicationError, UNREACHABLE, key_sets, provider_of(issuer))
    assert "10.1.2.3 said something" in caplog.text
    assert provider_of(issuer).arn in caplog.text


def test_an_issuer_that_failed_is_left_alone_for_a_minute(key_sets, publisher, issuer, clock):
    publisher.fault = IssuerFault("down", transient=True)
    for _ in range(10):
        hears(IDPCommunicationError, UNREACHABLE, key_sets, provider_of(issuer))
    assert publisher.times == 1
    publisher.fault = None
    clock.advance(PAUSE)
    assert ids(key_sets.load(provider_of(issuer), "RS256-0")) == ["RS256-0"]


def test_the_last_keys_serve_for_a_day_while_an_issuer_cannot_be_had(key_sets, publisher, issuer, clock):
    key_sets.load(provider_of(issuer), "RS256-0")
    publisher.fault = IssuerFault("down", transient=True)
    clock.advance(STALE_LIFETIME - JUST)
    assert ids(key_sets.load(provider_of(issuer), "RS256-0")) == ["RS256-0"]
    assert ids(key_sets.cached(provider_of(issuer), "RS256-0")) == ["RS256-0"]
    clock.advance(JUST)
    assert key_sets.cached(provider_of(issuer), "RS256-0") is None
    hears(IDPCommunicationError, UNREACHABLE, key_sets, provider_of(issuer))


# Pinned keys


def test_pinned_keys_need_no_issuer(key_sets, publisher, issuer):
    provider = provider_of(issuer, issuer.jwks())
    assert ids(key_sets.cached(provider, "RS256-0")) == ["RS256-0"]
    assert key_sets.load(provider, "unknown") is key_sets.cached(provider)
    assert publisher.times == 0


@pytest.mark.parametrize("text", ["", "{}", '{"keys": [{"kty": "oct", "k": "AAAA"}]}', "\ud800"])
def test_pinned_keys_that_are_not_usable_are_never_replaced_by_discovered_ones(key_sets, publisher, issuer, text):
    hears(InvalidIdentityToken, COULD_NOT_RETRIEVE_KEY, key_sets, provider_of(issuer, text))
    assert publisher.times == 0


def test_keys_pinned_anew_take_effect_at_once(key_sets, issuer):
    key_sets.cached(provider_of(issuer, issuer.jwks()))
    issuer.rotate()
    assert ids(key_sets.cached(provider_of(issuer, issuer.jwks()))) == ["RS256-0", "RS256-1"]


# Threads


def in_threads(count: int, work: Callable[[], object]) -> list[threading.Thread]:
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    return threads


def test_an_issuer_is_asked_by_one_thread_while_the_others_wait_for_its_answer(key_sets, publisher, issuer):
    asked, go = threading.Event(), threading.Event()
    publisher.before_answer = lambda: (asked.set(), go.wait(10))
    answers: list[KeySet] = []
    threads = in_threads(8, lambda: answers.append(key_sets.load(provider_of(issuer), "RS256-0")))
    assert asked.wait(10)
    go.set()
    for thread in threads:
        thread.join(10)
    assert len(answers) == 8
    assert publisher.times == 1


def test_while_an_issuer_is_asked_the_others_and_known_keys_are_served(clock):
    slow, quick = TokenIssuer(), TokenIssuer(url="https://quick.example.com")
    publisher = Publisher(slow, quick)
    key_sets = KeySets(publisher, clock)
    key_sets.load(provider_of(slow), "RS256-0")
    clock.advance(LIFETIME)
    asked, go = threading.Event(), threading.Event()

    def wait_for_slow() -> None:
        if threading.current_thread() is not threading.main_thread():
            asked.set()
            go.wait(10)

    publisher.before_answer = wait_for_slow
    (asking,) = in_threads(1, lambda: key_sets.load(provider_of(slow), "RS256-0"))
    assert asked.wait(10)
    assert ids(key_sets.load(provider_of(quick), "RS256-0")) == ["RS256-0"]
    assert ids(key_sets.cached(provider_of(slow), "RS256-0")) == ["RS256-0"]
    assert key_sets.cached(provider_of(slow), "RS256-9") is None
    go.set()
    asking.join(10)
