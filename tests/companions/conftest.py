"""IAM on each of the two databases, as the root of the account calls it."""

from __future__ import annotations

import pytest

from support.deployment import Deployment
from support.iam import Iam


@pytest.fixture
def iam(deployment: Deployment) -> Iam:
    return Iam(deployment)
