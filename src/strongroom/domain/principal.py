"""Who calls: the identity that a verified signature proves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from strongroom.domain.secret import Tag


@dataclass(frozen=True, slots=True)
class Session:
    """Temporary credentials: whose they are and what was fixed when they were given out.

    Attributes:
        issuer_arn: the role, or the user or root that asked for them itself; with its path.
        issuer_id: its unique id (the account id of a root).
        issued_at: whole seconds.
        policies: texts of session policies, which only narrow what the issuer may do.
        policy_arns: managed policies that narrow it, read anew at each call.
        tags: session tags; they override the issuer's own of the same key.
        transitive_tag_keys: keys of the tags that sessions assumed from this one get, too.
        source_identity: whoever first asked, as they said; it stays through a chain of roles.
        provider: the identity provider whose token was exchanged for the session.
    """

    issuer_arn: str
    issuer_id: str
    issued_at: datetime
    policies: tuple[str, ...] = ()
    policy_arns: tuple[str, ...] = ()
    tags: tuple[Tag, ...] = ()
    transitive_tag_keys: tuple[str, ...] = ()
    source_identity: str | None = None
    provider: str | None = None

    @property
    def issuer_name(self) -> str:
        return last_name(self.issuer_arn)

    @property
    def is_narrowed(self) -> bool:
        return bool(self.policies or self.policy_arns)


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller in an account. `kind` is CloudTrail's word for it: Root, IAMUser or AssumedRole."""

    kind: str
    arn: str
    principal_id: str
    account_id: str
    access_key_id: str
    session: Session | None = None

    def __hash__(self) -> int:
        """Return the hash of what hardly two have in common; it is asked for at every read."""
        return hash(self.access_key_id)

    @property
    def is_root(self) -> bool:
        """Whether it is the account itself, which its own policies cannot limit."""
        return self.kind == "Root"

    @property
    def identity_arn(self) -> str:
        """The user or role whose policies decide."""
        return self.arn if self.session is None else self.session.issuer_arn

    @property
    def role_arn(self) -> str | None:
        """The role of a role session, with its path."""
        return self.session.issuer_arn if self.session is not None and self.kind == "AssumedRole" else None

    @property
    def user_name(self) -> str | None:
        return last_name(self.arn) if self.kind == "IAMUser" else None


def root_arn(account_id: str) -> str:
    return f"arn:aws:iam::{account_id}:root"


def role_session_arn(account_id: str, role_name: str, session_name: str) -> str:
    """Return the ARN of one session of a role; the role's path is not in it (documented)."""
    return f"arn:aws:sts::{account_id}:assumed-role/{role_name}/{session_name}"


def last_name(arn: str) -> str:
    return arn.rsplit("/", 1)[-1]
