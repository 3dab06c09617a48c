"""What is asked of every server: the calls of each workload, and the secrets they find.

A call is said once, in the members of the Secrets Manager API; each server turns it into its own bytes.

Regions keep workloads apart: the account's secrets in one do not weigh on the lists of another.
"""

from __future__ import annotations

import itertools
import random
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

MAIN: Final = "us-east-1"
CREATED: Final = "us-west-2"
LISTINGS: Final = {1_000: "eu-north-1", 100_000: "eu-west-1", 1_000_000: "ap-south-1"}
"""Region of each size of listing, in secrets."""

VALUE_CHARACTERS: Final = 1_024
ZIPF_SECRETS: Final = 10_000
ZIPF_REQUESTS: Final = 20_000
PUT_SECRETS: Final = 2_500
"""Room for 300,000 writes: a secret may have 120 versions in 24 hours, AWS's quota, which is in force."""

MIXED_SECRETS: Final = 250
"""Room for 30,000 of the mixed workload's writes."""

BATCH: Final = 20
PAGE: Final = 100
EVERY: Final = 100
"""One in so many secrets of a listing matches each filter."""

READS_PER_WRITE: Final = 19
HOT: Final = "hot"
GUARDED: Final = "guarded"
MATCHING_PREFIX: Final = "team-42-"
MATCHING_TAG: Final = "on-call"
MATCHING_WORD: Final = "payroll"

_LETTERS: Final = string.ascii_letters + string.digits


@dataclass(frozen=True)
class Call:
    """One call: an operation's name, its members as the API spells them, and the region it is signed for."""

    operation: str
    members: dict[str, Any]
    region: str = MAIN


Calls = Callable[[int], Iterator[Call]]
"""Gives the calls of one run, told the run's own number, which no other run has."""


@dataclass(frozen=True)
class Workload:
    """One line of the plan. `once`: no request may be sent twice; `contents`: what must have been filled in."""

    name: str
    group: str
    title: str
    connections: tuple[int, ...]
    calls: Calls
    limit: int = 1
    """Requests that a run walks round in circles; with `once` it is as many as the run can use."""
    once: bool = False
    contents: str = "main"
    own_only: bool = False
    tls: bool = False


@dataclass(frozen=True)
class Stored:
    """A secret that is there before the measuring starts."""

    name: str
    region: str
    value: str = field(repr=False)
    tags: tuple[tuple[str, str], ...] = ()
    description: str = ""

    def call(self) -> Call:
        """Return the CreateSecret that makes it, for servers that are filled through their API."""
        members: dict[str, Any] = {"Name": self.name, "SecretString": self.value}
        members["ClientRequestToken"] = token(0, sum(self.name.encode()) + 1)
        if self.description:
            members["Description"] = self.description
        if self.tags:
            members["Tags"] = [{"Key": key, "Value": value} for key, value in self.tags]
        return Call("CreateSecret", members, self.region)


def token(run: int, number: int) -> str:
    """Return a ClientRequestToken (32 characters or more) that only this request of this run has."""
    return f"{run:08x}-0000-4000-8000-{number:012x}"


def value_of(seed: str) -> str:
    """Return a value of 1 KiB, the same for the same seed."""
    return "".join(random.Random(seed).choices(_LETTERS, k=VALUE_CHARACTERS))


def zipf_name(rank: int) -> str:
    return f"zipf-{rank:05d}"


def put_name(number: int) -> str:
    return f"put-{number % PUT_SECRETS:04d}"


def size_of(kind: str) -> int:
    """Return how many secrets a kind of contents has."""
    return {"main": PUT_SECRETS, "zipf": ZIPF_SECRETS}.get(kind) or int(kind)


def contents(kind: str) -> Iterator[Stored]:
    """Yield the secrets of `main`, those that only `zipf` needs, or those of a listing of so many."""
    if kind not in ("main", "zipf"):
        yield from _listing(int(kind))
        return
    value = value_of("main")
    if kind == "zipf":
        for rank in range(BATCH, ZIPF_SECRETS):
            yield Stored(zipf_name(rank), MAIN, value)
        return
    yield Stored(HOT, MAIN, value)
    yield Stored(GUARDED, MAIN, value, (("team", "payments"), ("stage", "prod")))
    for rank in range(BATCH):
        yield Stored(zipf_name(rank), MAIN, value)
    for number in range(PUT_SECRETS):
        yield Stored(put_name(number), MAIN, value)


def _listing(size: int) -> Iterator[Stored]:
    value = value_of("listing")[:32]
    for number in range(size):
        # The three matching hundredths are different secrets, spread evenly over the listing.
        tags = [("service", f"s{number % 1_000}"), ("stage", "prod" if number % 2 else "test")]
        if number % EVERY == 7:  # noqa: PLR2004 - any residue
            tags.append((MATCHING_TAG, "yes"))
        yield Stored(
            f"team-{number % EVERY:02d}-service-{number:07d}",
            LISTINGS[size],
            value,
            tuple(tags),
            f"Credentials of the {MATCHING_WORD if number % EVERY == 11 else 'other'} service {number}",  # noqa: PLR2004
        )


