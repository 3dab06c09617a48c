"""Which secrets a command is about, and one change made to each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import typer

from strongroom.cli import secrets_door
from strongroom.cli.desk import Desk
from strongroom.cli.output import print_json, print_table
from strongroom.cli.secrets_journal import Journal, Outcome, Plan, begin
from strongroom.cli.secrets_references import secrets_in
from strongroom.domain.secret import Secret, Tag
from strongroom.errors import OperatorError


@dataclass(frozen=True, slots=True)
class Selection:
    """The secrets that a command is about: one by its name, or all with a prefix and with tags."""

    name: str | None
    prefix: str
    tags: tuple[Tag, ...]

    @classmethod
    def of(cls, name: str | None, prefix: str | None, tags: Sequence[str] | None, *, is_resumed: bool) -> Selection:
        """Return what the options say. Raises OperatorError."""
        is_bulk = prefix is not None or bool(tags)
        if [name is not None, is_bulk, is_resumed].count(True) != 1:
            raise OperatorError(
                "It is not clear which secrets are meant.",
                why="a command is about one NAME, or about --prefix and --tag, or goes on with --resume",
                next_step="give exactly one of them",
            )
        return cls(name, prefix or "", tuple(map(_tag, tags or ())))

    def secrets(self, desk: Desk) -> list[Secret]:
        if self.name is not None:
            return [secrets_door.get(desk, self.name)]
        account_id, region = desk.config.account_id, desk.config.region
        everything = desk.storage.read(lambda tx: list(secrets_in(tx, account_id, region, self.prefix)))
        return [
            secret
            for secret in everything
            if secret.name.startswith(self.prefix) and set(self.tags) <= set(secret.tags or ())
        ]


def _tag(text: str) -> Tag:
    key, separator, value = text.partition("=")
    if not separator or not key:
        raise OperatorError(f"{text} is no tag.", why="a tag is key=value", next_step="write it so")
    return Tag(key, value)


def change_one(desk: Desk, plan: Plan) -> list[Outcome]:
    """Change the one secret of a plan, if it is still there; nothing is written down but the audit record."""
    return [secrets_door.change(desk, plan, arn) for arn in plan.secrets]


def change_many(desk: Desk, plan: Plan, journal: Path | None) -> list[Outcome]:
    """Change the secrets of a plan, and write each down in a journal."""
    path = journal or Path(f"strongroom-{plan.action}-{plan.started_at:%Y%m%dT%H%M%SZ}.jsonl")
    return go_on(desk, begin(path, plan))


def go_on(desk: Desk, journal: Journal) -> list[Outcome]:
    """Do what a journal says and is not done."""
    typer.echo(f"journal: {journal.path} (after an interruption: --resume {journal.path})", err=True)
    return journal.run(lambda arn: secrets_door.change(desk, journal.plan, arn), _progress)


def _progress(number: int, count: int, outcome: Outcome) -> None:
    typer.echo(f"{number}/{count} {outcome.name}: {outcome.outcome}", err=True)


def print_outcomes(outcomes: list[Outcome], *, as_json: bool) -> None:
    if as_json:
        print_json([msgspec.structs.asdict(outcome) for outcome in outcomes])
        return
    rows = [[outcome.name, outcome.outcome, outcome.detail or ""] for outcome in outcomes]
    print_table(("secret", "outcome", "detail"), rows)
