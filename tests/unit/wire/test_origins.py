"""The caller's address is the connection's, unless a trusted proxy tells another; nobody else is believed."""

from __future__ import annotations

import pytest

from strongroom.wire.exchange import HttpRequest
from strongroom.wire.origins import MAX_HOPS, Origins
from support.entropy import SeededEntropy

PROXY, CALLER = "10.0.0.1", "203.0.113.9"


def origin(*headers: tuple[bytes, bytes], peer: str = PROXY, trusted: tuple[str, ...] = ("10.0.0.0/8",), tls=None):
    request = HttpRequest("POST", b"/", b"", list(headers), b"", peer, tls_version=tls)
    return Origins(SeededEntropy(0), trusted).of(request, dict(headers))


def forwarded(*addresses: str) -> tuple[bytes, bytes]:
    return b"x-forwarded-for", ", ".join(addresses).encode()


def test_without_trusted_proxies_nobody_is_believed():
    told = origin(forwarded(CALLER), (b"x-forwarded-proto", b"https"), trusted=())
    assert (told.source_ip, told.is_secure) == (PROXY, False)


def test_an_address_that_is_no_proxy_is_not_believed():
    told = origin(forwarded(CALLER), (b"x-forwarded-proto", b"https"), peer="198.51.100.7")
    assert (told.source_ip, told.is_secure) == ("198.51.100.7", False)


def test_a_trusted_proxy_tells_the_caller_and_its_protection():
    told = origin(forwarded(CALLER), (b"x-forwarded-proto", b"https"))
    assert (told.source_ip, told.is_secure) == (CALLER, True)


@pytest.mark.parametrize(
    ("hops", "expected"),
    [
        (("1.2.3.4", CALLER), CALLER),  # what the caller wrote itself stands before what proxies add
        ((CALLER, "10.9.9.9"), CALLER),
        (("10.9.9.9",), "10.9.9.9"),
        (("10.9.9.9", "10.8.8.8"), "10.9.9.9"),
        (("nonsense", "10.8.8.8"), "10.8.8.8"),
        (("nonsense",), PROXY),
        (("",), PROXY),
        (("2001:DB8::1",), "2001:db8::1"),
        (("::ffff:10.1.2.3", CALLER), CALLER),
        ((CALLER, "::ffff:10.1.2.3"), CALLER),
    ],
)
def test_the_last_address_that_is_no_trusted_proxy_is_the_callers(hops, expected):
    assert origin(forwarded(*hops)).source_ip == expected


def test_without_the_header_it_is_the_proxy_itself():
    assert origin().source_ip == PROXY


def test_several_headers_are_one_list():
    assert origin(forwarded("1.2.3.4"), forwarded(CALLER)).source_ip == CALLER


def test_only_so_many_hops_are_looked_at():
    assert origin(forwarded(CALLER, *["10.0.0.2"] * MAX_HOPS)).source_ip == "10.0.0.2"


def test_a_socket_without_an_address_is_nobody_to_trust():
    assert origin(forwarded(CALLER), peer="").source_ip == ""


def test_tls_of_our_own_needs_nobody_to_tell():
    assert origin(tls="TLSv1.3", trusted=()).is_secure
