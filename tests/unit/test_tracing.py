"""When traces are made, and what a span says."""

from __future__ import annotations

import sys

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from strongroom.errors import OperatorError
from strongroom.tracing import NANOSECONDS, Tracing, exporter_named, open_tracing
from support.clock import NOW

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}
CONSOLE = {"OTEL_TRACES_EXPORTER": "console"}


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, None),
        ({"OTEL_SERVICE_NAME": "x"}, None),
        (ENDPOINT, "otlp"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4318/v1/traces"}, "otlp"),
        (CONSOLE, "console"),
        (ENDPOINT | {"OTEL_TRACES_EXPORTER": "none"}, None),
        (ENDPOINT | {"OTEL_SDK_DISABLED": "TRUE"}, None),
    ],
)
def test_traces_are_made_when_the_standard_variables_ask_for_them(environment, expected):
    assert exporter_named(environment) == expected


@pytest.mark.parametrize(
    "environment", [{"OTEL_TRACES_EXPORTER": "zipkin"}, ENDPOINT | {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}]
)
def test_an_exporter_that_does_not_exist_is_refused(environment):
    with pytest.raises(OperatorError, match="Traces cannot be exported"):
        open_tracing(environment)


def test_without_the_packages_the_operator_is_told_which_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(OperatorError, match=r"strongroom\[otel\]"):
        open_tracing(CONSOLE)


def test_without_being_asked_for_nothing_of_opentelemetry_is_needed(monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    assert open_tracing({}) is None


@pytest.fixture
def spans():
    return InMemorySpanExporter()


@pytest.fixture
def tracing(spans):
    opened = open_tracing(CONSOLE, spans)
    assert isinstance(opened, Tracing)
    yield opened
    opened.close()


def test_a_span_has_the_operation_its_outcome_and_its_time_and_nothing_else(tracing, spans):
    tracing.answered("GetSecretValue", "Success", "success", 0.25, NOW)
    tracing.close()
    (span,) = spans.get_finished_spans()
    assert (span.name, span.kind, span.status.status_code) == ("GetSecretValue", SpanKind.SERVER, StatusCode.UNSET)
    assert dict(span.attributes) == {
        "rpc.system": "aws-api",
        "rpc.method": "GetSecretValue",
        "strongroom.outcome": "success",
        "strongroom.code": "Success",
    }
    assert span.end_time == int(NOW.timestamp() * NANOSECONDS)
    assert span.end_time - span.start_time == NANOSECONDS // 4
    assert span.resource.attributes["service.name"] == "strongroom"


def test_a_span_of_a_failed_request_is_an_error_and_one_of_a_refused_request_is_not(tracing, spans):
    tracing.answered("GetSecretValue", "InternalServiceError", "failed", 0.1, NOW)
    tracing.answered("GetSecretValue", "ResourceNotFoundException", "refused", 0.1, NOW)
    tracing.close()
    failed, refused = spans.get_finished_spans()
    assert (failed.status.status_code, refused.status.status_code) == (StatusCode.ERROR, StatusCode.UNSET)
