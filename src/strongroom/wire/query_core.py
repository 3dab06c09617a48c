"""Requests to the companion services: forms in, XML out, on the same port and path as Secrets Manager.

Rules:
- A form posted to `/`, or a query string fetched from it, names an action and a version; the version says
  which service is meant, and the signature must be scoped to that service (dossier section 1).
- Only GetCallerIdentity may be fetched, since a presigned address is a proof of identity for third parties
  and nothing else (recorded use).
- Calls that wait for an identity provider's keys wait on a thread and are performed again. Where reads may
  wait for the database the whole call runs on a thread.
- Everything that names an action is on the audit trail, also when it is refused here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any, Final

import msgspec

from strongroom.audit.record import Origin
from strongroom.authn.callers import CallerKey
from strongroom.authn.failed_attempts import Prover
from strongroom.authorization import Caller
from strongroom.companions import OPERATIONS
from strongroom.companions.base import STS, Access, CompanionOperation
from strongroom.companions.call import KeysWantedError
from strongroom.companions.door import CompanionService
from strongroom.errors import ServiceError
from strongroom.operations.base import Request, Response
from strongroom.service import Service, WriteElsewhereError, internal_failure
from strongroom.wire import awsquery, constraints, faults
from strongroom.wire.exchange import Answer, Elsewhere, HttpRequest, Outcome, Pending, waited

FETCHING_THREADS: Final = 4
"""Identity providers that are asked for their keys at once."""

_FETCHABLE: Final = ("sts", "GetCallerIdentity")

FindCaller = Callable[[str, str | None], "CallerKey | None"]


class QueryCore:
    """Answers requests of the query protocol. `provers` are one for each service."""

    def __init__(
        self,
        service: Service,
        door: CompanionService,
        provers: Mapping[str, Prover],
        find_caller: FindCaller,
        *,
        threads: Executor | None = None,
    ) -> None:
        self._service = service
        self._door = door
        self._provers = provers
        self._find_caller = find_caller
        self._threads = threads
        self._fetchers = ThreadPoolExecutor(FETCHING_THREADS, thread_name_prefix="identity-provider-keys")

    def close(self) -> None:
        self._fetchers.shutdown(wait=False, cancel_futures=True)

    def begin(self, request: HttpRequest, origin: Origin) -> Outcome | None:
        """Answer now, or say what to wait for; None for what is not of this protocol. Raises nothing."""
        if request.raw_path != b"/":
            return None
        content_type = next((value for name, value in request.headers if name == b"content-type"), None)
        is_form = request.method == "POST" and awsquery.is_form_request(content_type)
        if not is_form and not (request.method == "GET" and request.query_string):
            return None
        if self._threads is not None:
            return Pending(self._threads.submit(self._answer_waiting, request, origin), lambda future: future.result())
        return self._answer(request, origin)

    def perform(
        self, operation: CompanionOperation[Any], typed: Request, caller: Caller | None, origin: Origin
    ) -> Response | Pending | None:
        """Go through the door; what it waits for ends in the response, or in another wait.

        Raises:
            ServiceError: the answer, if it is not success.
            WriteElsewhereError: this process may not write.
        """
        return self._door.begin(operation, typed, caller, origin)  # type: ignore[return-value]

    def _answer_waiting(self, request: HttpRequest, origin: Origin) -> Answer | Elsewhere:
        return waited(self._answer(request, origin))

    def _answer(self, request: HttpRequest, origin: Origin) -> Outcome:
        progress = _Progress(request, origin)
        try:
            typed, caller = self._understand(progress)
        except Exception as error:  # noqa: BLE001 - the edge must answer whatever happened
            return self._refuse(progress, error)
        return self._perform(progress, typed, caller)
