"""What the bench fills in is what calls would find: on SQLite, and copied to PostgreSQL."""

from __future__ import annotations

import itertools
from pathlib import Path

from bench import loader
from bench.workloads import GUARDED, MAIN, PUT_SECRETS, contents
from strongroom.app import open_node
from strongroom.audit.record import Origin
from strongroom.config import Config
from strongroom.domain.principal import Principal, root_arn
from strongroom.first_start import prepare
from strongroom.operations import OPERATIONS
from strongroom.operations.get_secret_value import GetSecretValueRequest
from strongroom.service import Caller

KINDS = ("main",)


def filled_template(directory: Path) -> Path:
    template = directory / "filled"
    assert loader.fill(template, None, itertools.islice(contents("main"), 30)) == 30
    return template


def read(config: Config, name: str) -> str:
    account = config.account_id
    principal = Principal("Root", root_arn(account), account, account, "AKIDEXAMPLE")
    caller = Caller(principal, MAIN, Origin("request-id", "192.0.2.7", "tests/1"))
    assert not prepare(config)  # the account is there already
    node = open_node(config)
    try:
        response = node.service.perform(OPERATIONS["GetSecretValue"], GetSecretValueRequest(secret_id=name), caller)
        return response.secret_string
    finally:
        node.close()


def test_a_copy_on_sqlite_answers_with_what_was_filled_in(tmp_path: Path):
    template = filled_template(tmp_path)
    loader.deploy(template, tmp_path / "copy", KINDS)
    assert read(Config(data_dir=tmp_path / "copy"), GUARDED) == next(contents("main")).value


def test_a_copy_on_postgresql_answers_with_what_was_filled_in(tmp_path: Path, postgres_url: str, monkeypatch):
    template = filled_template(tmp_path)
    monkeypatch.setattr(loader, "fill", None)  # the copy is to do without: both databases have the same tables
    loader.deploy_on_postgresql(template, tmp_path / "node", postgres_url, KINDS)
    config = Config(data_dir=tmp_path / "node", database=postgres_url)
    assert read(config, GUARDED) == next(contents("main")).value


def test_where_the_databases_differ_the_postgresql_one_is_filled_by_itself(
    tmp_path: Path, postgres_url: str, monkeypatch
):
    template, filled = filled_template(tmp_path), []
    monkeypatch.setattr(loader, "copy_tables", lambda *_: False)
    monkeypatch.setattr(loader, "fill", lambda data_dir, url, stored: filled.append((url, len(list(stored)))))
    loader.deploy_on_postgresql(template, tmp_path / "node", postgres_url, KINDS)
    assert [(url, count > PUT_SECRETS) for url, count in filled] == [(postgres_url, True)]
