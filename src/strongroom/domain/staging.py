"""Staging labels: which version is current, previous, pending, or carries a label of the user's own.

Rules (recorded unless marked):
- A label is on at most one version of a secret: stages map each label to its version.
- A new version takes AWSCURRENT unless the call names other labels; the first version of a secret takes
  AWSCURRENT in any case (documented).
- When AWSCURRENT moves, the version it leaves takes AWSPREVIOUS, and the one that had AWSPREVIOUS loses
  it. No other label of any version changes. Moving another label never touches AWSPREVIOUS.
- A write that makes a new current version abandons a rotation: AWSPENDING leaves the secret, unless the
  call itself puts it on the new version.
- A version without labels is deprecated: hidden, readable by its id, and cleaned up later.
- AWSCURRENT can be moved but never removed.
- At most twenty labels per secret (documented quota).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

from strongroom.errors import InvalidParameterException, LimitExceededException

CURRENT: Final = "AWSCURRENT"
PREVIOUS: Final = "AWSPREVIOUS"
PENDING: Final = "AWSPENDING"

MAX_LABELS_PER_SECRET: Final = 20

Stages: TypeAlias = Mapping[str, str]
"""Label to version id."""


def labels_of(stages: Stages, version_id: str) -> list[str]:
    """Return the labels on one version, oldest attachment first."""
    return [label for label, holder in stages.items() if holder == version_id]


def reencrypted_versions(stages: Stages) -> set[str]:
    """Return the versions that a new KMS key re-encrypts: those labelled by AWS, and no other (documented)."""
    return {stages[label] for label in (CURRENT, PENDING, PREVIOUS) if label in stages}


def by_version(stages: Stages) -> dict[str, list[str]]:
    """Return version id to labels, as DescribeSecret shows it; deprecated versions do not appear."""
    versions: dict[str, list[str]] = {}
    for label, holder in stages.items():
        versions.setdefault(holder, []).append(label)
    return versions


def attach(
    stages: Stages, version_id: str, labels: Sequence[str], *, most: int = MAX_LABELS_PER_SECRET
) -> dict[str, str]:
    """Return the stages after `labels` move to `version_id`.

    Raises:
        LimitExceededException: the secret would have more than `most` labels.
    """
    left = stages.get(CURRENT)
    moved = dict(stages)
    for label in labels:
        moved[label] = version_id
    if CURRENT in labels and left is not None and left != version_id:
        moved[PREVIOUS] = left
    if len(moved) > most:
        raise LimitExceededException(f"You can't attach more than {most} staging labels to the versions of a secret.")
    return moved


def stage_new_version(
    stages: Stages, version_id: str, requested: Sequence[str] | None, *, most: int = MAX_LABELS_PER_SECRET
) -> dict[str, str]:
    """Return the stages after a write adds `version_id` with the labels it asks for.

    None asks for AWSCURRENT. Errors: as `attach`.
    """
    labels = list(dict.fromkeys(requested or (CURRENT,)))
    if CURRENT not in stages and CURRENT not in labels:
        labels.append(CURRENT)
    staged = attach(stages, version_id, labels, most=most)
    if CURRENT in labels and PENDING not in labels:
        staged.pop(PENDING, None)
    return staged


def require_version_named(*, to_version: str | None, from_version: str | None) -> None:
    """Refuse an UpdateSecretVersionStage that names neither version."""
    if to_version is None and from_version is None:
        raise InvalidParameterException(
            "You must specify at least one of the parameters MoveToVersionId and RemoveFromVersionId."
        )


def move(
    stages: Stages,
    label: str,
    *,
    to_version: str | None,
    from_version: str | None,
    most: int = MAX_LABELS_PER_SECRET,
) -> dict[str, str]:
    """Return the stages after UpdateSecretVersionStage. The version ids given must exist.

    Raises:
        InvalidParameterException: neither version is named; the label must leave a version that the call
            does not name, or names wrongly; AWSCURRENT would be removed altogether.
        LimitExceededException: as `attach`.
    """
    require_version_named(to_version=to_version, from_version=from_version)
    holder = stages.get(label)
    if to_version is None:
        return _remove(stages, label, str(from_version))
    if holder is None and from_version is not None:
        raise _label_not_on_version(label, from_version)
    if holder is not None and from_version is None and holder != to_version:
        raise InvalidParameterException(
            f"The parameter RemoveFromVersionId can't be empty. Staging label {label} is currently attached to "
            f"version {holder}, so you must explicitly reference that version in RemoveFromVersionId."
        )
    if from_version not in (None, holder):
        raise InvalidParameterException(
            f"When you move staging label {label}, if you specify RemoveFromVersionId, it must be set to the "
            f"version that currently has the staging label {label}."
        )
    return attach(stages, to_version, [label], most=most)


def _remove(stages: Stages, label: str, from_version: str) -> dict[str, str]:
    if stages.get(label) != from_version:
        raise _label_not_on_version(label, from_version)
    if label == CURRENT:
        raise InvalidParameterException(
            "You can only move staging label AWSCURRENT to a different secret version. It can't be completely removed."
        )
    return {other: holder for other, holder in stages.items() if other != label}


def _label_not_on_version(label: str, version_id: str) -> InvalidParameterException:
    return InvalidParameterException(f"Version stage {label} not found in version {version_id}")
