"""/metrics of a real server: of all its workers together, and for whom it is."""

from __future__ import annotations

import http.client
import re
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from strongroom.metrics import FAMILIES
from support.server import Server, running, strongroom

TOKEN = "a-token-of-some-length"
WAIT_SECONDS = 20
OWN_PORT = re.compile(r"strongroom_(\w+?)(?:_bucket|_sum|_count)?(?:\{|\s)")


def fetch(port: int, path: str = "/metrics", token: str | None = None) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT_SECONDS)
    try:
        connection.request("GET", path, headers={} if token is None else {"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def number(text: str, series: str) -> float:
    found = re.search(rf"^{re.escape(series)} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def wait_for(server: Server, series: str, holds: Callable[[float], bool]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not holds(number(fetch(server.port)[1], series)):
        assert time.monotonic() < deadline, fetch(server.port)[1]
        time.sleep(0.1)


def test_any_worker_shows_the_numbers_of_all_of_them_and_a_restart_counts_on(tmp_path: Path):
    with running(tmp_path, "--metrics", "--workers", "3") as server:
        server.client().create_secret(Name="a", SecretString="x")
        for _ in range(12):
            server.client().get_secret_value(SecretId="a")  # a connection each: the kernel spreads them
        reads = 'strongroom_requests_total{operation="GetSecretValue",code="Success"}'
        for _ in range(6):
            text = fetch(server.port)[1]
            assert number(text, reads) == 12
            assert number(text, 'strongroom_request_seconds_count{operation="GetSecretValue",outcome="success"}') == 12
            assert number(text, 'strongroom_requests_total{operation="CreateSecret",code="Success"}') == 1
        server.kill()
        server.start()
        server.client().get_secret_value(SecretId="a")
        assert number(fetch(server.port)[1], reads) == 13


def test_what_there_is_is_counted_when_the_server_starts(tmp_path: Path):
    with running(tmp_path, "--metrics") as server:
        for name in ("a", "b", "c"):
            server.client().create_secret(Name=name, SecretString="x")
        server.client().delete_secret(SecretId="c")
        assert server.stop() == 0
        server.start()
        wait_for(server, 'strongroom_secrets{state="live"}', lambda count: count == 2)
        text = fetch(server.port)[1]
        assert number(text, 'strongroom_secrets{state="scheduled"}') == 1
        assert number(text, 'strongroom_jobs{kind="purge",state="waiting"}') == 1
        assert number(text, "strongroom_purges_due") == 0
        assert 'strongroom_jobs{kind="purge",state="failing"} 0' in text
        assert set(OWN_PORT.findall(text)) <= FAMILIES.keys()


def test_with_a_token_numbers_are_for_who_sends_it(tmp_path: Path):
    (tmp_path / "token").write_text(TOKEN + "\n")
    with running(tmp_path, STRONGROOM_METRICS_TOKEN_FILE=str(tmp_path / "token")) as server:
        assert fetch(server.port)[0] == 401
        assert fetch(server.port, token=TOKEN + "x") == (401, "")
        status, text = fetch(server.port, token=TOKEN)
        assert status == 200
        assert "strongroom_requests_total" in text
        assert fetch(server.port, "/healthz")[0] == 200


def test_a_listener_of_its_own_answers_and_the_main_port_does_not(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with running(tmp_path, "--workers", "2", STRONGROOM_METRICS_LISTEN=f"127.0.0.1:{port}") as server:
        status, text = fetch(port)
        assert status == 200
        assert "strongroom_requests_total" in text
        assert fetch(port, "/healthz")[0] == 404
        assert fetch(server.port)[0] == 404
        assert server.stop() == 0


@pytest.mark.parametrize(
    ("setting", "value", "why"),
    [
        ("METRICS_LISTEN", "nowhere", "an address is host:port"),
        ("METRICS_LISTEN", "0.0.0.0:9464", "beyond loopback"),
        ("METRICS_TOKEN_FILE", "/no/such/file", "No such file"),
        ("METRICS_TOKEN_FILE", "short", "a token has at least 16 characters"),
    ],
)
def test_settings_that_would_show_numbers_to_anyone_are_refused(tmp_path: Path, setting: str, value: str, why: str):
    if value == "short":
        (tmp_path / value).write_text(value)
        value = str(tmp_path / value)
    done = strongroom("serve", "--data-dir", str(tmp_path / "data"), "--port", "0", **{f"STRONGROOM_{setting}": value})
    assert done.returncode == 1
    assert why in done.stderr
