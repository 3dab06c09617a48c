"""`strongroom iam providers`: OpenID Connect issuers whose tokens roles may trust, and their pinned keys.

Pinned keys are of no API: this is the only way to set them. Where they are, nothing is fetched from the issuer.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

from strongroom.authn.json_web_keys import KeySetFault, parse_key_set
from strongroom.cli.iam_desk import IamCalls, IamDesk, JsonFile, TagTexts, on_deployment, parse_tags, read_text, shown
from strongroom.cli.options import AsJson
from strongroom.cli.output import print_details, print_json, print_table
from strongroom.domain.iam_names import provider_not_found
from strongroom.domain.identity import IdentityKind, IdentityProvider, arn_of
from strongroom.errors import OperatorError

app = typer.Typer(help="Identity providers: create, list, show, pin, unpin, delete.", no_args_is_help=True)

Url: TypeAlias = Annotated[str, typer.Argument(metavar="URL", help="https URL of the issuer, or the provider's ARN.")]


@app.command("create")
@on_deployment
def create(
    desk: IamDesk,
    url: Url,
    audience: Annotated[list[str], typer.Option("--audience", help="Client id that tokens are for; repeatable.")],
    jwks: Annotated[Path | None, typer.Option("--jwks", help="JSON file of the issuer's keys, to pin them.")] = None,
    tag: TagTexts = None,
    as_json: AsJson = False,
) -> None:
    """Make a provider; without --jwks its keys are fetched from the issuer."""
    key_set, tags = None if jwks is None else read_key_set(jwks), parse_tags(tag or ())

    def work(iam: IamCalls) -> str:
        made = iam("CreateOpenIDConnectProvider", url=url, client_ids=audience, tags=tags)
        if key_set is not None:
            pin(iam, made.provider_arn, key_set)
        return str(made.provider_arn)

    arn = desk.do(work)
    if as_json:
        print_json({"OpenIDConnectProviderArn": arn})
        return
    typer.echo(f"{arn} is made.")


@app.command("list")
@on_deployment
def list_providers(desk: IamDesk, as_json: AsJson = False) -> None:
    """Show the providers of the account."""
    found = desk.look(lambda iam: [_shown(iam, entry.arn) for entry in iam("ListOpenIDConnectProviders").providers])
    if as_json:
        print_json(found)
        return
    rows = [(one["Arn"], ", ".join(one["ClientIDList"]), "pinned" if one["IsPinned"] else "fetched") for one in found]
    print_table(("provider", "audiences", "keys"), rows)


@app.command("show")
@on_deployment
def show(desk: IamDesk, url: Url, as_json: AsJson = False) -> None:
    """Show a provider."""
    print_details(desk.look(lambda iam: _shown(iam, _arn(iam, url))), as_json=as_json)


@app.command("delete")
@on_deployment
def delete(desk: IamDesk, url: Url) -> None:
    """Delete a provider; its tokens are exchanged no longer, sessions that are there stay."""

    def work(iam: IamCalls) -> str:
        arn = _find(iam, url).arn
        iam("DeleteOpenIDConnectProvider", provider_arn=arn)
        return arn

    typer.echo(f"{desk.do(work)} is deleted.")


@app.command("pin")
@on_deployment
def pin_keys(desk: IamDesk, url: Url, file: JsonFile) -> None:
    """Trust the keys in a file, and no longer those that the issuer publishes."""
    key_set = read_key_set(file)
    desk.do(lambda iam: pin(iam, _arn(iam, url), key_set))
    typer.echo(f"Tokens of {url} are verified with the keys in {file}.")


@app.command("unpin")
@on_deployment
def unpin_keys(desk: IamDesk, url: Url) -> None:
    """Fetch the issuer's keys again."""
    desk.do(lambda iam: pin(iam, _arn(iam, url), None))
    typer.echo(f"Tokens of {url} are verified with the keys that the issuer publishes.")


def read_key_set(path: Path) -> str:
    """Return the text of a key set. Raises OperatorError for one that no token could be verified with."""
    text = read_text(path)
    try:
        parse_key_set(text.encode())
    except KeySetFault as fault:
        raise OperatorError(
            f"The file {path} holds no key set that can be pinned.",
            why=str(fault),
            next_step="give the JSON Web Key Set that the issuer publishes, public keys only",
        ) from fault
    return text


def pin(iam: IamCalls, arn: str, key_set: str | None) -> None:
    """Pin a provider's keys, or with None pin none; it stands on the record beside the operations of IAM."""
    provider = _find(iam, arn)
    iam.tx.identities.put(replace(provider, key_set=key_set))
    name = "UnpinOpenIDConnectProviderKeys" if key_set is None else "PinOpenIDConnectProviderKeys"
    iam.records.append(iam.desk.record_of(name, openIDConnectProviderArn=provider.arn))


def _arn(iam: IamCalls, url: str) -> str:
    if url.startswith("arn:"):
        return url
    return arn_of(IdentityKind.PROVIDER, iam.desk.config.account_id, "/", url.removeprefix("https://"))


def _find(iam: IamCalls, url: str) -> IdentityProvider:
    arn = _arn(iam, url)
    found = iam.tx.identities.find_by_arn(arn)
    if not isinstance(found, IdentityProvider) or found.account_id != iam.desk.config.account_id:
        raise provider_not_found(arn)
    return found


def _shown(iam: IamCalls, arn: str) -> dict[str, Any]:
    told = shown(iam("GetOpenIDConnectProvider", provider_arn=arn))
    return {"Arn": arn, **told, "IsPinned": _find(iam, arn).key_set is not None}
