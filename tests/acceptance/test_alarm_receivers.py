"""Receivers over TLS and at local sockets, each a real one: who is told, and who gets neither notice nor password."""

from __future__ import annotations

import email
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from strongroom.alarms.base import SinkError, members_of
from strongroom.alarms.syslog import frame
from strongroom.alarms.webhook import signature
from strongroom.cli import command_line
from strongroom.config import Config
from strongroom.domain.alarms import AlarmState, Notice
from strongroom.errors import OperatorError, ServiceError
from strongroom.vigilance import sinks_of
from support.certificates import make_chain
from support.clock import NOW
from support.deployment import config_for, deployed
from support.receivers import Certificate, mail_receiver, syslog_receiver, web_receiver

KEY = "a key that only receivers know"
NOTICE = Notice("an-id", "denied-calls", "arn:aws:iam::123456789012:user/a", AlarmState.ALARM, NOW, "A reason.")
LOGIN = ("alarms", "a pass:word@")
USER = "alarms:a%20pass%3Aword%40@"


@dataclass
class Authority:
    """Who signed the certificate of a receiver."""

    file: Path
    certificate: Certificate


def authority(folder: Path, name: str) -> Authority:
    file, certificate, key = make_chain(folder, name)
    return Authority(file, (certificate, key))


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    return authority(tmp_path_factory.mktemp("ours"), "localhost")


@pytest.fixture(scope="module")
def strangers(tmp_path_factory):
    return authority(tmp_path_factory.mktemp("strangers"), "localhost")


def tell(url: str, ca_file: Path | None = None) -> None:
    config = Config(alarms_sinks=(f"it={url}",), alarms_signing_key=KEY, alarms_ca_file=ca_file)
    sinks_of(config)["it"].send(NOTICE, NOW)


def refusal(url: str, ca_file: Path | None = None) -> str:
    """Tell in vain; return why it was not told."""
    with pytest.raises(SinkError) as caught:
        tell(url, ca_file)
    return str(caught.value)


@pytest.mark.parametrize("kind", ["webhook", "eventbridge"])
def test_a_webhook_whose_authority_the_settings_name_is_told(ours, kind):
    with web_receiver(certificate=ours.certificate) as web:
        tell(f"{kind}+https://localhost:{web.port}/hook?team=1", ours.file)
    ((path, headers, body),) = web.requests
    event = json.loads(body)
    assert path == "/hook?team=1"
    assert (event["detail"] if kind == "eventbridge" else event) == members_of(NOTICE)
    assert headers["Strongroom-Signature"] == signature(KEY.encode(), int(NOW.timestamp()), body)


@pytest.mark.parametrize("kind", ["webhook", "eventbridge"])
@pytest.mark.parametrize("others", [True, False])
def test_a_webhook_whose_authority_is_unknown_gets_nothing(ours, strangers, kind, others):
    with web_receiver(certificate=ours.certificate) as web:
        why = refusal(f"{kind}+https://localhost:{web.port}/", strangers.file if others else None)
    assert why.startswith(f"https://localhost:{web.port} signed: its certificate is not trusted: ")
    assert "certificate" in why.rpartition(": ")[2]
    assert web.requests == []


def test_a_webhook_with_the_certificate_of_another_host_gets_nothing(tmp_path):
    elsewhere = authority(tmp_path, "elsewhere.example.com")
    with web_receiver(certificate=elsewhere.certificate) as web:
        why = refusal(f"webhook+https://localhost:{web.port}/", elsewhere.file)
    assert "its certificate is not trusted: Hostname mismatch" in why
    assert web.requests == []


def test_no_redirection_is_followed(ours):
    statuses = [301, 302, 303, 307, 308]
    with web_receiver(*statuses, certificate=ours.certificate) as web:
        url = f"webhook+https://localhost:{web.port}/hook"
        assert [refusal(url, ours.file).rpartition(" ")[2] for _ in statuses] == [str(one) for one in statuses]
    assert [path for path, _, _ in web.requests] == ["/hook"] * len(statuses)


def mail_url(port: int, *, is_tls: bool, user: str = USER) -> str:
    scheme, more = ("smtps", "") if is_tls else ("smtp", "&starttls=1")
    return f"{scheme}://{user}localhost:{port}?from=a@example.com&to=ops@example.com&to=sec@example.com{more}"


@pytest.mark.parametrize("is_tls", [False, True])
def test_a_mail_server_over_tls_gets_the_password_and_the_mail(ours, is_tls):
    with mail_receiver(ours.certificate, is_tls=is_tls, login=LOGIN) as mail:
        tell(mail_url(mail.port, is_tls=is_tls), ours.file)
    assert mail.logins == [LOGIN]
    ((sender, recipients, text),) = mail.mails
    assert (sender, recipients) == ("a@example.com", ["ops@example.com", "sec@example.com"])
    assert email.message_from_string(text)["Message-ID"] == "<an-id@strongroom.invalid>"


@pytest.mark.parametrize("is_tls", [False, True])
def test_a_mail_server_that_is_not_trusted_gets_neither_password_nor_mail(ours, strangers, is_tls):
    with mail_receiver(ours.certificate, is_tls=is_tls, login=LOGIN) as mail:
        why = refusal(mail_url(mail.port, is_tls=is_tls), strangers.file)
    assert why.startswith(f"localhost:{mail.port}: its certificate is not trusted: ")
    assert (mail.logins, mail.mails) == ([], [])


