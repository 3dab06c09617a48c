"""Documents of issuers over real sockets: what is fetched, and everything that is not."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from strongroom.authn.issuer_fetcher import MAX_DOCUMENT_BYTES, IssuerFault, IssuerFetcher, is_public
from strongroom.authn.key_sets import KeySets
from strongroom.authn.web_identity import COULD_NOT_RETRIEVE_KEY, Provider, read_unverified, verify
from strongroom.clock import SystemClock
from strongroom.errors import InvalidIdentityToken
from support.issuer import AUDIENCE, CONFIGURATION_PATH, KEYS_PATH, SUBJECT, Answer, Issuer

pytestmark = pytest.mark.needs_sockets
SHORT_DEADLINE = 0.5


@pytest.fixture
def issuer(tmp_path: Path) -> Iterator[Issuer]:
    with Issuer.start(tmp_path) as running:
        yield running


@pytest.fixture
def fetcher(issuer: Issuer) -> IssuerFetcher:
    return IssuerFetcher(private_hosts=["localhost"], ca_file=issuer.ca_file)


def fails(fetcher: IssuerFetcher, url: str, why: str, *, transient: bool = False) -> None:
    with pytest.raises(IssuerFault, match=why) as caught:
        fetcher(url)
    assert caught.value.transient is transient


def provider_of(issuer: Issuer) -> Provider:
    return Provider(f"arn:aws:iam::123456789012:oidc-provider/{issuer.provider_url}", issuer.provider_url, (AUDIENCE,))


# From the token to the identity


def test_a_token_is_verified_by_the_keys_that_its_issuer_serves(issuer, fetcher):
    provider, token = provider_of(issuer), issuer.token()
    key_sets = KeySets(fetcher, SystemClock())
    keys = key_sets.load(provider, read_unverified(token).key_id)
    assert verify(token, provider, keys, SystemClock().now()).subject == SUBJECT
    assert issuer.requests == [CONFIGURATION_PATH, KEYS_PATH]


def test_keys_on_a_host_that_is_not_listed_are_not_fetched(issuer, fetcher):
    private = f"{issuer.url}{KEYS_PATH}".replace("localhost", "127.0.0.1")
    issuer.answers[CONFIGURATION_PATH] = Answer(issuer.configuration(jwks_uri=private))
    with pytest.raises(InvalidIdentityToken) as caught:
        KeySets(fetcher, SystemClock()).load(provider_of(issuer))
    assert caught.value.message == COULD_NOT_RETRIEVE_KEY
    assert issuer.requests == [CONFIGURATION_PATH]


def test_keys_without_tls_are_not_fetched(issuer, fetcher):
    plain = f"{issuer.url}{KEYS_PATH}".replace("https", "http")
    issuer.answers[CONFIGURATION_PATH] = Answer(issuer.configuration(jwks_uri=plain))
    with pytest.raises(InvalidIdentityToken):
        KeySets(fetcher, SystemClock()).load(provider_of(issuer))
    assert issuer.requests == [CONFIGURATION_PATH]


# Where connections lead


def test_a_name_that_leads_to_loopback_is_refused_unless_listed(issuer):
    unlisted = IssuerFetcher(private_hosts=["another.example"], ca_file=issuer.ca_file)
    fails(unlisted, issuer.url + KEYS_PATH, "localhost has the address .* which is not public")
    assert issuer.requests == []


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "169.254.169.254", "10.0.0.1", "0.0.0.0", "[::ffff:10.0.0.1]"])
def test_private_addresses_are_refused(fetcher, host: str):
    fails(fetcher, f"https://{host}/keys", "which is not public")


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "127.1"])
def test_loopback_in_disguise_is_refused(fetcher, host: str):
    fails(fetcher, f"https://{host}/keys", "not public|does not resolve", transient=_does_not_resolve(host))


def _does_not_resolve(host: str) -> bool:
    try:
        socket.getaddrinfo(host, 443)
    except OSError:
        return True
    return False


def test_one_private_address_among_public_ones_is_refused(fetcher, monkeypatch):
    answer = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, 443)) for ip in ("93.184.215.14", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answer)
    fails(fetcher, "https://rebinding.example/keys", "has the address 10.0.0.1")


def test_the_connection_goes_to_the_address_that_was_checked(issuer, fetcher, monkeypatch):
    resolve, asked = socket.getaddrinfo, []

    def remembering(host: str, *arguments: Any, **options: Any) -> Any:
        asked.append(host)
        return resolve(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", remembering)
    fetcher(issuer.url + KEYS_PATH)
    names = [host for host in asked if not is_numeric(host)]
    assert names == ["localhost"]


def is_numeric(host: str) -> bool:
    return host.replace(".", "").isdigit() or ":" in host


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
        "224.0.0.1", "255.255.255.255", "240.0.0.1", "192.0.2.1", "198.18.0.1", "::", "::1", "fe80::1",
        "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "::ffff:127.0.0.1", "::127.0.0.1",
        "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::",
        "2002:a00:1::", "2001:db8::1", "2001:0:0:0:0:0:80ff:fffe", "localhost", "",
    ],
)  # fmt: skip
def test_what_is_no_public_address(address: str):
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_what_is_a_public_address(address: str):
    assert is_public(address)


def test_a_redirect_is_not_followed(issuer, fetcher):
    for status in (301, 302, 303, 307, 308):
        issuer.answers[KEYS_PATH] = Answer(status=status, headers={"Location": "http://169.254.169.254/latest"})
        fails(fetcher, issuer.url + KEYS_PATH, f"status {status}")
    assert set(issuer.requests) == {KEYS_PATH}


# URLs


@pytest.mark.parametrize(
    "url",
    [
        "",
        "keys",
        "file:///etc/passwd",
        "ftp://localhost/",
        "http://localhost/",
        "https://",
        "https:///keys",
        "https://user@localhost/",
        "https://user:secret@localhost/",
        "https://localhost/#fragment",
        "https://localhost:99999/",
        "https://localhost:x/",
        "https://[::1/",
        "https://local host/",
        "https://localhost/\r\nX-Header: 1",
        "https://localhost/\tkeys",
        "https://löcalhost/",
        "https://localhost/" + "x" * 2_048,
    ],
)
def test_a_url_that_leads_elsewhere_is_refused(fetcher, url: str):
    fails(fetcher, url, "URL|https only")


def test_plain_http_is_for_listed_hosts(tmp_path):
    with Issuer.start(tmp_path, secure=False) as plain:
        listed = IssuerFetcher(private_hosts=["localhost"], http_hosts=["localhost"])
        assert listed(plain.url + KEYS_PATH) == plain.jwks().encode()
        fails(IssuerFetcher(private_hosts=["localhost"]), plain.url + KEYS_PATH, "https only")


# TLS


def test_a_certificate_of_an_unknown_authority_is_refused(issuer):
    fails(IssuerFetcher(private_hosts=["localhost"]), issuer.url + KEYS_PATH, "CERTIFICATE_VERIFY_FAILED")
    assert issuer.requests == []


def test_a_certificate_for_another_host_is_refused(tmp_path):
    with Issuer.start(tmp_path, host="another.example") as impostor:
        fetcher = IssuerFetcher(private_hosts=["localhost"], ca_file=impostor.ca_file)
        fails(fetcher, impostor.url.replace("another.example", "localhost") + KEYS_PATH, "CERTIFICATE_VERIFY_FAILED")


def test_a_server_without_tls_is_an_issuer_out_of_reach(tmp_path):
    with Issuer.start(tmp_path, secure=False) as plain:
        fails(IssuerFetcher(private_hosts=["localhost"]), plain.url.replace("http", "https"), ".", transient=True)


# Answers


@pytest.mark.parametrize(
    ("status", "transient"), [(204, False), (400, False), (404, False), (429, True), (500, True), (503, True)]
)
def test_a_status_other_than_200_is_a_failure(issuer, fetcher, status: int, *, transient: bool):
    issuer.answers[KEYS_PATH] = Answer(status=status)
    fails(fetcher, issuer.url + KEYS_PATH, f"status {status}", transient=transient)


def test_the_largest_document_is_fetched_and_a_larger_one_refused(issuer, fetcher):
    issuer.answers[KEYS_PATH] = Answer(b"x" * MAX_DOCUMENT_BYTES)
    assert len(fetcher(issuer.url + KEYS_PATH)) == MAX_DOCUMENT_BYTES
    issuer.answers[KEYS_PATH] = Answer(b"x" * (MAX_DOCUMENT_BYTES + 1))
    fails(fetcher, issuer.url + KEYS_PATH, f"more than {MAX_DOCUMENT_BYTES} bytes")


def test_a_document_that_ends_early_is_refused(issuer, fetcher):
    issuer.answers[KEYS_PATH] = Answer(b"{}", headers={"Content-Length": "100"})
    fails(fetcher, issuer.url + KEYS_PATH, "less than it says", transient=True)


def test_a_body_of_slow_bytes_ends_with_the_deadline(issuer):
    issuer.answers[KEYS_PATH] = Answer(b"x" * 200, seconds_per_byte=0.05)
    fetcher = IssuerFetcher(private_hosts=["localhost"], ca_file=issuer.ca_file, deadline_seconds=SHORT_DEADLINE)
    started = time.monotonic()
    fails(fetcher, issuer.url + KEYS_PATH, "too long|timed out", transient=True)
    assert time.monotonic() - started < 5 * SHORT_DEADLINE


def test_headers_of_slow_bytes_end_with_the_deadline():
    fetcher = IssuerFetcher(private_hosts=["localhost"], http_hosts=["localhost"], deadline_seconds=SHORT_DEADLINE)
    with socket.create_server(("127.0.0.1", 0)) as server:
        dripping = threading.Thread(target=_drip, args=(server,))
        dripping.start()
        started = time.monotonic()
        fails(fetcher, f"http://localhost:{server.getsockname()[1]}/", "too long|timed out", transient=True)
        assert time.monotonic() - started < 5 * SHORT_DEADLINE
        dripping.join(10)


def _drip(server: socket.socket) -> None:
    connection, _ = server.accept()
    with connection, contextlib.suppress(OSError):
        for byte in b"HTTP/1.1 200 OK\r\n" + b"x" * 200:
            connection.sendall(bytes([byte]))
            time.sleep(0.05)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_server_that_says_nothing_ends_with_the_deadline(scheme: str):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        fetcher = IssuerFetcher(private_hosts=["localhost"], http_hosts=["localhost"], deadline_seconds=SHORT_DEADLINE)
        started = time.monotonic()
        fails(fetcher, f"{scheme}://localhost:{silent.getsockname()[1]}/", "timed out|too long", transient=True)
        assert time.monotonic() - started < 5 * SHORT_DEADLINE


def test_nobody_listening_is_an_issuer_out_of_reach(fetcher):
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        fails(fetcher, f"https://localhost:{bound.getsockname()[1]}/", "refused", transient=True)


def test_a_name_that_does_not_resolve_is_an_issuer_out_of_reach(fetcher):
    fails(fetcher, "https://issuer.invalid/keys", "does not resolve", transient=True)


@pytest.mark.parametrize("name", ["a" * 64 + ".example", "a..example"])
def test_a_name_that_no_resolver_takes_is_an_issuer_out_of_reach(fetcher, name: str):
    fails(fetcher, f"https://{name}/keys", "does not resolve", transient=True)


def test_environment_proxies_are_not_used(issuer, fetcher, monkeypatch):
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert fetcher(issuer.url + KEYS_PATH) == issuer.jwks().encode()
