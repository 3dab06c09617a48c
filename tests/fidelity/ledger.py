"""The ledger of fidelity: every fact about AWS that Strongroom is built on, and what shows that it is kept."""

from __future__ import annotations

from typing import Final

from fidelity import (
    ledger_catalogue_first,
    ledger_catalogue_second,
    ledger_identities,
    ledger_messages_beyond,
    ledger_messages_own,
    ledger_operations,
    ledger_questions,
    ledger_rules_access,
    ledger_rules_elsewhere,
    ledger_rules_lists,
    ledger_rules_members,
    ledger_rules_requests,
    ledger_rules_secrets,
    ledger_rules_versions,
    ledger_traps,
)
from fidelity.rows import Message, Question, Row, Section, Trap

CATALOGUE: Final = Section(
    "Messages of the catalogue", (*ledger_catalogue_first.FIRST_HALF, *ledger_catalogue_second.SECOND_HALF)
)

SECTIONS: Final[tuple[Section, ...]] = (
    ledger_operations.OPERATIONS,
    ledger_rules_requests.WIRE,
    ledger_rules_requests.ORDER,
    ledger_rules_requests.NAMES,
    ledger_rules_versions.LABELS,
    ledger_rules_versions.MOVES,
    ledger_rules_versions.READING,
    ledger_rules_versions.TOKENS,
    ledger_rules_secrets.DELETION,
    ledger_rules_secrets.DATES,
    ledger_rules_members.MEMBERS,
    ledger_rules_members.KEYS,
    ledger_rules_members.TAGS,
    ledger_rules_lists.FILTERS,
    ledger_rules_lists.PAGES,
    ledger_rules_lists.BATCH,
    ledger_rules_lists.PASSWORDS,
    ledger_rules_elsewhere.REQUESTS,
    ledger_rules_elsewhere.PROGRESS,
    ledger_rules_elsewhere.REPLICAS,
    ledger_rules_access.ACROSS,
    ledger_rules_access.POLICIES,
    ledger_identities.DECISIONS,
    ledger_identities.SESSIONS,
    ledger_identities.IDENTITIES,
    ledger_rules_lists.QUOTAS,
    CATALOGUE,
    ledger_messages_beyond.BEYOND,
    ledger_messages_own.OWN_WORDS,
    ledger_questions.QUESTIONS,
    ledger_traps.TRAPS,
    ledger_traps.LEFT_OVER,
)

ROWS: Final[tuple[Row, ...]] = tuple(row for section in SECTIONS for row in section.rows)
MESSAGES: Final = tuple(row for row in ROWS if isinstance(row, Message))
QUESTIONS: Final = tuple(row for row in ROWS if isinstance(row, Question))
TRAPS: Final = tuple(row for row in ROWS if isinstance(row, Trap))
