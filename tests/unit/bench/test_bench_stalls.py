"""What is told of stalls: whose they are, and how the table says it; and what the steady load asks."""

from __future__ import annotations

import itertools

import pytest

from bench.stalls import steady
from bench.stalls.report import STALL_SECONDS, Scene, Wait, render, summarise


def test_answers_are_summed_up():
    found = summarise([Wait(number, number / 1_000) for number in range(1, 101)], [], [])
    assert (found.answers, found.median, found.longest) == (100, 0.0505, 0.1)
    assert found.p99 == pytest.approx(0.09901)
    assert found.stalls == 50, "those above 50 ms"


def test_nothing_that_was_answered_is_no_stall():
    assert summarise([], [Wait(0, 1)], []) == (0, 0.0, 0.0, 0.0, 0, 0)
    assert summarise([Wait(0, STALL_SECONDS)], [], []) == (1, 0.05, 0.05, 0.05, 0, 0)


@pytest.mark.parametrize(
    ("machine", "blamed"),
    [
        ([], 0),
        ([Wait(9.0, 0.9)], 0),
        ([Wait(9.9, 0.2)], 1),
        ([Wait(10.04, 0.06)], 1),
        ([Wait(10.06, 0.04)], 0),
        ([Wait(10.0, 0.02), Wait(10.03, 0.02), Wait(10.06, 0.02)], 1),
        ([Wait(10.1, 1.0)], 0),
    ],
    ids=[
        "calm",
        "ended before",
        "beside the whole",
        "beside most",
        "beside less",
        "beside many short ones",
        "began after",
    ],
)
def test_a_stall_is_the_machine_s_where_the_disk_or_a_processor_was_waited_for_during_half_of_it(machine, blamed):
    for waits in ((machine, []), ([], machine)):
        found = summarise([Wait(10.0, 0.1), Wait(10.0, 0.01)], *waits)
        assert (found.stalls, found.of_the_machine) == (1, blamed)
    halves = summarise([Wait(10.0, 0.1)], [Wait(10.0, 0.03)], [Wait(10.05, 0.03)])
    assert halves.of_the_machine == 0, "neither of them alone"


def test_a_scene_has_a_line_for_each_kind_of_call_and_says_what_failed():
    scene = Scene(
        title="purges",
        done="7 purged",
        seconds=3.0,
        answers={"reads": [Wait(0, 0.002), Wait(1, 0.06)], "writes": []},
        failures=2,
        disk=[Wait(0, 0.004)],
        processor=[Wait(0, 0.001)],
        server_cores=0.5,
        others_cores=1.25,
    )
    _, _, reads, writes = render([scene]).splitlines()
    told = "| purges | 7 purged; 2 calls FAILED | 3.00 |"
    assert reads == f"{told} reads | 2 | 31.0 | 59.4 | 60.0 | 1 | 0 | 4.00 | 1.00 | 0.50 | 1.25 |"
    assert writes.startswith(f"{told} writes | 0 | 0 |")


def test_no_two_writes_of_two_scenes_share_a_token_and_no_secret_is_written_too_often():
    calls = [*itertools.islice(steady.writes(1), 2_000), *itertools.islice(steady.writes(2), 2_000)]
    assert len({call.members["ClientRequestToken"] for call in calls}) == 4_000
    assert len({call.members["SecretId"] for call in calls}) == steady.WRITTEN_SECRETS
