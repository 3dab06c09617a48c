"""`strongroom iam apply`: makes an account's identities those that a file declares, all of them or none.

A dry run does all of it too, and takes it back: what IAM would refuse is refused there as well.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final

import typer

from strongroom.cli.iam_desk import IamCalls, IamDesk, on_deployment
from strongroom.cli.iam_document import fault, read_declaration
from strongroom.cli.iam_plan import CHANGE, CREATE, DELETE, Step, plan
from strongroom.cli.options import AsJson
from strongroom.cli.output import print_json
from strongroom.errors import ServiceError

CHANGES_WANTED: Final = 2
"""Exit status of a dry run that found something to do."""

_SIGNS: Final = {CREATE: "+", CHANGE: "~", DELETE: "-"}


class _TakeBackError(Exception):
    """Ends the transaction of a dry run."""

    def __init__(self, steps: list[Step]) -> None:
        super().__init__()
        self.steps = steps


@on_deployment
def apply(
    desk: IamDesk,
    file: Annotated[Path, typer.Argument(help="TOML or JSON file that declares the identities.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Change nothing; status 2 if there is something to do.")
    ] = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="Delete what an earlier apply made and the file declares no longer.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make the identities of the account those that a file declares."""
    declared = read_declaration(file)

    def work(iam: IamCalls) -> list[Step]:
        steps = plan(iam, file, declared, prune=prune)
        for step in steps:
            _carry_out(iam, file, step, records=not dry_run)
        if dry_run:
            raise _TakeBackError(steps)
        return steps

    try:
        steps = desk.do(work)
    except _TakeBackError as planned:
        steps = planned.steps
    if as_json:
        print_json({"Applied": not dry_run, "Changes": [_as_json(step) for step in steps]})
    else:
        typer.echo(_told(steps, dry_run=dry_run))
    if dry_run and steps:
        raise typer.Exit(CHANGES_WANTED)


def _carry_out(iam: IamCalls, file: Path, step: Step, *, records: bool) -> None:
    for action in step.actions:
        try:
            action.do(iam)
        except ServiceError as error:
            if not records:
                iam.refusals.clear()
            why = f"IAM refuses to {action.text}: {error.message} ({error.code})"
            raise fault(file, f"{step.kind.value} {step.name}", why) from error


def _told(steps: list[Step], *, dry_run: bool) -> str:
    if not steps:
        return "There is nothing to do: all is as declared."
    lines = []
    for step in steps:
        lines.append(f"{_SIGNS[step.verb]} {step.kind.value} {step.name}")
        lines += [f"    {action.text}" for action in step.actions]
    count = f"{len(steps)} {'entity' if len(steps) == 1 else 'entities'}"
    lines.append(f"{count} would be changed." if dry_run else f"{count} changed.")
    return "\n".join(lines)


def _as_json(step: Step) -> dict[str, Any]:
    return {
        "Action": step.verb,
        "Kind": step.kind.value,
        "Name": step.name,
        "Steps": [action.text for action in step.actions],
    }
