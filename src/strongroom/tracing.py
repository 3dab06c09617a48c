"""OpenTelemetry traces: one span for each answered request, with its operation and outcome, never a name or a value.

Rules:
- On when the standard variables say so: OTEL_TRACES_EXPORTER is otlp or console, or one of
  OTEL_EXPORTER_OTLP_ENDPOINT and OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is set; off with OTEL_SDK_DISABLED=true or the
  exporter none. Sampling, batching, headers and resource attributes are the SDK's own variables.
- The packages are an extra (`strongroom[otel]`) and are loaded only then; off, a request pays one comparison.
- A span is made when its request has been answered, with the times it began and ended: nothing of tracing is in
  the way of the request. Sending happens on the SDK's own thread; what cannot be sent is dropped.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Final

from strongroom.errors import OperatorError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter

NANOSECONDS: Final = 1_000_000_000
SERVICE_NAME: Final = "strongroom"

_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")


class Tracing:
    """Makes spans and hands them to the SDK."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer(SERVICE_NAME)

    def answered(self, operation: str, code: str, outcome: str, seconds: float, now: datetime) -> None:
        """Tell of a request that was answered just now."""
        from opentelemetry.trace import SpanKind, Status, StatusCode  # noqa: PLC0415 - of the extra

        ended = int(now.timestamp() * NANOSECONDS)
        span = self._tracer.start_span(
            operation,
            kind=SpanKind.SERVER,
            attributes={
                "rpc.system": "aws-api",
                "rpc.method": operation,
                "strongroom.outcome": outcome,
                "strongroom.code": code,
            },
            start_time=ended - int(seconds * NANOSECONDS),
        )
        if outcome == "failed":
            span.set_status(Status(StatusCode.ERROR))
        span.end(ended)

    def close(self) -> None:
        """Send what waits."""
        self._provider.shutdown()


def exporter_named(environment: Mapping[str, str]) -> str | None:
    """Return how spans are to be exported, None if there are to be none."""
    if environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    asked = environment.get("OTEL_TRACES_EXPORTER", "")
    named = asked or ("otlp" if any(environment.get(name) for name in _ENDPOINTS) else "none")
    return None if named == "none" else named


def open_tracing(environment: Mapping[str, str], exporter: SpanExporter | None = None) -> Tracing | None:
    """Return what makes spans, if the environment asks for them; `exporter` instead of the one it names.

    Raises:
        OperatorError: the packages are not installed, or the exporter is none that there is.
    """
    named = exporter_named(environment)
    if named is None:
        return None
    try:
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - of the extra
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

        chosen = exporter or _exporter(named, environment)
    except ImportError as error:
        raise OperatorError(
            "Traces are asked for, and OpenTelemetry is not installed.",
            why=f"variables beginning with OTEL_ are set ({error})",
            next_step="pip install 'strongroom[otel]', or set OTEL_SDK_DISABLED=true",
        ) from error
    attributes = {} if environment.get("OTEL_SERVICE_NAME") else {"service.name": SERVICE_NAME}
    provider = TracerProvider(resource=Resource.create(attributes), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(chosen))
    return Tracing(provider)


def _exporter(named: str, environment: Mapping[str, str]) -> SpanExporter:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import ConsoleSpanExporter  # noqa: PLC0415

    protocol = next((environment[name] for name in _PROTOCOLS if environment.get(name)), "http/protobuf")
    if named == "console":
        return ConsoleSpanExporter()
    if named == "otlp" and protocol == "http/protobuf":
        return OTLPSpanExporter()
    raise OperatorError(
        "Traces cannot be exported as asked.",
        why=f"OTEL_TRACES_EXPORTER is {named} and the protocol {protocol}; otlp over http/protobuf and console exist",
        next_step="set OTEL_TRACES_EXPORTER=otlp and OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf, or none",
    )
