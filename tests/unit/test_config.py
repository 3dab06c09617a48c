"""Settings: where each comes from, and that a mistake is refused instead of overlooked."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from strongroom.config import Config, is_loopback, load
from strongroom.errors import OperatorError
from strongroom.listeners import require_safe_listener

KEY_ID, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
PRESET = {"STRONGROOM_ROOT_ACCESS_KEY_ID": KEY_ID, "STRONGROOM_ROOT_SECRET_ACCESS_KEY": SECRET}


def refused(text: str, *, environment: dict[str, str] | None = None, file: Path | None = None) -> str:
    with pytest.raises(OperatorError) as caught:
        load({}, environment or {}, file)
    assert text in str(caught.value)
    return str(caught.value)


def test_without_anything_said_every_setting_has_its_default():
    loaded = load({}, {"PATH": "/bin"})
    assert loaded.config == Config()
    assert set(loaded.origins.values()) == {"default"}


def test_a_flag_wins_over_the_environment_and_that_over_the_file(tmp_path):
    file = tmp_path / "x.toml"
    file.write_text('port = 1\nworkers = 2\nregion = "eu-west-1"\n')
    environment = {"STRONGROOM_PORT": "3", "STRONGROOM_WORKERS": "4"}
    loaded = load({"port": 5, "host": None}, environment, file)
    assert (loaded.config.port, loaded.config.workers, loaded.config.region) == (5, 4, "eu-west-1")
    assert loaded.origins["port"] == "flag"
    assert loaded.origins["workers"] == "STRONGROOM_WORKERS"
    assert loaded.origins["region"] == f"file {file}"
    assert loaded.origins["host"] == "default"


def test_the_environment_names_a_file_unless_a_flag_does(tmp_path):
    one, other = tmp_path / "one.toml", tmp_path / "other.toml"
    one.write_text("port = 1")
    other.write_text("port = 2")
    environment = {"STRONGROOM_CONFIG": str(one)}
    assert load({}, environment).config.port == 1
    assert load({}, environment, other).config.port == 2


@pytest.mark.parametrize(
    ("environment", "text"),
    [
        ({"STRONGROOM_ROOT_ACCESS_KEY_ID": KEY_ID}, "go together"),
        ({"STRONGROOM_ROOT_SECRET_ACCESS_KEY": SECRET}, "go together"),
        (PRESET | {"STRONGROOM_ROOT_SECRET_ACCESS_KEY": "tiny"}, "at least 16 characters"),
        (PRESET | {"STRONGROOM_ROOT_ACCESS_KEY_ID": "no spaces please"}, "16 to 128 letters and digits"),
        ({"STRONGROOM_PORT": "http"}, "The setting port has an unusable value"),
        ({"STRONGROOM_PORT": "70000"}, "a port is 0 to 65535"),
        ({"STRONGROOM_PORT": "-1"}, "a port is 0 to 65535"),
        ({"STRONGROOM_INSECURE_HTTP": "perhaps"}, "neither true nor false"),
        ({"STRONGROOM_ACCOUNT_ID": "12"}, "twelve digits"),
        ({"STRONGROOM_REGION": "EU"}, "a region is lower-case letters"),
        ({"STRONGROOM_REGIONS": "eu-west-1,EU"}, "every region is lower-case letters"),
        ({"STRONGROOM_PORT": "x"}, "its meaning is in docs/configuration.md"),
        ({"STRONGROOM_LOG_LEVEL": "loud"}, "one of debug, info, warning, error"),
        ({"STRONGROOM_WORKERS": "0"}, "1 to 64 processes"),
        ({"STRONGROOM_WORKERS": "65"}, "1 to 64 processes"),
        ({"STRONGROOM_SHUTDOWN_GRACE_SECONDS": "-1"}, "a number of seconds"),
        ({"STRONGROOM_DATABASE": "mysql://x"}, "postgresql:// URL"),
        ({"STRONGROOM_TLS_CERT": "cert.pem"}, "tls_cert and tls_key go together"),
        ({"STRONGROOM_COLOUR": "red"}, "There is no setting STRONGROOM_COLOUR"),
        ({"STRONGROOM_CONFIG": "/nowhere/x.toml"}, "/nowhere/x.toml cannot be read"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused_without_showing_a_secret(environment, text):
    said = refused(text, environment=environment)
    assert "tiny" not in said
    assert SECRET not in said


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("colour = 1", "There is no setting colour"),
        ("port = true", "The setting port has an unusable value"),
        ("port = 1.5", "The setting port has an unusable value"),
        ("host = 1", "The setting host has an unusable value"),
        ("data_dir = 1", "The setting data_dir has an unusable value"),
        ("insecure_http = 1", "The setting insecure_http has an unusable value"),
        ("regions = [1]", "a list of strings is wanted"),
        ("regions = ['']", "every region is lower-case letters"),
        ("port = ", "cannot be read"),
        ("[server]\nport = 1", "There is no setting server"),
        (f"root_access_key_id = '{KEY_ID}'\nroot_secret_access_key = 123456789012345678", "unusable value"),
        ("database = ['postgresql://u:123456789012345678@h/d']", "unusable value"),
        (b"\xff\xfe", "cannot be read"),
    ],
)
def test_a_file_with_a_mistake_is_refused_without_showing_a_secret(tmp_path, content, text):
    file = tmp_path / "x.toml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert "123456789012345678" not in refused(text, file=file)


@pytest.mark.parametrize(("text", "value"), [("1", True), ("TRUE", True), ("on", True), ("no", False), ("0", False)])
def test_truth_is_written_in_several_ways(text, value):
    assert load({}, {"STRONGROOM_METRICS": text}).config.metrics is value


@pytest.mark.parametrize(
    ("text", "regions"), [("", ()), (" , ", ()), ("eu-west-1, ,us-east-1,", ("eu-west-1", "us-east-1"))]
)
def test_empty_parts_of_a_list_are_left_out(text, regions):
    assert load({}, {"STRONGROOM_REGIONS": text}).config.regions == regions


def test_paths_become_absolute_and_follow_the_data_directory(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    config = load({}, {"STRONGROOM_DATA_DIR": "relative"}).config
    assert config.data_dir == tmp_path / "relative"
    assert config.root_key_path == config.data_dir / "root.key"
    assert load({}, {"STRONGROOM_ROOT_KEY_FILE": "/k"}).config.root_key_path == Path("/k")
    assert load({}, {"STRONGROOM_DATA_DIR": "~/x"}).config.data_dir == Path.home() / "x"


def test_secrets_are_not_in_the_representation():
    config = load({}, PRESET | {"STRONGROOM_DATABASE": "postgresql://u:hidden@h/d"}).config
    assert SECRET not in repr(config)
    assert "hidden" not in repr(config)


def test_every_setting_says_what_it_is_for():
    assert all(item.metadata["help"].endswith(".") for item in fields(Config))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_loopback_needs_no_encryption(host):
    assert is_loopback(host)
    require_safe_listener(Config(host=host))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org", "localhost.example.org", "", "127.1"])
def test_any_other_address_does(host):
    with pytest.raises(OperatorError, match="without TLS"):
        require_safe_listener(Config(host=host))
    require_safe_listener(Config(host=host, insecure_http=True))
    require_safe_listener(Config(host=host, tls_cert=Path("c"), tls_key=Path("k")))
