"""OpenBao: raft storage on disk, a file audit device, one unseal key, KV version 2, a token that may only use it."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit

from bench.processes import free_port, plain_environment
from bench.servers.base import Server, ask, http_bytes, peer_command
from bench.workloads import HOT, PAGE, Call, Workload
from strongroom.errors import OperatorError
from support.certificates import make_certificate

_POLICY: Final = """
path "secret/data/*" { capabilities = ["create", "read", "update"] }
path "secret/metadata/*" { capabilities = ["read", "list"] }
"""
_CONFIGURATION: Final = """
storage "raft" {{
  path    = "{home}/raft"
  node_id = "bench"
}}
listener "tcp" {{
  address     = "127.0.0.1:{port}"
  tls_disable = true
}}
listener "tcp" {{
  address         = "127.0.0.1:{tls_port}"
  cluster_address = "127.0.0.1:{tls_cluster_port}"
  tls_cert_file   = "{certificate}"
  tls_key_file    = "{key}"
}}
api_addr     = "http://127.0.0.1:{port}"
cluster_addr = "http://127.0.0.1:{cluster_port}"
audit "file" "file" {{
  options = {{ file_path = "{home}/audit.log" }}
}}
"""
_SETTLING_SECONDS: Final = 60


class OpenBao(Server):
    """One node, as its documentation sets up a server of one."""

    name = "openbao"
    title = "`bao server`, raft on disk, one node, KV version 2"
    guarantees = (
        "checks a bearer token (no signature over the request) and its policy; encrypts with the barrier's key; "
        "two audit lines a request, handed to the system before the answer; a write is on disk (raft, fsync)"
    )

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self._port, self._tls_port = free_port(), free_port()
        self._token = ""
        self._unseal_key = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def set_up(self, kinds: Sequence[str]) -> None:
        self._configure()
        self._start()
        self._initialise()
        self.fill_through_api(kinds, self.url)
        self.stop()
        started = time.monotonic()
        self._start()
        self._unseal()
        read = self.encode(Call("GetSecretValue", {"SecretId": HOT}), self.url) or b""
        self.await_answer(lambda: ask(self.url, read).status == 200, started)  # noqa: PLR2004

    def urls(self, workload: Workload) -> list[str]:
        return [f"https://127.0.0.1:{self._tls_port}" if workload.tls else self.url]

    def encode(self, call: Call, url: str) -> bytes | None:
        members = call.members
        if call.operation == "ListSecrets":
            if "Filters" in members:
                return None
            return self._request("GET", f"secret/metadata/{call.region}/?list=true&limit={PAGE}", url)
        name = quote(f"{call.region}/{members.get('SecretId') or members.get('Name', '')}")
        if call.operation == "GetSecretValue":
            return self._request("GET", f"secret/data/{name}", url)
        if call.operation == "DescribeSecret":
            return self._request("GET", f"secret/metadata/{name}", url)
        if call.operation in ("PutSecretValue", "CreateSecret"):
            return self._request("POST", f"secret/data/{name}", url, {"data": {"value": members["SecretString"]}})
        return None

    def _request(self, method: str, path: str, url: str, members: dict[str, Any] | None = None) -> bytes:
        headers = {"Host": urlsplit(url).netloc}
        if self._token:
            headers["X-Vault-Token"] = self._token
        body = b"" if members is None else json.dumps(members, separators=(",", ":")).encode()
        return http_bytes(method, f"/v1/{path}", headers, body)

    def _configure(self) -> None:
        certificate, key = make_certificate(self.home)
        (self.home / "raft").mkdir()
        text = _CONFIGURATION.format(
            home=self.home,
            port=self._port,
            tls_port=self._tls_port,
            cluster_port=free_port(),
            tls_cluster_port=free_port(),
            certificate=certificate,
            key=key,
        )
        (self.home / "server.hcl").write_text(text)

    def _start(self) -> None:
        configured = f"-config={self.home / 'server.hcl'}"
        self.launch(peer_command("bao"), "server", configured, environment=plain_environment())
        probe = http_bytes("GET", "/v1/sys/seal-status", {"Host": urlsplit(self.url).netloc})
        self.await_answer(lambda: ask(self.url, probe).status == 200, time.monotonic())  # noqa: PLR2004

    def _initialise(self) -> None:
        keys = self._ask("POST", "sys/init", {"secret_shares": 1, "secret_threshold": 1})
        self._unseal_key, self._token = keys["keys"][0], keys["root_token"]
        self._unseal()
        self._await_leader()
        self._ask("POST", "sys/mounts/secret", {"type": "kv", "options": {"version": "2"}})
        self._ask("PUT", "sys/policies/acl/app", {"policy": _POLICY})
        made = self._ask("POST", "auth/token/create", {"policies": ["app"], "no_default_policy": True, "ttl": "24h"})
        # A new mount of KV version 2 upgrades itself for a moment and refuses writes until then.
        self._await("POST", "secret/data/settled", {"data": {"value": "yes"}})
        self._token = made["auth"]["client_token"]

    def _unseal(self) -> None:
        self._ask("PUT", "sys/unseal", {"key": self._unseal_key})

    def _await_leader(self) -> None:
        self._await("GET", "sys/health", None)

    def _await(self, method: str, path: str, members: dict[str, Any] | None) -> None:
        deadline = time.monotonic() + _SETTLING_SECONDS
        while ask(self.url, self._request(method, path, self.url, members)).status not in (200, 204):
            if time.monotonic() > deadline:
                raise self._refused(path, "it kept refusing")
            time.sleep(0.05)

    def _ask(self, method: str, path: str, members: dict[str, Any]) -> dict[str, Any]:
        answer = ask(self.url, self._request(method, path, self.url, members))
        if answer.status not in (200, 204):
            raise self._refused(path, answer.body.decode(errors="replace"))
        return answer.json()

    def _refused(self, path: str, why: str) -> OperatorError:
        return OperatorError(
            f"OpenBao refused {path} while it was set up.",
            why=why,
            next_step=f"see {self.home / 'log'}, or leave it out with --servers",
        )
