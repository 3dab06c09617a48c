"""The bytes on the wire, and what /proc says of a process of ours."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from botocore.credentials import Credentials

from bench import processes
from bench.generator import prepare
from bench.servers.base import http_bytes, signed
from bench.servers.openbao import OpenBao
from bench.workloads import Call, plan
from strongroom.errors import OperatorError

URL = "http://127.0.0.1:4584"


def test_a_call_is_signed_for_its_own_region_and_host():
    call = Call("GetSecretValue", {"SecretId": "hot"}, "eu-west-1")
    head, _, body = signed(call, URL, Credentials("AKIDEXAMPLE", "secret")).partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST / HTTP/1.1"
    assert "Host: 127.0.0.1:4584" in lines
    assert "X-Amz-Target: secretsmanager.GetSecretValue" in lines
    assert any("/eu-west-1/secretsmanager/aws4_request" in line for line in lines)
    assert body == b'{"SecretId":"hot"}'
    assert f"Content-Length: {len(body)}" in lines


def test_openbao_is_asked_what_it_has_and_nothing_else(tmp_path: Path):
    bao = OpenBao(tmp_path / "bao")
    able = {workload.name for workload in plan((1_000, 1_000_000)) if bao.runs(workload)}
    assert able == {"read", "read-zipf", "describe", "read-tls", "put", "create", "mixed", "list-all-1000"}


def test_requests_are_written_with_their_lengths_one_file_for_each_node(tmp_path: Path):
    requests = [[http_bytes("GET", "/a", {})], [http_bytes("GET", "/bc", {})]]
    prepared = prepare(requests, [URL, "http://127.0.0.1:4585"], connections=4, seconds=2, directory=tmp_path)
    assert (tmp_path / "requests-2").read_bytes() == b"%d\n%b\n" % (len(requests[1][0]), requests[1][0])
    assert prepared.environment["BENCH_NODES"] == "127.0.0.1:4584,127.0.0.1:4585"
    assert {"--threads=2", "--connections=4", "--duration=2s"} <= set(prepared.command)


def test_the_cpu_time_of_a_tree_counts_children_that_have_ended():
    before = processes.cpu_seconds([os.getpid()])
    subprocess.run([sys.executable, "-c", "sum(range(5_000_000))"], check=True)
    assert processes.cpu_seconds([os.getpid()]) > before


def test_memory_of_a_process_that_is_gone_is_none():
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        child.wait()
    assert processes.pss_bytes([child.pid]) == 0
    assert processes.pss_bytes([os.getpid()]) > 1_000_000


def test_stopping_ends_a_process_with_what_it_started(tmp_path: Path):
    nested = "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])"
    command = [sys.executable, "-c", f"{nested}; print('up', flush=True); time.sleep(60)"]
    process = processes.Process(command, tmp_path / "log", environment=processes.plain_environment())
    while "up" not in (tmp_path / "log").read_text():
        process.require_alive()
    family = processes.tree([process.pid])
    assert len(family) == 2
    process.stop()
    deadline = time.monotonic() + 10  # whoever adopted the child reaps it when it gets to it
    while any(map(_is_running, family)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not any(map(_is_running, family))


def test_a_server_that_ended_is_told_with_its_log(tmp_path: Path):
    command = [sys.executable, "-c", "raise SystemExit('no disk')"]
    process = processes.Process(command, tmp_path / "log", environment=processes.plain_environment())
    process._popen.wait()
    with pytest.raises(OperatorError, match="no disk"):
        process.require_alive()


def _is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
