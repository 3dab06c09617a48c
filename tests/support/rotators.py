"""Rotation functions that exist, as RotateSecret sees them; nothing runs them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from support.deployment import Deployment
from support.factories import ACCOUNT_ID, REGION

FUNCTION: Final = f"arn:aws:lambda:{REGION}:{ACCOUNT_ID}:function:rotate"


@dataclass(frozen=True)
class KnownFunctions:
    """Rotators that serve the functions named, and no other."""

    arns: frozenset[str]

    def serves(self, function_arn: str) -> bool:
        return function_arn in self.arns


def serve_functions(deployment: Deployment, *arns: str) -> Deployment:
    """Have the deployment serve these functions (FUNCTION alone, if none is named) and return it."""
    service = deployment.node.service
    around = replace(service.around, rotators=KnownFunctions(frozenset(arns or (FUNCTION,))))
    service = replace(service, around=around)
    deployment.node = replace(deployment.node, service=service)
    return deployment
