"""A read does not wait for its date to be written, and needs no database that can be written to."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from datetime import timedelta

from strongroom.domain.access import Access
from strongroom.storage.base import StorageError
from support.deployment import config_for, deployed, token

WAIT_SECONDS = 30


@contextmanager
def nothing_written(deployment, error=None):
    """Let changes wait until the end of this, or fail."""
    storage, goes_on = deployment.node.storage, threading.Event()
    submit = storage.submit

    def submit_later(work, foreseen=None):
        def wait_and_work(tx):
            if error is not None:
                raise error
            assert goes_on.wait(WAIT_SECONDS)
            return work(tx)

        return submit(wait_and_work, foreseen)

    storage.submit = submit_later
    try:
        yield
    finally:
        goes_on.set()
        storage.submit = submit


def read(deployment, name="app/db"):
    return deployment.call("GetSecretValue", SecretId=name)["SecretString"]


def accessed(deployment, name="app/db"):
    return deployment.call("DescribeSecret", SecretId=name).get("LastAccessedDate")


def test_the_first_read_of_a_day_is_answered_before_its_date_is_written(deployment):
    deployment.create("app/db", "one")
    with nothing_written(deployment):
        assert read(deployment) == "one"
        assert deployment.node.service.dates.unsettled() is not None
    assert accessed(deployment) is not None


def test_whoever_asks_for_dates_waits_for_those_of_reads_that_were_answered(deployment):
    deployment.create("app/db", "one")
    told = []
    with nothing_written(deployment):
        read(deployment)
        asking = threading.Thread(target=lambda: told.append(accessed(deployment)))
        asking.start()
        asking.join(0.2)
        assert told == []
    asking.join(WAIT_SECONDS)
    assert told != [None]
    assert len(told) == 1


def test_values_can_be_read_while_nothing_can_be_written_and_dates_follow(deployment, caplog):
    for name in ("app/db", "app/web"):
        deployment.create(name, "one")
    with nothing_written(deployment, StorageError("the disk is full")):
        assert read(deployment) == "one"
        deployment.settle()
        assert accessed(deployment) is None
        assert deployment.call("BatchGetSecretValue", SecretIdList=["app/db", "app/web"])["SecretValues"]
        deployment.settle()
    assert "cannot be written now and are kept: the disk is full" in caplog.text
    deployment.clock.advance(timedelta(days=1))
    read(deployment, "app/web")
    assert accessed(deployment) is not None


def test_a_batch_dates_those_that_it_gave_and_no_others(deployment):
    arn = deployment.create("app/db", "one")
    deployment.create("app/web", "one")
    deployment.call("DeleteSecret", SecretId="app/web")
    answer = deployment.call("BatchGetSecretValue", SecretIdList=["app/db", "app/web"])
    assert [one["ARN"] for one in answer["SecretValues"]] == [arn]
    assert accessed(deployment) is not None
    assert accessed(deployment, "app/web") is None


def test_the_date_of_what_was_purged_meanwhile_is_passed_over(deployment):
    arn = deployment.create("app/db", "one")
    deployment.call("DeleteSecret", SecretId="app/db", ForceDeleteWithoutRecovery=True)
    deployment.run_jobs()
    dates = deployment.node.service.dates
    dates.note([Access(arn, token(1), deployment.clock.now().date())])
    deployment.settle()
    assert dates.unsettled() is None


def test_the_read_after_the_first_is_recalled_and_not_worked_out_again(tmp_path, statements):
    with deployed(config_for("sqlite", tmp_path)) as deployment:
        deployment.create("app/db", "one")
        read(deployment)
        deployment.settle()
        statements.clear()
        assert read(deployment) == "one"
        assert statements == []
