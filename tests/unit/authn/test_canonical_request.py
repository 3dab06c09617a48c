"""Header lines of canonical requests, beyond what the AWS signing suite has."""

from __future__ import annotations

import pytest

from strongroom.authn.canonical_request import SignedHeaders


@pytest.mark.parametrize("names", [(b"host",), (b"a%b", b"host")])
@pytest.mark.parametrize(
    ("value", "line"),
    [
        (b"", b""),
        (b"abc", b"abc"),
        (b"%d%%", b"%d%%"),
        (b"|", b"|"),
        (b" ", b""),
        (b" abc", b"abc"),
        (b"abc\t", b"abc"),
        (b"a  b\n\tc", b"a b c"),
        (b"a b", b"a b"),
    ],
)
def test_values_are_trimmed_and_runs_of_white_space_are_one_space(names, value, line):
    headers = dict.fromkeys(names, value) | {b"other": b"x"}
    assert SignedHeaders(names).lines(headers) == b"".join(name + b":" + line + b"\n" for name in names)
