"""How much of a processor a thread takes that has more to do than it may do at once.

Rules:
- While callers leave the process idle it works an eighth of the time.
- While callers take half of a processor or more it works a thirty-second of the time: who asks for a secret waits for
  the answer, and nobody waits for this. What was put off is done when they ask less.
- Once it lags by more than `MAX_LAG_SECONDS` it works an eighth of the time whatever callers do, twice as much with
  each `DOUBLING_SECONDS` that it lags more, and half of the time at most: what is told by its work (alarms, who reads a
  secret) should not be much older, however many calls there are. Who makes that many calls pays for their records.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

USUAL_FACTOR: Final = 7
"""Pause by the time that was worked."""

BUSY_FACTOR: Final = 31
"""The same while callers are busy."""

BUSY: Final = 0.5
"""Processors that the rest of the process takes when callers are busy."""

MAX_LAG_SECONDS: Final = 60.0
"""How much later an alarm may ring for the sake of callers."""

DOUBLING_SECONDS: Final = 30.0

LEAST_FACTOR: Final = 1

MAX_BUSY_PAUSE_SECONDS: Final = 2.0
"""Longest pause because callers are busy: whether they still are is looked at after it."""


def others_seconds() -> float:
    """Return the processor time that the other threads of this process have taken."""
    return time.process_time() - time.thread_time()


class Pace:
    """Tells pauses. Only used by the thread that pauses."""

    def __init__(
        self, taken: Callable[[], float] = others_seconds, elapsed: Callable[[], float] = time.monotonic
    ) -> None:
        """Take what tells the processor time of the others, and the time that has passed, in seconds."""
        self._taken = taken
        self._elapsed = elapsed
        self._last = taken(), elapsed()

    def pause_after(self, worked: float, lag: float) -> float:
        """Return how many seconds to pause after so many of work, by what callers took since the last time."""
        usual = USUAL_FACTOR * worked
        (taken_before, before), self._last = self._last, (self._taken(), self._elapsed())
        is_busy = self._last[0] - taken_before >= BUSY * (self._last[1] - before)
        if lag > MAX_LAG_SECONDS:
            doublings = (lag - MAX_LAG_SECONDS) / DOUBLING_SECONDS
            return max((1 + USUAL_FACTOR) / 2 ** min(doublings, USUAL_FACTOR) - 1, LEAST_FACTOR) * worked
        if not is_busy:
            return usual
        return max(usual, min(BUSY_FACTOR * worked, MAX_BUSY_PAUSE_SECONDS))
