"""Alarms as their receivers get them: from a running server, by HTTP, mail, syslog and a command; through kill -9."""

from __future__ import annotations

import email
import hashlib
import hmac
import json
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from support.receivers import mail_receiver, syslog_receiver, web_receiver
from support.server import Server, running, strongroom
from support.storages import run_sql

KEY = "a key that only receivers know"
PATIENCE_SECONDS = 40
VALUE = "correct horse battery staple"


@pytest.fixture(params=["sqlite", "postgresql"])
def started(request: pytest.FixtureRequest, tmp_path: Any) -> Iterator[Callable[..., Any]]:
    """What starts a server with settings for alarms; its database's URL is `url_of`."""
    if request.param == "sqlite":
        yield lambda **settings: running(tmp_path, **settings)
    else:
        url = request.getfixturevalue("postgres_url")
        yield lambda **settings: running(tmp_path, "--database", url, **settings)


def sinks(*items: str) -> dict[str, str]:
    return {"STRONGROOM_ALARMS_SINKS": ",".join(items), "STRONGROOM_ALARMS_SIGNING_KEY": KEY}


def url_of(server: Server) -> str:
    if "--database" in server.arguments:
        return server.arguments[server.arguments.index("--database") + 1]
    return f"sqlite:///{server.data_dir / 'strongroom.db'}"


def ring(server: Server, name: str = "app/db") -> str:
    """Read a secret that is scheduled for deletion; return its ARN."""
    client = server.client()
    arn = client.create_secret(Name=name, SecretString=VALUE)["ARN"]
    client.delete_secret(SecretId=name)
    with pytest.raises(ClientError, match="marked for deletion"):
        client.get_secret_value(SecretId=name)
    return str(arn)


def wait_for(what: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if found := what():
            return found
        time.sleep(0.1)
    raise AssertionError("nothing came")


def require_signed(headers: dict[str, str], body: bytes) -> None:
    seconds, _, mac = headers["Strongroom-Signature"].partition(",v1=")
    at = seconds.removeprefix("t=")
    assert abs(time.time() - int(at)) < 120
    assert hmac.compare_digest(mac, hmac.new(KEY.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest())


def test_every_receiver_is_told_of_a_read_of_a_secret_pending_deletion(started, tmp_path):
    told = tmp_path / "told.json"
    script = tmp_path / "page.py"
    script.write_text(f"import sys; open({str(told)!r}, 'w').write(sys.stdin.read())")
    with web_receiver() as web, mail_receiver() as mail, syslog_receiver("udp", tmp_path) as (log, receive):
        settings = sinks(
            f"hook=webhook+http://127.0.0.1:{web.port}/hook?team=1",
            f"bus=eventbridge+http://127.0.0.1:{web.port}/bus",
            f"mail=smtp://127.0.0.1:{mail.port}?from=strongroom@example.com&to=ops@example.com&to=sec@example.com",
            f"log={log}",
            f"page=command:{shlex.join([sys.executable, str(script)])}",
        )
        with started(**settings) as server:
            arn = ring(server)
            wait_for(lambda: len(web.requests) == 2 and mail.mails and told.exists() and told.read_text())
            line = receive().decode()
            server.command("alarms", "list")
            listed = server.command("alarms", "list", "--json")
            shown = json.loads(server.command("alarms", "show", "pending-secret-read", "--json").stdout)
    requests = {path: (headers, body) for path, headers, body in web.requests}
    headers, body = requests["/hook?team=1"]
    require_signed(headers, body)
    notice = json.loads(body)
    assert (notice["alarm"], notice["state"], notice["subject"]) == ("pending-secret-read", "alarm", arn)
    assert headers["Strongroom-Notice-Id"] == notice["id"]
    event = json.loads(requests["/bus"][1])
    assert (event["source"], event["resources"], event["detail"]) == ("strongroom.alarms", [arn], notice)
    assert json.loads(told.read_text()) == notice
    ((sender, recipients, text),) = mail.mails
    assert (sender, recipients) == ("strongroom@example.com", ["ops@example.com", "sec@example.com"])
    message = email.message_from_string(text)
    assert message["Subject"] == "[strongroom] ALARM: pending-secret-read"
    assert notice["id"] in message["Message-ID"]
    assert line.startswith("<113>1 ")
    assert f'id="{notice["id"]}"' in line
    assert shown == [notice]
    assert listed.returncode == 3
    assert json.loads(listed.stdout)["Alarms"]["pending-secret-read"][0]["Subject"] == arn
    everything = b"".join(body for _, _, body in web.requests) + text.encode() + line.encode() + told.read_bytes()
    assert VALUE.encode() not in everything


def test_a_receiver_that_was_down_is_told_when_it_is_back(started):
    with (
        web_receiver(503, 302, 500) as web,
        started(**sinks(f"hook=webhook+http://127.0.0.1:{web.port}/hook")) as server,
    ):
        ring(server)
        wait_for(lambda: len(web.requests) == 4)
        time.sleep(1.5)
    assert [path for path, _, _ in web.requests] == ["/hook"] * 4  # no redirection was followed
    assert len({body for _, _, body in web.requests}) == 1


def test_an_alarm_that_was_written_down_before_kill_9_is_told_after_it(started):
    with web_receiver(*[500] * 3) as web, started(**sinks(f"hook=webhook+http://127.0.0.1:{web.port}/x")) as server:
        arn = ring(server)
        wait_for(lambda: run_sql(url_of(server), "SELECT 1 FROM jobs WHERE kind = 'notify'"))
        server.kill()
        tried = len(web.requests)
        web.answers.clear()
        server.start()
        wait_for(lambda: len(web.requests) > tried)
        wait_for(lambda: not run_sql(url_of(server), "SELECT 1 FROM jobs WHERE kind = 'notify'"))
        notices = run_sql(url_of(server), "SELECT notice_id, subject FROM alarm_notices")
    assert [subject for _, subject in notices] == [arn]
    assert {json.loads(body)["id"] for _, _, body in web.requests} == {notices[0][0]}


def test_a_read_that_nobody_had_looked_at_before_kill_9_rings_after_it(started):
    with web_receiver() as web, started(**sinks(f"hook=webhook+http://127.0.0.1:{web.port}/x")) as server:
        arn = ring(server)
        time.sleep(1.2)  # the trail is on disk within a second
        server.kill()
        server.start()
        wait_for(lambda: web.requests)
    assert json.loads(web.requests[0][2])["subject"] == arn


def test_a_receiver_can_be_tried_without_a_server(tmp_path):
    with web_receiver() as web, mail_receiver() as mail:
        environment = sinks(
            f"hook=webhook+http://127.0.0.1:{web.port}/x", f"mail=smtp://127.0.0.1:{mail.port}?to=ops@example.com"
        )
        result = strongroom("alarms", "test", **environment)
        assert (result.returncode, len(web.requests), len(mail.mails)) == (0, 1, 1), result.stderr
        require_signed(web.requests[0][1], web.requests[0][2])
        refusing = sinks(f"mail=smtp://127.0.0.1:{mail.port}?from=refused@example.com&to=ops@example.com")
        result = strongroom("alarms", "test", "mail", **refusing)
        assert (result.returncode, "mail: refused" in result.stdout) == (1, True)
    assert strongroom("alarms", "test", "nobody", **environment).returncode == 1
