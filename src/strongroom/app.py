"""The composition root: a configuration becomes a running node. Nothing else knows all the parts.

`open_node` puts together one process's share of the server; `Node.close` takes it apart in order.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

from strongroom import ids
from strongroom.access_dates import AccessDates
from strongroom.attempt import Surroundings
from strongroom.audit.notes import SIGNING_LABEL, Signer
from strongroom.audit.record import Origin, service_event
from strongroom.audit.rotation import Rotation, continue_trail
from strongroom.audit.trail import Durability, Trail
from strongroom.authn.access_keys import AccessKeys
from strongroom.authn.callers import Callers
from strongroom.authn.failed_attempts import FailedAttempts, Prover
from strongroom.authn.issuer_fetcher import IssuerFetcher
from strongroom.authn.key_sets import KeySets
from strongroom.authn.presigned import MAX_AGE
from strongroom.authn.sessions import SessionTokens
from strongroom.authn.sigv4 import Verifier
from strongroom.clock import Clock, SystemClock
from strongroom.companions.base import CLOUDTRAIL, IAM, STS
from strongroom.companions.door import CompanionService
from strongroom.config import Config
from strongroom.crypto.keyring import Keyring, open_keyring
from strongroom.crypto.page_tokens import PageTokens
from strongroom.crypto.root_key import FileRootKey
from strongroom.crypto.vault import Vault
from strongroom.data_directory import node_id
from strongroom.domain.access import Access
from strongroom.domain.quotas import AWS_RATES
from strongroom.entropy import Entropy, SystemEntropy
from strongroom.listeners import metrics_token
from strongroom.metrics import Metrics
from strongroom.operations.secret_room import SecretRoom
from strongroom.recall import Recall
from strongroom.rotators.base import NoRotators
from strongroom.service import Service
from strongroom.storage.base import Storage, StorageError
from strongroom.storage.sqlite import SqliteStorage
from strongroom.throttle import Throttle
from strongroom.tracing import open_tracing
from strongroom.vigilance import Vigilance, deletion_rules_of, open_index, open_vigilance
from strongroom.wire.companion_core import CompanionCore
from strongroom.wire.container_credentials import ContainerCredentials
from strongroom.wire.core import CONTENT_TYPE, SERVICE_NAME, RequestCore
from strongroom.wire.edge import Edge, Probes
from strongroom.wire.exchange import HttpRequest, Outcome
from strongroom.wire.json_core import JsonCore
from strongroom.wire.origins import Origins
from strongroom.wire.query_core import QueryCore
from strongroom.workers import census, purge, replicate
from strongroom.workers.audit_index import AuditIndex
from strongroom.workers.runner import Runner
from strongroom.workers.trail_files import TrailFiles
from strongroom.workers.trail_keeper import TrailKeeper

FETCHING_THREADS: Final = 4
"""Identity providers that are asked for their keys at once."""

AUDIT_KEY_LABEL: Final = "audit chain"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Node:
    """One process of the server, ready to answer. `storage` closes last, the trail after it."""

    storage: Storage
    trail: Trail
    service: Service
    edge: Edge
    companions: CompanionService
    runner: Runner
    keeper: TrailKeeper
    index: AuditIndex | None
    files: TrailFiles | None
    vigilance: Vigilance | None
    threads: Executor | None
    fetchers: Executor

    def start(self) -> None:
        """Start the background threads."""
        self.keeper.start()
        self.runner.start()
        for worker in (self.index, self.files, self.vigilance):
            if worker is not None:
                worker.start()

    def close(self) -> None:
        """Finish what is under way, flush, and let go of everything."""
        self.fetchers.shutdown(wait=False, cancel_futures=True)
        if self.threads is not None:
            self.threads.shutdown(wait=True)
        self.runner.stop()
        for worker in (self.files, self.vigilance):
            if worker is not None:
                worker.stop()
        self.keeper.stop()
        if self.service.tracing is not None:
            self.service.tracing.close()
        if self.index is not None:
            self.index.stop()
        self.service.dates.settle()
        self.storage.close()
        self.trail.close()


def open_storage(config: Config) -> Storage:
    """Open the configured database and bring its schema up to date."""
    if config.database is not None:
        from strongroom.storage.postgresql import PostgresqlStorage  # noqa: PLC0415 - its driver takes long to load

        return PostgresqlStorage(config.database)
    return SqliteStorage(config.database_path)


def open_access_keys(storage: Storage, keyring: Keyring, entropy: Entropy | None = None) -> AccessKeys:
    return AccessKeys(storage, keyring, entropy or SystemEntropy())


def load_keyring(config: Config, storage: Storage, clock: Clock, entropy: Entropy) -> Keyring:
    return open_keyring(storage, FileRootKey(config.root_key_path), entropy, clock.now())


def open_node(
    config: Config,
    *,
    worker: int = 0,
    clock: Clock | None = None,
    entropy: Entropy | None = None,
) -> Node:
    """Put a process together. Worker 0 looks after the trails of all."""
    storage = open_storage(config)
    try:
        return _assemble(config, storage, worker, clock or SystemClock(), entropy or SystemEntropy())
    except BaseException:
        storage.close()
        raise


def _assemble(config: Config, storage: Storage, worker: int, clock: Clock, entropy: Entropy) -> Node:
    name, keyring = node_id(config, entropy), load_keyring(config, storage, clock, entropy)
    metrics = Metrics.shared(config.metrics_dir, worker) if config.is_measured else Metrics()
    trail = open_trail(config, keyring, f"trail-{worker}", clock.now(), entropy, metrics=metrics)
    storage.attach_journal(trail.append, metrics)
    vault = Vault(keyring, entropy, metrics)
    runner = _open_runner(storage, vault, clock, metrics, owner=f"{name}/{worker}")
    service = Service(
        storage=storage,
        around=surroundings(config, keyring, vault, trail, entropy, metrics),
        clock=clock,
        dates=open_access_dates(storage, metrics),
        throttle=Throttle(AWS_RATES, config.known_regions) if config.quotas_requests == "aws" else None,
        recall=Recall(storage.changed),
        on_change=runner.wake,
        tracing=open_tracing(os.environ),
    )
    access_keys = AccessKeys(storage, keyring, entropy, service.recall)
    companions = open_companions(config, storage, keyring, access_keys, trail, clock, entropy)
    threads = None if storage.reads_inline else ThreadPoolExecutor(storage.pool_size, thread_name_prefix="requests")
    fetchers = ThreadPoolExecutor(FETCHING_THREADS, thread_name_prefix="identity-provider-keys")
    keeper = _open_keeper(config, storage, trail, clock, entropy, node=name, anchors=worker == 0)
    index = open_index(config, storage, clock, metrics, node=name) if worker == 0 else None
    return Node(
        storage=storage,
        trail=trail,
        service=service,
        companions=companions,
        edge=_open_edge(config, service, companions, threads, fetchers),
        runner=runner,
        keeper=keeper,
        index=index,
        files=_open_files(config, storage, trail, clock, entropy, name, keyring) if worker == 0 else None,
        vigilance=open_vigilance(config, storage, clock, metrics, node=name, keeper=keeper, index=index)
        if worker == 0
        else None,
        threads=threads,
        fetchers=fetchers,
    )


def open_access_dates(storage: Storage, metrics: Metrics) -> AccessDates:
    """Return what writes dates of reads down."""

    def write(accesses: Sequence[Access]) -> Future[None]:
        return storage.submit(lambda tx: tx.record_accesses(accesses))

    return AccessDates(write, metrics)


def surroundings(
    config: Config, keyring: Keyring, vault: Vault, trail: Trail, entropy: Entropy, metrics: Metrics
) -> Surroundings:
    return Surroundings(
        vault=vault,
        page_tokens=PageTokens(keyring),
        trail=trail.append,
        entropy=entropy,
        metrics=metrics,
        rotators=NoRotators(),
        regions=config.known_regions,
        quotas=config.quotas,
        room=SecretRoom(),
        deletion_rules=deletion_rules_of(config),
    )


def open_trail(
    config: Config,
    keyring: Keyring,
    name: str,
    now: datetime,
    entropy: Entropy,
    *,
    waits: bool = False,
    metrics: Metrics | None = None,
) -> Trail:
    """Open a trail of this data directory; what a crash had torn is cut off, and the trail says so."""
    path = config.audit_dir / f"{name}.jsonl"
    trail = Trail(
        path,
        keyring.derive(AUDIT_KEY_LABEL),
        keyring.active_term,
        waits=waits,
        metrics=metrics,
        durability=Durability(config.audit_fsync),
    )
    continue_trail(trail, now, entropy)
    if trail.torn_bytes:
        details = {"Trail": name, "TornBytes": trail.torn_bytes}
        event_id = ids.random_uuid(entropy)
        trail.append(
            [service_event(name="RepairAuditTrail", now=now, event_id=event_id, details=details)], durable=True
        )
    return trail


def rotation_of(config: Config) -> Rotation:
    return Rotation(config.audit_rotate_bytes, config.audit_rotate_days)


def _open_keeper(
    config: Config, storage: Storage, trail: Trail, clock: Clock, entropy: Entropy, *, node: str, anchors: bool
) -> TrailKeeper:
    return TrailKeeper(
        trail,
        storage,
        clock,
        node=node,
        anchors=config.audit_dir if anchors else None,
        rotation=rotation_of(config),
        entropy=entropy,
    )


def _open_files(
    config: Config, storage: Storage, trail: Trail, clock: Clock, entropy: Entropy, node: str, keyring: Keyring
) -> TrailFiles:
    return TrailFiles(
        trail,
        storage,
        clock,
        entropy,
        node=node,
        folder=config.audit_dir,
        kept_days=config.audit_keep_days,
        signer=signer_of(keyring),
        checkpoint_minutes=config.audit_checkpoint_minutes,
    )


def signer_of(keyring: Keyring) -> Signer:
    """Return what signs checkpoints of the trail."""
    return Signer(keyring.active_term, keyring.derive(SIGNING_LABEL))


def open_companions(
    config: Config,
    storage: Storage,
    keyring: Keyring,
    access_keys: AccessKeys,
    trail: Trail,
    clock: Clock,
    entropy: Entropy,
) -> CompanionService:
    """Put together what performs the operations of STS, IAM and CloudTrail."""
    fetcher = IssuerFetcher(
        private_hosts=config.oidc_private_issuers, http_hosts=config.oidc_http_issuers, ca_file=config.oidc_ca_file
    )
    return CompanionService(
        storage=storage,
        trail=trail.append,
        access_keys=access_keys,
        sessions=SessionTokens(keyring, entropy),
        key_sets=KeySets(fetcher, clock, http_hosts=config.oidc_http_issuers),
        page_tokens=PageTokens(keyring),
        clock=clock,
        entropy=entropy,
        account_id=config.account_id,
        region=config.region,
        event_days=config.audit_index_days,
    )


def _open_runner(storage: Storage, vault: Vault, clock: Clock, metrics: Metrics, *, owner: str) -> Runner:
    handlers = purge.handlers() | replicate.handlers(vault)
    return Runner(
        storage, handlers, clock, metrics, owner=owner, census=partial(census.take, storage, metrics, handlers)
    )


def _open_edge(
    config: Config,
    service: Service,
    companions: CompanionService,
    threads: Executor | None,
    fetchers: Executor,
) -> Edge:
    callers = Callers(service.storage, companions.access_keys, companions.sessions, service.recall)
    attempts = None
    if config.authn_failures:
        attempts = FailedAttempts(config.authn_failures, metrics=service.metrics)
    own = Prover(Verifier(service=SERVICE_NAME, fixed_content_type=CONTENT_TYPE), attempts)
    provers = {
        STS.name: Prover(Verifier(service=STS.name, skew=STS.skew, presigned_age=MAX_AGE), attempts),
        **{one.name: Prover(Verifier(service=one.name, skew=one.skew), attempts) for one in (IAM, CLOUDTRAIL)},
    }
    calls = CompanionCore(
        service, companions, provers, callers.find, attempts=attempts, fetchers=fetchers, threads=threads
    )
    containers, query, json = ContainerCredentials(calls.begin_anonymous), QueryCore(calls), JsonCore(calls)

    def begin_companion(request: HttpRequest, origin: Origin) -> Outcome | None:
        return containers.begin(request, origin) or query.begin(request, origin) or json.begin(request, origin)

    origins = Origins(service.entropy, config.trusted_proxies)
    core = RequestCore(
        service,
        own,
        callers.find,
        origins=origins,
        companions=begin_companion,
        threads=threads,
        seen_key=companions.access_keys.seen,
    )
    return Edge(core, _probes(config, service), service.entropy)


def _probes(config: Config, service: Service) -> Probes:
    metrics = service.metrics if config.are_metrics_on_port else None
    return Probes(lambda: _unready(service.storage), metrics, metrics_token(config))


def _unready(storage: Storage) -> str | None:
    try:
        storage.check()
    except StorageError as error:
        return str(error)
    return None
