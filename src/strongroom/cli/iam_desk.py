"""How commands change identities: by the operations of IAM, performed as the account's root.

Rules:
- All calls of a command are one transaction: all take effect, or none.
- Each has its record on the command line's trail, with the operator as who it was, once all have succeeded. If
  one is refused, the record is of that call alone: the others never were.
- What IAM refuses is told in three lines, the first of which is IAM's own sentence.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Concatenate, Final, ParamSpec, TypeAlias, TypeVar
from urllib.parse import unquote

import msgspec
import typer

from strongroom import ids
from strongroom.audit.record import event_time
from strongroom.authorization import Caller
from strongroom.cli.desk import Desk, open_desk
from strongroom.cli.options import AccountId, ConfigFile, Database, DataDir, existing_deployment
from strongroom.companions.iam import OPERATIONS, shapes
from strongroom.domain.aws_managed_policies import find_document
from strongroom.domain.identity import AWS_POLICY_PREFIX, IdentityKind, arn_of
from strongroom.domain.principal import Principal, root_arn
from strongroom.entropy import SystemEntropy
from strongroom.errors import OperatorError, ServiceError
from strongroom.storage.base import Transaction
from strongroom.wire import constraints

P = ParamSpec("P")
T = TypeVar("T")

EntityPath: TypeAlias = Annotated[str | None, typer.Option("--path", help="Where it stands: / or /some/path/.")]
Boundary: TypeAlias = Annotated[
    str | None, typer.Option("--boundary", help="Name or ARN of the managed policy that bounds its permissions.")
]
TagTexts: TypeAlias = Annotated[list[str] | None, typer.Option("--tag", help="KEY=VALUE; may be repeated.")]
Force: TypeAlias = Annotated[bool, typer.Option("--force", help="Remove what it still has as well.")]
PolicyName: TypeAlias = Annotated[str, typer.Argument(help="ARN of a managed policy, or its name.")]
JsonFile: TypeAlias = Annotated[Path, typer.Argument(help="JSON file.")]

MAX_DOCUMENT_BYTES: Final = 1 << 20
"""Largest file that a command reads as a policy or key set: more than any limit of what may stand in it."""

_ALL_ITEMS: Final = 1_000

_NEXT: Final = {
    "NoSuchEntity": "see what there is with the list commands of `strongroom iam`, or name another --account-id",
    "EntityAlreadyExists": "choose another name, or change what is there",
    "DeleteConflict": "remove what is told first, or give --force where the command has it",
    "LimitExceeded": "remove what is not needed, or divide it among several",
    "MalformedPolicyDocument": "mend the document at that place",
}
_OTHERWISE_NEXT: Final = "give a value that IAM accepts"


@dataclass(frozen=True, slots=True)
class IamCalls:
    """The operations of IAM within one transaction, each called by its name."""

    desk: Desk
    tx: Transaction
    first_event: str
    records: list[bytes] = field(default_factory=list)
    refusals: list[bytes] = field(default_factory=list)

    def __call__(self, name: str, **members: Any) -> Any:
        """Perform an operation, given the members of its request that have a value. Raises ServiceError."""
        operation, config = OPERATIONS[name], self.desk.config
        request = operation.request(**{member: value for member, value in members.items() if value is not None})
        constraints.check(request)
        account_id = config.account_id
        root = Principal("Root", root_arn(account_id), account_id, account_id, "")
        origin = self.desk.origin
        records: list[bytes] = []
        try:
            return self.desk.companions.perform_within(
                self.tx,
                operation,
                request,
                Caller(root, config.region, origin),
                origin,
                event_id=ids.derived_event_id(self.first_event, len(self.records)),
                identity=self.desk.identity,
                journal=records.append,
            )
        except ServiceError:
            self.refusals.extend(records)
            raise
        finally:
            self.records.extend(records)

    def all(self, name: str, member: str, **members: Any) -> list[Any]:
        """Return all items of a list, however many pages it has."""
        items, marker = [], None
        while True:
            answer = self(name, max_items=_ALL_ITEMS, marker=marker, **members)
            items += getattr(answer, member)
            marker = answer.marker
            if marker is None:
                return items


@dataclass(frozen=True, slots=True)
class IamDesk:
    """What a command about identities works with."""

    desk: Desk

    @property
    def account_id(self) -> str:
        return self.desk.config.account_id

    def do(self, work: Callable[[IamCalls], T]) -> T:
        """Perform calls that change something. Raises OperatorError when one is refused."""
        return self._explained(self.desk.storage.write, work)

    def look(self, work: Callable[[IamCalls], T]) -> T:
        """Perform calls that change nothing."""
        return self._explained(self.desk.storage.read, work)

    def _explained(self, run: Callable[[Callable[[Transaction], T]], T], work: Callable[[IamCalls], T]) -> T:
        try:
            return run(self._recorded(work))
        except ServiceError as error:
            raise explained(error) from error

    def _recorded(self, work: Callable[[IamCalls], T]) -> Callable[[Transaction], T]:
        first_event = ids.random_uuid(SystemEntropy())

        def recorded(tx: Transaction) -> T:
            calls = IamCalls(self.desk, tx, first_event)
            try:
                result = work(calls)
            except (ServiceError, OperatorError):
                for refusal in calls.refusals[-1:]:
                    tx.journal(refusal)
                raise
            for entry in calls.records:
                tx.journal(entry)
            return result

        return recorded


def on_deployment(command: Callable[Concatenate[IamDesk, P], None]) -> Callable[..., None]:
    """Give a command the options that name a deployment and an account; it is handed their desk."""
    own = list(inspect.signature(command, eval_str=True).parameters.values())[1:]
    kinds = {"config_file": ConfigFile, "data_dir": DataDir, "database": Database, "account_id": AccountId}
    shared = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind)
        for name, kind in kinds.items()
    ]

    @functools.wraps(command)
    def run(*args: P.args, **arguments: P.kwargs) -> None:
        config = existing_deployment(*[arguments.pop(name) for name in kinds])  # type: ignore[arg-type]
        with open_desk(config) as desk:
            command(IamDesk(desk), *args, **arguments)

    run.__signature__ = inspect.Signature([*own, *shared])  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in (*own, *shared)}
    return run


def explained(error: ServiceError) -> OperatorError:
    """Return what a refusal means at the command line."""
    notes = getattr(error, "__notes__", [])
    return OperatorError(
        error.message or f"IAM answers {error.code}.",
        why=f"IAM answers {error.code}" + "".join(f": {note}" for note in notes),
        next_step=_NEXT.get(error.code, _OTHERWISE_NEXT),
    )


def find_policy_arn(iam: IamCalls, policy: str) -> str:
    """Return the ARN of a managed policy that a person names by its ARN or its name, the account's own first."""
    if policy.startswith("arn:"):
        return policy
    account_id = iam.desk.config.account_id
    own = iam.tx.identities.find(IdentityKind.POLICY, account_id, policy)
    if own is not None:
        return str(own.arn)
    of_aws = AWS_POLICY_PREFIX + policy
    return of_aws if find_document(of_aws) is not None else arn_of(IdentityKind.POLICY, account_id, "/", policy)


