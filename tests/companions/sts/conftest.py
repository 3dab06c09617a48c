from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.sts import Sts

if TYPE_CHECKING:
    from support.deployment import Deployment


@pytest.fixture
def sts(deployment: Deployment) -> Sts:
    return Sts(deployment)
