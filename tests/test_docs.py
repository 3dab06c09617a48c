"""The documents say what the code does: settings, commands, operations, modules."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

from typer.main import get_command

from strongroom.cli import command_line
from strongroom.config import ENVIRONMENT_PREFIX, Config
from strongroom.operations import OPERATIONS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
SETTINGS = (ROOT / "docs" / "configuration.md").read_text()
DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]


def settings_table() -> str:
    """Return the table of docs/configuration.md as the code has it."""
    lines = ["| setting | variable | default | meaning |", "|---|---|---|---|"]
    for item in fields(Config):
        default = "" if item.default is None or item.name == "data_dir" else f"`{item.default}`".lower()
        lines.append(
            f"| `{item.name}` | `{ENVIRONMENT_PREFIX}{item.name.upper()}` | {default} | {item.metadata['help']} |"
        )
    return "\n".join(lines)


def test_every_setting_is_documented_as_it_is() -> None:
    assert settings_table() in SETTINGS


def test_every_operation_built_is_in_the_readme_and_no_other() -> None:
    row = next(line for line in README.splitlines() if line.endswith("| built |"))
    assert set(re.findall(r"[A-Z]\w+", row)) == set(OPERATIONS)


def test_every_command_that_the_documents_name_exists() -> None:
    commands = get_command(command_line()).commands  # type: ignore[attr-defined]
    for document in DOCUMENTS:
        for group, names in re.findall(r"`?strongroom ([a-z-]+) ?((?:[a-z][a-z-]*\|?)*)", document.read_text()):
            if group not in commands:
                assert document.name == "README.md", f"{document.name}: strongroom {group}"
                continue
            known = getattr(commands[group], "commands", {})
            for name in filter(None, names.split("|")) if known else ():
                assert name in known, f"{document.name}: strongroom {group} {name}"


def test_every_module_is_in_the_architecture() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    for module in (ROOT / "src" / "strongroom").rglob("*.py"):
        if module.stem.startswith("__") or module.parent.name in {"operations", "cli", "authn"}:
            continue
        assert re.search(rf"\b{module.stem}\b", text), module


def test_links_between_documents_lead_somewhere() -> None:
    for document in DOCUMENTS:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name}: {target}"
