"""What commands print for people: texts as they are, and who really reads a secret."""

from __future__ import annotations

from dataclasses import replace

import pytest

from strongroom.cli.output import print_table
from strongroom.cli.secrets_report import Report
from strongroom.domain.trail_event import Reader
from support.clock import NOW
from support.factories import make_secret

READER = Reader("arn", "arn:aws:iam::1:user/app", "192.0.2.1", "Boto3", "AWSCURRENT", NOW, NOW, 1, 0, None)


@pytest.mark.parametrize(
    "text", ["arn:aws:secretsmanager:eu-central-1:1:secret:app", "[bold]x[/bold]", "[/]", ":smile:"]
)
def test_a_table_shows_texts_as_they_are(text, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    print_table(("ARN",), [(text,)])
    assert text in capsys.readouterr().out


def report(*readers: Reader) -> Report:
    return Report(make_secret(), list(readers), False, [], [], [], None, 0, False)  # noqa: FBT003


def test_who_was_given_the_value_reads_a_secret():
    assert report(READER, replace(READER, reads=0, refusals=9)).is_read


def test_who_was_always_refused_reads_nothing():
    assert not report(replace(READER, reads=0, refusals=9)).is_read
