"""`strongroom policy`: what policies decide, and why. Nothing is changed, and nothing is put on a trail."""

from __future__ import annotations

from typing import Annotated, Any, Final, TypeAlias

import typer

from strongroom.cli import policy_explanation, policy_unused, policy_who_can
from strongroom.cli.iam_desk import IamDesk, on_deployment
from strongroom.cli.options import AsJson
from strongroom.cli.output import print_json
from strongroom.cli.policy_question import Question, action_of, find_principal, find_target, parse_context
from strongroom.cli.policy_telling import told_decision
from strongroom.storage.base import Transaction

app = typer.Typer(help="Policies: simulate, who-can, explain, unused.", no_args_is_help=True)
app.command("who-can")(policy_who_can.who_can)
app.command("explain")(policy_explanation.explain)
app.command("unused")(policy_unused.unused)

DENIED: Final = 3
"""Exit status when an action is denied."""

Region: TypeAlias = Annotated[str | None, typer.Option("--region", help="Region of the secret; default: the server's.")]


@app.command("simulate")
@on_deployment
def simulate(
    desk: IamDesk,
    principal: Annotated[str, typer.Option(help="ARN, user/NAME, role/NAME or root.")],
    action: Annotated[list[str], typer.Option(help="An action such as GetSecretValue; may be repeated.")],
    secret: Annotated[str, typer.Option(help="Name or ARN of a secret, or * for none.")],
    context: Annotated[list[str] | None, typer.Option(help="KEY=VALUE of the request; may be repeated.")] = None,
    region: Region = None,
    as_json: AsJson = False,
) -> None:
    """Ask the policies of today. Status 3 if an action is denied."""
    actions, given = [action_of(each) for each in action], parse_context(context or ())

    def work(tx: Transaction) -> list[dict[str, Any]]:
        found = find_principal(tx, desk.account_id, principal, desk.desk.now)
        target = find_target(tx, desk.account_id, region or desk.desk.config.region, secret)
        question = Question(tx, found, target, desk.desk.now, given)
        return [question.explained(each) for each in actions]

    results = desk.desk.storage.read(work)
    if as_json:
        print_json(results)
    else:
        for result in results:
            typer.echo(told_decision(result))
    if any(result["decision"] != "allowed" for result in results):
        raise typer.Exit(DENIED)
