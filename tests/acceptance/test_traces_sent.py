"""A server that sends its traces to a collector: one span for each request, and no value, name or key id in them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from support.server import running

VALUE = "canary-8812-of-the-traces"


@contextmanager
def collector() -> Iterator[tuple[str, list[bytes]]]:
    """Receive OTLP over HTTP: yield the endpoint, and what arrives there."""
    received: list[bytes] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", received
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_every_request_is_one_span_and_nothing_secret_leaves(tmp_path: Path, workers: str):
    quick = {"OTEL_BSP_SCHEDULE_DELAY": "100", "OTEL_EXPORTER_OTLP_COMPRESSION": "none"}
    with (
        collector() as (endpoint, received),
        running(tmp_path, "--workers", workers, OTEL_EXPORTER_OTLP_ENDPOINT=endpoint, **quick) as server,
    ):
        client, key_id = server.client(), server.credentials[0]
        client.create_secret(Name="canary-name", SecretString=VALUE)
        for _ in range(3):
            client.get_secret_value(SecretId="canary-name")
        with pytest.raises(ClientError):
            client.get_secret_value(SecretId="canary-missing")
        assert server.stop() == 0
        assert "Traceback" not in server.log.read_text()
    told = []
    for body in received:
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            told += [span for scope in resource.scope_spans for span in scope.spans]
    codes = sorted(
        (span.name, attribute.value.string_value)
        for span in told
        for attribute in span.attributes
        if attribute.key == "strongroom.code"
    )
    reads = [("GetSecretValue", "ResourceNotFoundException"), *[("GetSecretValue", "Success")] * 3]
    assert codes == [("CreateSecret", "Success"), *reads]
    assert all(span.end_time_unix_nano > span.start_time_unix_nano for span in told)
    for canary in (VALUE, "canary-name", "canary-missing", key_id):
        assert canary.encode() not in b"".join(received)
