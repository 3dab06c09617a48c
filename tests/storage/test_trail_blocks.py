"""Events in blocks: what a block holds, how it is found, and that pages tell every event once, newest first."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from strongroom.domain.timestamps import to_micros
from strongroom.domain.trail_event import EventPlace, EventQuery, Outcome, TrailEvent
from strongroom.storage import trail_blocks, trail_index
from strongroom.storage.trail_blocks import SPAN, blocks_of, events_of, id_of, packed_terms, term_of, unpacked_ids
from support.clock import NOW
from support.factories import ACCOUNT_ID
from support.storages import run_sql
from support.trails import make_event, put_events, told_events

START = NOW.replace(microsecond=0)
SECOND = timedelta(seconds=1)
LAST = 2**63 - 1

ODD = ["ü🦜", "", "\N{REPLACEMENT CHARACTER}", "a\0b", "\x7f\x1b", "\U0010ffff", "e\u0301", "'; --", "%s:name"]

POOLS = {
    "account_id": ["111111111111"] * 4 + ["222222222222"],
    "region": ["us-east-1", "eu-west-1", None],
    "event_name": ["GetSecretValue", "PutSecretValue", "RotationFailed"],
    "event_source": ["secretsmanager.amazonaws.com", "sts.amazonaws.com"],
    "read_only": [True, False],
    "username": ["alice", "ü🦜", None],
    "principal_arn": ["arn:alice", "arn:bob", None],
    "identity_arn": ["arn:alice", "arn:session", None],
    "access_key_id": ["AKIA1", "AKIA2", None],
    "resource_type": ["AWS::SecretsManager::Secret", None],
    "resource_name": ["app", "", None],
    "resource_arn": ["arn:app", None],
    "code": [None, "AccessDenied", "ResourceNotFoundException"],
}
ASKED = [name for name in POOLS if name not in ("account_id", "code")]

_worlds = itertools.count(1)


class World(NamedTuple):
    """Slices of trails in the order in which they are copied, and what is asked: of accounts that are their own."""

    slices: list[list[TrailEvent]]
    query: EventQuery
    after: EventPlace | None
    limit: int
    sizes: dict[str, int]

    @property
    def events(self) -> list[TrailEvent]:
        return [event for part in self.slices for event in part]


@st.composite
def trails(draw, number, name):
    """Return the slices of one trail; its clock also goes backwards."""
    steps = st.sampled_from([0, 0, 0, 1, 1, 2, 20, 61, -1, -61])
    moment, sequence, slices = draw(st.sampled_from([0, 0, 0, 1, 59])), 0, []
    for size in draw(st.lists(st.integers(1, 9), min_size=1, max_size=5)):
        part = []
        for _ in range(size):
            moment, sequence = moment + draw(steps), sequence + draw(st.sampled_from([1, 1, 1, 3]))
            values = {key: draw(st.sampled_from(pool)) for key, pool in POOLS.items()}
            values["account_id"] = f"{number}-{values['account_id']}"
            event_id = f"{number}-{draw(st.integers(0, 9))}-{name}-{sequence}"
            part.append(
                make_event(
                    event_id=event_id, happened_at=START + moment * SECOND, trail=name, sequence=sequence
                )._replace(**values)
            )
        slices.append(part)
    return slices


@st.composite
def queries(draw, number, events):
    """Return a question about a world: half of them between two of its instants, most by no or one attribute."""
    wanted = draw(st.one_of(st.just(set()), st.sets(st.sampled_from(ASKED), min_size=1, max_size=2)))
    values = {name: draw(st.sampled_from([one for one in POOLS[name] if one is not None])) for name in wanted}
    bounds = (START - timedelta(days=1), START + timedelta(days=1))
    if draw(st.booleans()):
        instants = st.sampled_from(sorted({event.happened_at for event in events}))
        bounds = sorted([draw(instants), draw(instants)])
    outcome = draw(st.sampled_from([None, None, None, *Outcome]))
    return EventQuery(f"{number}-{POOLS['account_id'][0]}", *bounds, outcome=outcome, **values)


@st.composite
def worlds(draw):
    number = next(_worlds)
    copied = [draw(trails(number, f"trail-{name}")) for name in range(draw(st.integers(1, 3)))]
    slices = [part for one in copied for part in one]
    events = [event for part in slices for event in part]
    places = st.builds(
        EventPlace, st.integers(0, 60).map(lambda n: START + n * SECOND), st.integers(0, 30), st.just("m")
    )
    places |= st.sampled_from(events).map(lambda event: event.place)
    sizes = {"MAX_EVENTS": st.integers(1, 5), "BLOCKS_AT_ONCE": st.integers(1, 4), "MAX_LOOKED_AT": st.integers(1, 12)}
    return World(
        draw(st.permutations(slices)),
        draw(queries(number, events)),
        draw(st.none() | places),
        draw(st.integers(1, 7)),
        {name: draw(size) for name, size in sizes.items()},
    )


def ids_of(events):
    return [event.event_id for event in events]


def everything(**wanted: object):
    return EventQuery(ACCOUNT_ID, START - timedelta(days=1), START + timedelta(days=1), **wanted)


def found(storage, **wanted: object):
    return ids_of(told_events(storage, everything(**wanted), None, 100))


# pages


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(world=worlds())
def test_pages_tell_what_sorting_and_filtering_all_events_tells(storage, world):
    with pytest.MonkeyPatch.context() as patch:
        for module, name in (
            (trail_blocks, "MAX_EVENTS"),
            (trail_index, "BLOCKS_AT_ONCE"),
            (trail_index, "MAX_LOOKED_AT"),
        ):
            patch.setattr(module, name, world.sizes[name])
        for part in world.slices:
            put_events(storage, part)
        told = told_events(storage, world.query, world.after, world.limit)
    wanted = [event for event in world.events if world.query.wants(event)]
    if world.after is not None:
        wanted = [event for event in wanted if event.place < world.after]
    assert told == sorted(wanted, key=lambda event: event.place, reverse=True)
    known = storage.read(lambda tx: tx.trail.known_events([*world.events, make_event(event_id="new")]))
    assert known == set(ids_of(world.events))
    assert storage.read(lambda tx: tx.trail.find_event(world.events[0].event_id)) == world.events[0]


def test_a_page_stops_where_it_has_looked_at_enough_and_goes_on_from_there(storage, monkeypatch, statements):
    monkeypatch.setattr(trail_blocks, "MAX_EVENTS", 4)
    monkeypatch.setattr(trail_index, "BLOCKS_AT_ONCE", 2)
    monkeypatch.setattr(trail_index, "MAX_LOOKED_AT", 8)
    put_events(storage, [make_event(number) for number in range(100)])
    put_events(storage, [make_event(100, username="bob"), make_event(-100, username="bob")])
    query = everything(event_source="sts.amazonaws.com")
    statements.clear()
    page = storage.read(lambda tx: tx.trail.events(query, None, 10))
    assert page.events == []
    assert page.after is not None
    assert statements.count("trail_contents_of") <= 3
    assert told_events(storage, query, None, 10) == []
    assert found(storage, username="bob") == ["event-100", "event--100"]


def test_events_of_one_second_in_several_blocks_of_several_trails_are_told_once(storage, monkeypatch):
    monkeypatch.setattr(trail_blocks, "MAX_EVENTS", 3)
    monkeypatch.setattr(trail_index, "MAX_LOOKED_AT", 2)
    for trail in ("one", "two", "three"):
        put_events(
            storage,
            [make_event(n, event_id=f"{trail}-{n}", trail=trail, happened_at=START) for n in range(8)],
        )
    told = told_events(storage, everything(), None, 2)
    places = [event.place for event in told]
    assert len(set(places)) == 24
    assert places == sorted(places, reverse=True)


def test_an_event_is_known_by_its_id_and_time_from_whatever_trail(storage):
    put_events(storage, [make_event(1), make_event(2)])
    elsewhere = [make_event(2, trail="other", sequence=9), make_event(3)]
    assert storage.read(lambda tx: tx.trail.known_events(elsewhere)) == {"event-2"}
    assert storage.read(lambda tx: tx.trail.known_events([make_event(3)])) == set()


def test_known_events_are_looked_for_in_the_blocks_of_their_times_alone(storage, monkeypatch):
    put_events(storage, [make_event(60 * number) for number in range(50)])
    read = []
    monkeypatch.setattr(trail_index, "unpacked_ids", lambda ids: (read.append(ids), unpacked_ids(ids))[1])
    ends = [make_event(0), make_event(60 * 49), make_event(60 * 49 + 1)]
    assert storage.read(lambda tx: tx.trail.known_events(ends)) == {"event-0", f"event-{60 * 49}"}
    assert len(read) == 2


def test_an_id_that_stands_across_two_others_finds_no_event(storage, monkeypatch):
    put_events(storage, [make_event(1), make_event(2)])
    (block,) = blocks_of([make_event(1), make_event(2)])
    across = block.ids[4:12]
    monkeypatch.setattr(trail_index, "id_of", lambda _: int.from_bytes(across, "little"))
    rows = storage.read(lambda tx: tx.trail._run("trail_blocks_with_event", {"id": across}))
    assert rows == [(block.block_id,)]
    assert storage.read(lambda tx: tx.trail.find_event("event-7")) is None


def test_blocks_are_deleted_whole_when_all_their_events_are_older(storage, database_url):
    put_events(storage, [make_event(n, code="AccessDenied" if n % 2 else None) for n in (0, 1, 59, 60, 119, 120, 121)])
    until = START + 119 * SECOND
    assert storage.read(lambda tx: tx.trail.has_events(until))
    assert storage.write(lambda tx: tx.trail.delete_blocks(until, 10)) == [3]
    assert storage.write(lambda tx: tx.trail.delete_blocks(until, 10)) == []
    assert not storage.read(lambda tx: tx.trail.has_events(until))
    assert found(storage) == ["event-121", "event-120", "event-119", "event-60"]
    assert storage.write(lambda tx: tx.trail.delete_blocks(START + 999 * SECOND, 1)) == [2]
    assert storage.write(lambda tx: tx.trail.delete_blocks(START + 999 * SECOND, 1)) == [2]
    assert found(storage) == []
    for table in ("trail_blocks", "trail_contents", "trail_terms", "trail_failures"):
        assert run_sql(database_url, f"SELECT COUNT(*) FROM {table}") == [(0,)]


def test_failures_go_with_their_blocks_and_not_before(storage, database_url):
    put_events(storage, [make_event(60 * number, code="AccessDenied") for number in range(5)])
    storage.write(lambda tx: tx.trail.delete_blocks(START + 999 * SECOND, 2))
    assert run_sql(database_url, "SELECT event_id FROM trail_failures ORDER BY happened_at") == [
        ("event-120",),
        ("event-180",),
        ("event-240",),
    ]


# what is told apart


def test_two_values_with_one_term_are_told_apart(storage, monkeypatch):
    monkeypatch.setattr(trail_blocks, "_term", lambda *_: 7)
    put_events(storage, [make_event(1), make_event(2, username="bob"), make_event(3, account_id="999988887777")])
    assert found(storage) == ["event-2", "event-1"]
    assert found(storage, username="bob") == ["event-2"]
    assert found(storage, username="carol") == []


@pytest.mark.parametrize("value", ODD, ids=ascii)
def test_odd_values_are_found_again(storage, value):
    record = f'{{"userAgent":"{value}"}}'
    odd = make_event(1, username=value, resource_name=value, user_agent=value, record=record)
    put_events(storage, [odd, make_event(2)])
    assert found(storage, username=value) == found(storage, resource_name=value) == ["event-1"]
    assert storage.read(lambda tx: tx.trail.find_event("event-1")) == odd


@pytest.mark.parametrize("value", ["\ud800", "a\udcff"], ids=ascii)
def test_a_question_that_is_no_unicode_finds_nothing(storage, value):
    put_events(storage, [make_event(1), make_event(2, username="?", event_id="?")])
    assert found(storage, username=value) == found(storage, event_id=value) == []


# blocks by themselves


def sizes_of(events):
    return [block.events for block in blocks_of(events)]


def test_a_block_ends_at_its_span():
    last = int(SPAN / SECOND) - 1
    assert sizes_of([make_event(0), make_event(last)]) == [2]
    assert sizes_of([make_event(0), make_event(last + 1)]) == [1, 1]


def test_a_block_ends_at_its_size(monkeypatch):
    monkeypatch.setattr(trail_blocks, "MAX_EVENTS", 4)
    assert sizes_of([make_event(number) for number in range(9)]) == [4, 4, 1]


def test_a_block_ends_where_the_clock_goes_back_behind_its_first_event():
    times = [10, 12, 11, 10, 9, 10]
    events = [make_event(n, happened_at=START + second * SECOND) for n, second in enumerate(times)]
    assert sizes_of(events) == [4, 2]
    first = blocks_of(events)[0]
    assert (first.oldest, first.newest) == (to_micros(START + 10 * SECOND), to_micros(START + 12 * SECOND))


def test_a_block_ends_where_another_trail_begins():
    assert sizes_of([make_event(1), make_event(2, trail="other"), make_event(3, trail="other")]) == [1, 2]


def test_a_block_tells_its_events_ids_sequences_and_failures():
    events = [make_event(1), make_event(2, code="AccessDenied"), make_event(3, event_name="RotationFailed")]
    (block,) = blocks_of(events)
    assert events_of(block.content) == events
    assert unpacked_ids(block.ids) == tuple(id_of(f"event-{number}") for number in (1, 2, 3))
    assert (block.first_sequence, block.last_sequence, block.events) == (1, 3, 3)
    assert list(block.failures) == events[1:]


def test_blocks_of_one_time_and_one_sequence_have_ids_of_their_own():
    blocks = [*blocks_of([make_event(1)]), *blocks_of([make_event(1, trail="other")])]
    blocks += blocks_of([make_event(1, event_id="repeated number")])
    assert len({block.block_id for block in blocks}) == 3
    assert all(0 <= block.block_id <= LAST for block in blocks)


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"resource_name": "app"},
        {"access_key_id": "AKIAAAAAAAAAAAAAAAAA"},
        {"principal_arn": f"arn:aws:iam::{ACCOUNT_ID}:user/alice"},
        {"username": "alice"},
        {"event_name": "PutSecretValue"},
        {"read_only": False},
        {"region": "anywhere"},
    ],
    ids=str,
)
def test_a_block_has_the_term_of_every_question_that_its_events_answer(wanted):
    (block,) = blocks_of([make_event(1, event_name="PutSecretValue", read_only=False)])
    assert term_of(everything(**wanted)) in block.terms
    (other,) = blocks_of([make_event(1, account_id="999988887777")])
    assert term_of(everything(**wanted)) not in other.terms


def test_a_block_of_reads_is_not_found_by_changes():
    (block,) = blocks_of([make_event(1)])
    assert term_of(everything(read_only=False)) not in block.terms
    assert trail_blocks.unpacked_terms(packed_terms(block.terms)) == block.terms