def parse_tags(texts: Iterable[str]) -> list[shapes.Tag] | None:
    """Return tags given as KEY=VALUE, None for no tags. Raises OperatorError."""
    tags = []
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise OperatorError(
                f"{text} is no tag.", why="a tag is written KEY=VALUE", next_step="write --tag team=payments"
            )
        tags.append(shapes.Tag(key=key, value=value))
    return tags or None


def shown(content: Any) -> Any:
    """Return what an answer of IAM tells, under its names on the wire; instants as the trail writes them."""
    if isinstance(content, list):
        return [shown(item) for item in content]
    builtins = msgspec.to_builtins(content, builtin_types=(datetime,))
    return {name: event_time(value) if isinstance(value, datetime) else value for name, value in builtins.items()}


def plain(document: str) -> str:
    """Return a policy as it was written, from how IAM shows it."""
    return unquote(document)


def read_text(path: Path) -> str:
    """Return the text of a file that a command was given. Raises OperatorError."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_DOCUMENT_BYTES + 1)
        if len(data) > MAX_DOCUMENT_BYTES:
            raise ValueError(f"it has more than {MAX_DOCUMENT_BYTES} bytes")
        return data.decode()
    except (OSError, ValueError) as error:
        raise OperatorError(
            f"The file {path} cannot be read.", why=str(error), next_step="check its name, its rights and its content"
        ) from error
