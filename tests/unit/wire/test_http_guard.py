"""Each rule of the HTTP guard, by a request that breaks it alone."""

from __future__ import annotations

import pytest

from strongroom.wire import http_guard
from strongroom.wire.http_guard import HttpRefused

HEADERS = [
    (b"host", b"127.0.0.1:8200"),
    (b"x-amz-target", b"secretsmanager.GetSecretValue"),
    (b"content-type", b"application/x-amz-json-1.1"),
    (b"x-amz-date", b"20261120T120000Z"),
    (b"authorization", b"AWS4-HMAC-SHA256 Credential=a"),
    (b"content-length", b"2"),
]


def check(*, method="POST", raw_path=b"/", query_string=b"", headers=HEADERS, http_version="1.1"):
    http_guard.check(method, raw_path, query_string, headers, http_version)


def refused(reason, *, status=400, **request: object):
    with pytest.raises(HttpRefused) as caught:
        check(**request)
    assert (caught.value.status, caught.value.reason) == (status, reason)
    assert str(caught.value) == reason


def without(*names: bytes):
    return [(name, value) for name, value in HEADERS if name not in names]


def test_plain_request_passes():
    check()
    check(method="GET", raw_path=b"/health", query_string=b"a=%20&b=~")


def test_it_tells_whether_headers_by_name_are_all_there_is_and_ascii():
    def tells(*more: tuple[bytes, bytes]) -> bool:
        return http_guard.check("POST", b"/", b"", [*HEADERS, *more], "1.1")

    assert tells()
    assert tells((b"user-agent", b"a"))
    assert not tells((b"user-agent", b"\xe4"))
    assert not tells((b"accept", b"a"), (b"accept", b"b"))
    assert not tells((b"accept", b"a"), (b"accept", b"\xe4"))


def test_names_that_were_seen_before_do_not_excuse_their_values():
    check()
    refused("A header value holds a control byte.", headers=[(name, value + b"\0") for name, value in HEADERS])
    refused("Content-Length must be digits.", headers=[*HEADERS[:-1], (b"content-length", b"-2")])
    refused("The request is neither HTTP/1.1 nor HTTP/1.0.", http_version="1.2")
    check()


def test_a_presigned_request_passes():
    query = (
        b"Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Credential=AKIA%2F20261120%2Feu-west-1%2Fsts&X-Amz-Date=1"
    )
    headers = [(b"host", b"127.0.0.1:8200"), (b"x-k8s-aws-id", b"cluster")]
    check(method="GET", raw_path=b"/", query_string=query, headers=headers)


def test_headers_that_may_be_repeated_pass():
    check(
        headers=[*HEADERS, (b"accept", b"a"), (b"accept", b"b"), (b"x-amzn-trace-id", b"a"), (b"x-amzn-trace-id", b"b")]
    )


def test_tab_and_latin_letters_in_other_values_pass():
    check(headers=[*HEADERS, (b"user-agent", b"a\tb \xe9")])


@pytest.mark.parametrize(
    "name", [b"host", b"authorization", b"x-amz-target", b"x-amz-date", b"content-type", b"content-length"]
)
def test_repeated_header_is_refused(name):
    reason = f"The {name.decode().title()} header must not be repeated."
    refused(reason, headers=[*HEADERS, (name, dict(HEADERS)[name])])


@pytest.mark.parametrize("name", [b"date", b"x-amz-security-token", b"x-amz-anything", b"transfer-encoding"])
def test_repeated_header_that_is_rare_is_refused(name):
    headers = [*without(b"content-length"), (name, b"chunked"), (name, b"chunked")]
    refused(f"The {name.decode().title()} header must not be repeated.", headers=headers)


def test_missing_host_is_refused_in_http_1_1_only():
    refused("The Host header is missing.", headers=without(b"host"))
    check(headers=without(b"host"), http_version="1.0")


@pytest.mark.parametrize("version", ["0.9", "1.2", "2.0", "3.0", ""])
def test_other_versions_of_http_are_refused(version):
    refused("The request is neither HTTP/1.1 nor HTTP/1.0.", http_version=version)


def test_two_lengths_are_refused():
    headers = [*HEADERS, (b"transfer-encoding", b"chunked")]
    refused("Transfer-Encoding and Content-Length exclude each other.", headers=headers)


@pytest.mark.parametrize("value", [b"gzip, chunked", b"identity", b"xchunked", b""])
def test_other_transfer_encoding_than_chunked_is_refused(value):
    headers = [*without(b"content-length"), (b"transfer-encoding", value)]
    refused("Transfer-Encoding must be chunked.", headers=headers)


def test_chunked_alone_passes():
    check(headers=[*without(b"content-length"), (b"transfer-encoding", b"Chunked")])


@pytest.mark.parametrize("value", [b"", b"+2", b"-1", b"2,2", b"0x2", b" 2", "٢".encode()])
def test_content_length_other_than_digits_is_refused(value):
    refused("Content-Length must be digits.", headers=[*without(b"content-length"), (b"content-length", value)])


@pytest.mark.parametrize(
    "name", [b"x_amz_target", b"x amz", b"x-amz-target\x00", b"x-\xe9", b"", b"(x)", b"X-Amz-Target"]
)
def test_header_name_with_an_underscore_or_a_byte_that_no_name_has_is_refused(name):
    reason = "A header name holds an underscore or a byte that is not allowed in names."
    refused(reason, headers=[*HEADERS, (name, b"1")])


@pytest.mark.parametrize("byte", [b"\x00", b"\x01", b"\n", b"\r", b"\x1f", b"\x7f"])
def test_control_byte_in_a_value_is_refused(byte):
    refused("A header value holds a control byte.", headers=[*HEADERS, (b"user-agent", b"a" + byte + b"b")])


@pytest.mark.parametrize(
    "name", [b"authorization", b"x-amz-date", b"date", b"x-amz-security-token", b"x-amz-target", b"host"]
)
def test_value_beyond_ascii_is_refused_where_a_signature_is_concerned(name):
    headers = [*without(name), (name, b"\xc3\xa9")]
    refused(f"The {name.decode().title()} header must be ASCII.", headers=headers)


@pytest.mark.parametrize("target", [b"", b"*", b"http://evil/p", b"127.0.0.1:443", b"?a=b"])
def test_target_not_in_origin_form_is_refused(target):
    refused("The request target must be in origin form.", raw_path=target)


@pytest.mark.parametrize("byte", [b"\x00", b" ", b"\x7f", b"\xe9"])
def test_target_beyond_printable_ascii_is_refused(byte):
    refused("The request target must be printable ASCII.", raw_path=b"/a" + byte)
    refused("The request target must be printable ASCII.", query_string=b"a" + byte)


@pytest.mark.parametrize("method", ["", "post", "P OST", "POST\n", "PÖST", "P-OST"])
def test_method_other_than_a_word_in_upper_case_is_refused(method):
    refused("The method must be a word in upper case.", method=method)


def test_more_than_100_headers_are_refused():
    headers = [*HEADERS, *((f"x-{number}".encode(), b"1") for number in range(100 - len(HEADERS)))]
    check(headers=headers)
    refused("The request has more than 100 headers.", status=431, headers=[*headers, (b"x-last", b"1")])


def test_reason_does_not_repeat_what_was_sent():
    for headers in ([*HEADERS, (b"x_canary", b"1")], [*HEADERS, (b"a", b"canary\x00")]):
        with pytest.raises(HttpRefused) as caught:
            check(headers=headers)
        assert "canary" not in caught.value.reason
