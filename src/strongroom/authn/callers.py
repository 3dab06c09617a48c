"""Whose a key id is: a long-term key of the database, or a session by the token that came along.

Rules:
- Both are looked up at every request, or recalled while nothing has been committed: what is disabled or
  deleted stops at once.
- A session ends with the user or role it came from, also if another of the same name is made.
"""

from __future__ import annotations

from typing import TypeAlias

from strongroom.authn.access_keys import AccessKeys, StoredAccessKey
from strongroom.authn.sessions import SessionKey, SessionTokens
from strongroom.recall import Recall
from strongroom.storage.base import Given, Storage

CallerKey: TypeAlias = StoredAccessKey | SessionKey
"""Credentials, and the principal they prove."""


class Callers:
    """Finds the credentials that a request claims."""

    def __init__(self, storage: Storage, access_keys: AccessKeys, sessions: SessionTokens, recall: Recall) -> None:
        self._storage = storage
        self._access_keys = access_keys
        self._sessions = sessions
        self._recall = recall

    def find(self, access_key_id: str, token: str | None, given: Given | None = None) -> CallerKey | None:
        """Return the active credentials of a key id, None if there are none. With `given` only what it holds is read.

        Raises:
            NotBroughtError: `given` does not suffice.
        """
        session = None if token is None else self._sessions.open(access_key_id, token)
        if session is None:
            return self._access_keys.find_active(access_key_id, given)
        return session if self._is_issuer_there(session, given) else None

    def _is_issuer_there(self, session: SessionKey, given: Given | None) -> bool:
        principal = session.principal
        if principal.session is None or principal.is_root:
            return principal.session is not None
        issuer_id, mark = principal.session.issuer_id, self._storage.mark(given)
        if self._recall.find(issuer_id, mark) is not None:
            return True
        found = self._storage.look_up(lambda tx: tx.identities.find_by_id(issuer_id), given)
        if found is not None and self._storage.mark(given) == mark:
            self._recall.keep(issuer_id, found, mark)
        return found is not None
