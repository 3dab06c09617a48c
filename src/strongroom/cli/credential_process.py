"""`strongroom credential-process`: temporary credentials for an AWS client that runs a program to get them.

An AWS profile says `credential_process = strongroom credential-process ...`, and no key lies on the disk. Either

- a token file and an endpoint: the token, which an OpenID Connect issuer gave the workload, is exchanged at the
  server's address for a container's credentials (`wire.container_credentials`); or
- on the server's machine, for whoever may read the data directory: a session of a user or role is made with the
  server's own keys, and recorded. No policy is asked who may have it: who reads the root key could make it anyway.

The output is what AWS clients expect of such a program (version 1, documented).
"""

from __future__ import annotations

import getpass
import http.client
import re
import ssl
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

import msgspec
import typer

from strongroom.audit.record import event_time
from strongroom.authn.sessions import IssuedCredentials
from strongroom.cli.desk import Desk, open_desk
from strongroom.cli.options import AccountId, ConfigFile, Database, DataDir, existing_deployment
from strongroom.cli.output import print_json
from strongroom.companions.base import STS
from strongroom.companions.sts.role_sessions import session_principal
from strongroom.config import is_loopback
from strongroom.domain.identity import DEFAULT_SESSION_SECONDS, IdentityKind, Role, User
from strongroom.domain.principal import Principal, Session
from strongroom.domain.session_limits import MAX_OWN_SECONDS, MIN_SECONDS
from strongroom.errors import OperatorError
from strongroom.wire.container_credentials import address_of, session_name

TIMEOUT_SECONDS: Final = 15.0
MAX_ANSWER_BYTES: Final = 64 * 1024

_SESSION_NAME: Final = re.compile(r"[A-Za-z0-9_+=,.@-]{2,64}")

Endpoint = Annotated[str | None, typer.Option("--endpoint", help="URL of the server, to exchange a token there.")]
RoleArn = Annotated[str | None, typer.Option("--role-arn", help="With --endpoint: the role's ARN.")]
TokenFile = Annotated[
    Path | None, typer.Option("--web-identity-token-file", help="With --endpoint: file that holds the token.")
]
CaFile = Annotated[
    Path | None, typer.Option("--ca-file", help="With --endpoint: PEM file of authorities; default: the system's.")
]
UserName = Annotated[str | None, typer.Option("--user", help="On the server's machine: the user's name.")]
RoleName = Annotated[str | None, typer.Option("--role", help="On the server's machine: the role's name.")]
SessionName = Annotated[str | None, typer.Option("--session-name", help="With --role; default: who runs this.")]
Duration = Annotated[
    int, typer.Option("--duration-seconds", help="With --user or --role: how long the credentials last.")
]


def credential_process(
    endpoint: Endpoint = None,
    role_arn: RoleArn = None,
    web_identity_token_file: TokenFile = None,
    ca_file: CaFile = None,
    user: UserName = None,
    role: RoleName = None,
    name: SessionName = None,
    duration_seconds: Duration = DEFAULT_SESSION_SECONDS,
    config_file: ConfigFile = None,
    data_dir: DataDir = None,
    database: Database = None,
    account_id: AccountId = None,
) -> None:
    """Print temporary credentials, for `credential_process` of an AWS profile."""
    if endpoint is not None and role_arn is not None and web_identity_token_file is not None and not (user or role):
        fetched = _fetch(endpoint, role_arn, _read_token(web_identity_token_file), ca_file)
        print_json({"Version": 1, **fetched})
        return
    if endpoint is not None or (user is None) == (role is None):
        raise OperatorError(
            "It is not clear whose credentials are wanted.",
            why="either a token is exchanged at a server, or a session of one user or one role is made beside it",
            next_step="give --endpoint, --role-arn and --web-identity-token-file, or --user, or --role",
        )
    with open_desk(existing_deployment(config_file, data_dir, database, account_id)) as desk:
        if user is not None:
            issued = _issue_to_user(desk, user, duration_seconds)
        else:
            issued = _issue_of_role(desk, str(role), name or session_name(getpass.getuser()), duration_seconds)
    print_json(
        {
            "Version": 1,
            "AccessKeyId": issued.access_key_id,
            "SecretAccessKey": issued.secret_access_key,
            "SessionToken": issued.session_token,
            "Expiration": event_time(issued.expiration),
            "AccountId": desk.config.account_id,
        }
    )


def _issue_to_user(desk: Desk, name: str, seconds: int) -> IssuedCredentials:
    user: User = _find(desk, IdentityKind.USER, name)
    _require_duration(seconds, MAX_OWN_SECONDS)
    session = Session(issuer_arn=user.arn, issuer_id=user.unique_id, issued_at=_whole(desk.now))
    principal = Principal("IAMUser", user.arn, user.unique_id, user.account_id, "", session)
    return _issue(desk, "GetSessionToken", principal, seconds, userName=user.name)


