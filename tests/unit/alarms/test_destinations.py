"""Receivers of notices: how they are named, and what they are sent."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from strongroom.alarms.base import Sender, event_of
from strongroom.alarms.destinations import parse_sinks
from strongroom.alarms.syslog import frame
from strongroom.alarms.webhook import signature
from strongroom.domain.alarms import AlarmState, Notice
from support.clock import NOW

SENDER = Sender("123456789012", "eu-central-1")
NOTICE = Notice("an-id", "denied-calls", "arn:aws:iam::123456789012:user/a", AlarmState.ALARM, NOW, "A reason.")


@pytest.mark.parametrize(
    ("item", "shown"),
    [
        ("a=webhook+https://example.com:8443/path?x=1", "https://example.com:8443 signed"),
        ("a=webhook+http://127.0.0.1:9/", "http://127.0.0.1:9 signed"),
        ("a=webhook+http://[::1]/", "http://::1 signed"),
        ("a=eventbridge+https://example.com", "https://example.com signed"),
        ("a=smtp://mail.example.com?to=x@example.com", "smtp://mail.example.com:25 to x@example.com"),
        (
            "a=smtp://me:hunter%202@mail:587?to=x@y&to=z@y&starttls=1",
            "smtp://mail:587 to x@y, z@y",
        ),
        ("a=smtps://me:hunter@mail?to=x@y", "smtp://mail:465 to x@y"),
        ("a=syslog+tcp://logs", "syslog tcp://logs:514"),
        ("a=syslog+tls://logs", "syslog tls://logs:6514"),
        ("a=syslog+unix:///dev/log", "syslog /dev/log"),
        ("a=command:/usr/bin/page --to 'the team'", "command /usr/bin/page"),
    ],
)
def test_a_receiver_shows_where_it_is_and_no_password(item, shown):
    sink = parse_sinks([item], SENDER, "a signing key")["a"]
    assert sink.describe() == shown
    assert "hunter" not in repr(sink)
    assert "a signing key" not in repr(sink)


@pytest.mark.parametrize(
    ("item", "why"),
    [
        ("webhook+https://example.com/", "receiver 1 is not name=URL"),
        ("a b=webhook+https://example.com/", "receiver 1 is not name=URL"),
        ("a=webhook+http://example.com/", "by https, or by http to this machine only"),
        ("a=webhook+http://127.0.0.1.example.com/", "by https, or by http to this machine only"),
        ("a=eventbridge+https:///path", "by https, or by http to this machine only"),
        ("a=https://example.com/", "the URL begins with"),
        ("a=smtp://mail", "says who gets mail"),
        ("a=smtp://me:hunter@mail?to=x@y", "over TLS only"),
        ("a=syslog+udp:///x", "has a host"),
        ("a=syslog+sctp://x", "the URL begins with"),
        ("a=command:page", "by its absolute path"),
        ("a=command:", "by its absolute path"),
    ],
)
def test_what_is_no_receiver_is_refused_without_repeating_it(item, why):
    with pytest.raises(ValueError, match=why) as caught:
        parse_sinks([item], SENDER, None)
    assert "hunter" not in str(caught.value)


def test_two_receivers_of_one_name_are_refused():
    with pytest.raises(ValueError, match="receiver 2 is not name=URL"):
        parse_sinks(["a=command:/bin/true", "a=command:/bin/true"], SENDER, None)


def test_a_command_gets_its_words_without_a_shell():
    sink = parse_sinks(["a=command:/usr/bin/page --to 'the team' $HOME;"], SENDER, None)["a"]
    assert sink.arguments == ("/usr/bin/page", "--to", "the team", "$HOME;")


def test_a_signature_covers_time_and_body():
    mac = hmac.new(b"key", b"1700000000.body", hashlib.sha256).hexdigest()
    assert signature(b"key", 1_700_000_000, b"body") == f"t=1700000000,v1={mac}"


def test_a_syslog_message_is_one_line_whatever_a_subject_holds():
    notice = Notice("id", "denied-calls", 'a"b]c\\d\ne', AlarmState.OK, NOW, "why\r\nnot")
    line = frame(notice, NOW).decode()
    assert line.startswith("<117>1 2030-01-02T03:04:05Z ")
    assert r'subject="a\"b\]c\\d e"' in line
    assert "\n" not in line
    assert "\r" not in line


def test_an_event_names_resources_only_where_the_subject_is_an_arn():
    assert b'"resources":["arn:aws:iam::123456789012:user/a"]' in event_of(NOTICE, SENDER)
    address = Notice("id", "denied-calls", "192.0.2.1", AlarmState.ALARM, NOW, "A reason.")
    assert b'"resources":[]' in event_of(address, SENDER)
