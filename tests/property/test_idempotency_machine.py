"""ClientRequestToken through the door: any sequence of writes, each possibly repeated, on a model.

The model knows what each token was first used for. Whatever the order, a repetition with the same value
changes nothing, and one with another value is refused and changes nothing.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from strongroom.errors import ResourceExistsException
from support.deployment import config_for, deployed, token

NAME = "app/db"
tokens = st.integers(1, 5)
values = st.sampled_from(["red", "green", "blue"])


class IdempotencyMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        self.context = deployed(config_for("sqlite", Path(self.directory.name)))
        self.deployment = self.context.__enter__()
        self.written: dict[int, str] = {}
        self.current: int | None = None

    def teardown(self) -> None:
        self.context.__exit__(None, None, None)
        self.directory.cleanup()

    def write(self, operation: str, number: int, value: str, **members: str) -> None:
        before = self.deployment.stages(NAME) if self.written else {}
        try:
            self.deployment.call(operation, ClientRequestToken=token(number), SecretString=value, **members)
        except ResourceExistsException:
            assert self.must_be_refused(operation, number, value)
        else:
            assert not self.must_be_refused(operation, number, value)
            if number not in self.written:
                self.written[number] = value
                self.current = number
                return
        assert self.deployment.stages(NAME) == before

    def must_be_refused(self, operation: str, number: int, value: str) -> bool:
        if operation == "CreateSecret" and self.written:
            return self.written.get(number) != value
        return self.written.get(number, value) != value

    @rule(number=tokens, value=values)
    def create(self, number: int, value: str) -> None:
        self.write("CreateSecret", number, value, Name=NAME)

    @rule(number=tokens, value=values)
    def put(self, number: int, value: str) -> None:
        if self.written:
            self.write("PutSecretValue", number, value, SecretId=NAME)

    @rule(number=tokens, value=values)
    def update(self, number: int, value: str) -> None:
        if self.written:
            self.write("UpdateSecret", number, value, SecretId=NAME)

    @invariant()
    def every_token_still_reads_what_it_first_wrote(self) -> None:
        for number, value in self.written.items():
            answer = self.deployment.call("GetSecretValue", SecretId=NAME, VersionId=token(number))
            assert answer["SecretString"] == value
        if self.current is not None:
            assert self.deployment.call("GetSecretValue", SecretId=NAME)["VersionId"] == token(self.current)


TestIdempotencyMachine = IdempotencyMachine.TestCase
TestIdempotencyMachine.settings = settings(max_examples=25, stateful_step_count=15, deadline=None)