@pytest.mark.parametrize(
    ("is_tls", "why"), [(False, "STARTTLS extension not supported by server"), (True, "TLS failed: ")]
)
@pytest.mark.parametrize("user", [USER, ""])
def test_a_mail_server_without_tls_gets_neither_password_nor_mail_where_tls_was_to_be(is_tls, why, user):
    with mail_receiver() as mail:
        assert why in refusal(mail_url(mail.port, is_tls=is_tls, user=user))
    assert (mail.logins, mail.mails) == ([], [])


def test_a_mail_server_that_refuses_says_what_it_refused_and_not_the_password(ours):
    with mail_receiver(ours.certificate, login=LOGIN) as mail:
        wrong = refusal(mail_url(mail.port, is_tls=False, user="alarms:wrong@"), ours.file)
        nobody = refusal(mail_url(mail.port, is_tls=False, user=""), ours.file)
    assert wrong == f"localhost:{mail.port}: the user or the password was refused"
    assert nobody == f"localhost:{mail.port}: it answered 530"
    assert (set(mail.logins), mail.mails) == ({("alarms", "wrong")}, [])


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls", "unix datagram", "unix stream"])
def test_a_syslog_receiver_gets_one_message_in_the_frame_of_its_transport(ours, tmp_path, transport):
    line = frame(NOTICE, NOW)
    counted = b"%d %b" % (len(line), line)
    expected = {"tcp": counted, "tls": counted, "unix stream": line + b"\n"}.get(transport, line)
    with syslog_receiver(transport, tmp_path, ours.certificate if transport == "tls" else None) as (url, receive):
        tell(url, ours.file)
        assert receive() == expected


def test_a_syslog_receiver_that_is_not_trusted_gets_nothing(ours, strangers, tmp_path):
    with syslog_receiver("tls", tmp_path, ours.certificate) as (url, receive):
        assert "its certificate is not trusted" in refusal(url, strangers.file)
        tell(url, ours.file)
        assert receive().endswith(frame(NOTICE, NOW)), "the first that it got is what it could be told"


def test_who_is_not_there_is_told_in_the_words_of_the_system(tmp_path):
    with web_receiver() as web:
        place = f"127.0.0.1:{web.port}"
    for url in (f"webhook+http://{place}/", f"smtp://{place}?to=a@example.com", f"syslog+tcp://{place}"):
        assert refusal(url).endswith(": Connection refused")
    assert refusal(f"syslog+unix://{tmp_path / 'none'}").endswith(": No such file or directory")


def test_the_test_command_says_whom_it_does_not_trust(ours, monkeypatch: pytest.MonkeyPatch):
    with web_receiver(certificate=ours.certificate) as web, mail_receiver(ours.certificate, is_tls=True) as mail:
        sinks = f"hook=webhook+https://localhost:{web.port}/x,mail={mail_url(mail.port, is_tls=True, user='')}"
        monkeypatch.setenv("STRONGROOM_ALARMS_SINKS", sinks)
        refused = CliRunner().invoke(command_line("alarms"), ["alarms", "test"])
        monkeypatch.setenv("STRONGROOM_ALARMS_CA_FILE", str(ours.file))
        took = CliRunner().invoke(command_line("alarms"), ["alarms", "test"])
    assert (refused.exit_code, refused.output.count("its certificate is not trusted")) == (1, 2)
    assert (took.exit_code, took.output.count("took notice")) == (0, 2)
    assert (len(web.requests), len(mail.mails)) == (1, 1)


@pytest.mark.parametrize("content", [None, "", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_a_file_of_authorities_that_cannot_be_read_is_refused_at_the_start(tmp_path, content):
    file = tmp_path / "authorities.pem"
    if content is not None:
        file.write_text(content)
    with pytest.raises(OperatorError, match="alarms_ca_file") as caught:
        sinks_of(Config(alarms_ca_file=file))
    assert f"{file} cannot be read as PEM certificates" in caught.value.why


def test_a_notice_waits_until_its_receiver_is_trusted_and_needs_no_restart_for_it(ours, strangers, tmp_path):
    file = tmp_path / "authorities.pem"
    shutil.copy(strangers.file, file)
    with web_receiver(certificate=ours.certificate) as web:
        url = f"hook=webhook+https://localhost:{web.port}/hook"
        settings: dict[str, Any] = {"alarms_sinks": (url,), "alarms_ca_file": file}
        with deployed(config_for("sqlite", tmp_path, **settings)) as one:
            arn = one.create()
            one.call("DeleteSecret", SecretId=arn)
            with pytest.raises(ServiceError):
                one.call("GetSecretValue", SecretId=arn)
            one.node.trail.sync()
            one.node.index.copy_all()
            one.node.vigilance.watch.look()
            assert one.node.vigilance.courier.deliver_due() == 0
            (job,) = [job for job in one.node.storage.read(lambda tx: tx.list_jobs()) if job.kind == "notify"]
            assert "its certificate is not trusted" in str(job.last_error)
            assert web.requests == []
            shutil.copy(ours.file, file)
            one.clock.advance_seconds(2)
            assert one.node.vigilance.courier.deliver_due() == 1
    assert json.loads(web.requests[0][2])["subject"] == arn
