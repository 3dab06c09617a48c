"""The regions a secret may be replicated to, against AWS's endpoint data as the installed botocore carries it."""

from __future__ import annotations

import re

import botocore.session

from strongroom.domain.identifiers import partition_of
from strongroom.domain.regions import AWS_REGIONS

PARTITIONS = ("aws", "aws-cn", "aws-us-gov")


def offered() -> dict[str, set[str]]:
    """Return the regions with Secrets Manager by partition; endpoints that are no regions, as FIPS, left out."""
    session = botocore.session.Session()
    return {name: set(session.get_available_regions("secretsmanager", name)) for name in PARTITIONS}


def test_the_regions_are_those_in_which_aws_offers_the_service():
    assert set(AWS_REGIONS) == set().union(*offered().values())


def test_each_is_in_the_partition_that_arns_give_it():
    assert {name: {one for one in AWS_REGIONS if partition_of(one) == name} for name in PARTITIONS} == offered()


def test_each_stands_once_and_may_be_sent_as_a_replicas_region():
    assert len(set(AWS_REGIONS)) == len(AWS_REGIONS)
    assert [region for region in AWS_REGIONS if not re.fullmatch(r"([a-z]+-)+\d+", region)] == []