def guarding_policy() -> dict[str, Any]:
    """Return a resource policy of ten statements, each with conditions on the secret's tags."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": f"Team{number}",
                "Effect": "Deny",
                "Principal": "*",
                "Action": ["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"],
                "Resource": "*",
                "Condition": {
                    "StringEquals": {"secretsmanager:ResourceTag/team": f"team-{number}"},
                    "StringNotLike": {"aws:PrincipalArn": f"arn:aws:iam::*:role/team-{number}/*"},
                },
            }
            for number in range(10)
        ],
    }


def _get(name: str) -> Call:
    return Call("GetSecretValue", {"SecretId": name})


def _one(call: Call) -> Calls:
    return lambda _: itertools.repeat(call)


def _zipf_reads(run: int) -> Iterator[Call]:
    """Yield reads of 10,000 secrets, the n-th most popular read 1/n times as often as the most popular."""
    weights = list(itertools.accumulate(1 / (rank + 1) for rank in range(ZIPF_SECRETS)))
    generator = random.Random(run)
    while True:
        for rank in generator.choices(range(ZIPF_SECRETS), cum_weights=weights, k=1_000):
            yield _get(zipf_name(rank))


def _put(run: int, number: int, *, among: int = PUT_SECRETS) -> Call:
    value = f"{run}-{number}-".ljust(VALUE_CHARACTERS, "x")
    members = {"SecretId": put_name(number % among), "SecretString": value, "ClientRequestToken": token(run, number)}
    return Call("PutSecretValue", members)


def _puts(run: int) -> Iterator[Call]:
    # Where the run begins differs, so that short runs do not all write to the first secrets.
    first = random.Random(run).randrange(PUT_SECRETS)
    return (_put(run, first + number) for number in itertools.count())


def _creates(run: int) -> Iterator[Call]:
    value = value_of("created")
    for number in itertools.count():
        members = {"Name": f"made-{run}-{number}", "SecretString": value, "ClientRequestToken": token(run, number)}
        yield Call("CreateSecret", members, CREATED)


def _mixed(run: int) -> Iterator[Call]:
    """Yield writes, and between two of them nineteen reads of secrets that are written as well.

    They are few, so that the warm-up reads each: the date of a version's first read on a day is written down.
    """
    generator = random.Random(run)
    for number in itertools.count():
        yield _put(run, number, among=MIXED_SECRETS)
        for _ in range(READS_PER_WRITE):
            yield _get(put_name(generator.randrange(MIXED_SECRETS)))


def _list(size: int, *filters: tuple[str, str]) -> Call:
    members: dict[str, Any] = {"MaxResults": PAGE}
    if filters:
        members["Filters"] = [{"Key": key, "Values": [value]} for key, value in filters]
    return Call("ListSecrets", members, LISTINGS[size])


def _listing_workloads(size: int) -> list[Workload]:
    kinds = {
        "all": ("no filter", ()),
        "prefix": ("name prefix, 1 % match", (("name", MATCHING_PREFIX),)),
        "tag-key": ("tag-key, 1 % match", (("tag-key", MATCHING_TAG),)),
        "words": ("filter `all`, 1 % match", (("all", MATCHING_WORD),)),
    }
    return [
        Workload(
            f"list-{kind}-{size}",
            "lists",
            f"ListSecrets of {size:,}, page of {PAGE}, {text}",
            (4,),
            _one(_list(size, *filters)),
            contents=str(size),
        )
        for kind, (text, filters) in kinds.items()
    ]


def plan(sizes: tuple[int, ...]) -> list[Workload]:
    """Return every workload, with listings of these sizes (in secrets)."""
    batch = Call("BatchGetSecretValue", {"SecretIdList": [zipf_name(rank) for rank in range(BATCH)]})
    hot, describe = _get(HOT), Call("DescribeSecret", {"SecretId": HOT})
    return [
        Workload("read", "reads", "GetSecretValue, 1 KiB, one secret", (1, 16, 64), _one(hot)),
        Workload(
            "read-zipf", "reads", "GetSecretValue, 10,000 by Zipf", (16,), _zipf_reads, ZIPF_REQUESTS, contents="zipf"
        ),
        Workload("describe", "reads", "DescribeSecret", (16,), _one(describe)),
        Workload("batch", "reads", f"BatchGetSecretValue of {BATCH}", (16,), _one(batch)),
        Workload(
            "read-policy", "reads", "GetSecretValue under a policy of 10", (16,), _one(_get(GUARDED)), own_only=True
        ),
        Workload("read-tls", "tls", "GetSecretValue over TLS", (16, 64), _one(hot), tls=True),
        Workload("put", "writes", f"PutSecretValue, 1 KiB, {PUT_SECRETS:,} secrets", (16, 64), _puts, once=True),
        Workload("create", "writes", "CreateSecret, 1 KiB", (16,), _creates, once=True),
        Workload("mixed", "mixed", "95 % GetSecretValue, 5 % PutSecretValue", (16,), _mixed, once=True),
        *(workload for size in sizes for workload in _listing_workloads(size)),
    ]


def select(workloads: list[Workload], only: list[str]) -> list[Workload]:
    """Return those whose group or name is in `only`; all of them when it is empty.

    Raises:
        ValueError: a name that is neither.
    """
    known = {name for workload in workloads for name in (workload.name, workload.group)}
    for name in only:
        if name not in known:
            raise ValueError(f"{name} is neither a group nor a workload; there are {', '.join(sorted(known))}")
    return [workload for workload in workloads if not only or workload.name in only or workload.group in only]