def _issue_of_role(desk: Desk, name: str, session: str, seconds: int) -> IssuedCredentials:
    role: Role = _find(desk, IdentityKind.ROLE, name)
    _require_duration(seconds, role.max_session_seconds)
    if _SESSION_NAME.fullmatch(session) is None:
        raise OperatorError(
            f"{session} cannot be the name of a session.",
            why="it has 2 to 64 letters, digits or _+=,.@-",
            next_step="give another one with --session-name",
        )
    issued_for = Session(issuer_arn=role.arn, issuer_id=role.unique_id, issued_at=_whole(desk.now))
    principal = session_principal(role, session, issued_for)
    return _issue(desk, "AssumeRole", principal, seconds, roleArn=role.arn, roleSessionName=session)


def _issue(desk: Desk, event: str, principal: Principal, seconds: int, **parameters: str) -> IssuedCredentials:
    issued = desk.sessions.issue(principal, _whole(desk.now) + timedelta(seconds=seconds))
    desk.change(
        event,
        lambda _tx: None,
        source=STS.event_source,
        durationSeconds=str(seconds),
        accessKeyId=issued.access_key_id,
        **parameters,
    )
    return issued


def _find(desk: Desk, kind: IdentityKind, name: str) -> Any:
    found = desk.storage.read(lambda tx: tx.identities.find(kind, desk.config.account_id, name))
    if found is None:
        raise OperatorError(
            f"There is no {kind.value} {name} in account {desk.config.account_id}.",
            why="nobody has made one of that name there, or it has been deleted since",
            next_step=f"create it through IAM, or name another {kind.value} or account (--account-id)",
        )
    return found


def _require_duration(seconds: int, most: int) -> None:
    if not MIN_SECONDS <= seconds <= most:
        raise OperatorError(
            f"Credentials cannot last {seconds} seconds.",
            why=f"these last {MIN_SECONDS} to {most} seconds",
            next_step="give another --duration-seconds, or change the role's maximum",
        )


def _whole(instant: datetime) -> datetime:
    return instant.replace(microsecond=0)


def _read_token(path: Path) -> str:
    try:
        token = path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise _no_token(path, str(error)) from error
    if not token or not token.isprintable() or " " in token:
        raise _no_token(path, "it holds no token")
    return token


def _no_token(path: Path, why: str) -> OperatorError:
    return OperatorError(
        f"There is no token in the file {path}.", why=why, next_step="see that the workload's token is put there"
    )


def _fetch(endpoint: str, role_arn: str, token: str, ca_file: Path | None) -> dict[str, str]:
    """Return what the server gives for a token, under the names of a credential process."""
    address = address_of(role_arn)
    if address is None:
        raise OperatorError(
            f"{role_arn} is not the ARN of a role.",
            why="one is of the form arn:aws:iam::123456789012:role/NAME",
            next_step="give the role's ARN with --role-arn",
        )
    status, body = _get(endpoint, address, token, ca_file)
    try:
        answer = msgspec.json.decode(body, type=dict[str, str])
        if status != http.client.OK:
            raise OperatorError(
                f"{endpoint} gives no credentials of {role_arn}.",
                why=f"{answer['code']}: {answer['message']}",
                next_step="see that the token is fresh, and that the role's trust policy allows its issuer and subject",
            )
        return {
            "AccessKeyId": answer["AccessKeyId"],
            "SecretAccessKey": answer["SecretAccessKey"],
            "SessionToken": answer["Token"],
            "Expiration": answer["Expiration"],
            "AccountId": answer["AccountId"],
        }
    except (msgspec.MsgspecError, KeyError) as error:
        raise _unreachable(endpoint, f"it answers with status {status}, and not as Strongroom does") from error


def _get(endpoint: str, path: str, token: str, ca_file: Path | None) -> tuple[int, bytes]:
    """Fetch; redirects are not followed, for the token is meant for nobody else."""
    connection = _connection(endpoint, ca_file)
    try:
        connection.request("GET", path, headers={"Authorization": token, "Accept": "application/json"})
        with connection.getresponse() as response:
            return response.status, response.read(MAX_ANSWER_BYTES)
    except (OSError, http.client.HTTPException) as error:
        raise _unreachable(endpoint, str(error) or type(error).__name__) from error
    finally:
        connection.close()


def _connection(endpoint: str, ca_file: Path | None) -> http.client.HTTPConnection:
    try:
        parts = urlsplit(endpoint)
        host, port = parts.hostname or "", parts.port
        context = ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
    except (ValueError, OSError) as error:
        raise _unreachable(endpoint, str(error)) from error
    if parts.scheme == "https" and host and parts.path in ("", "/"):
        return http.client.HTTPSConnection(host, port, timeout=TIMEOUT_SECONDS, context=context)
    if parts.scheme == "http" and is_loopback(host) and parts.path in ("", "/"):
        return http.client.HTTPConnection(host, port, timeout=TIMEOUT_SECONDS)
    raise OperatorError(
        f"{endpoint} is no address to send a token to.",
        why="it must be https://HOST or https://HOST:PORT; plain http only to this machine",
        next_step="give the server's URL with --endpoint",
    )


def _unreachable(endpoint: str, why: str) -> OperatorError:
    return OperatorError(
        f"{endpoint} cannot be asked for credentials.", why=why, next_step="check --endpoint, --ca-file and the server"
    )
