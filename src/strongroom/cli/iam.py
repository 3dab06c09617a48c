"""`strongroom iam`: users, groups, roles, policies, their access keys and identity providers."""

from __future__ import annotations

import typer

from strongroom.cli import iam_access_keys, iam_apply, iam_policies, iam_providers, iam_roles, iam_users

app = typer.Typer(help="Identities: who may do what, beside a running server or without one.", no_args_is_help=True)
app.add_typer(iam_users.users, name="users")
app.add_typer(iam_users.groups, name="groups")
app.add_typer(iam_roles.app, name="roles")
app.add_typer(iam_policies.app, name="policies")
app.add_typer(iam_access_keys.app, name="access-keys")
app.add_typer(iam_providers.app, name="providers")
app.command("apply")(iam_apply.apply)
