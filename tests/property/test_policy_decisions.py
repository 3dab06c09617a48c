"""What holds of decisions from policies of all kinds, whatever they say."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from strongroom.policy.access_request import AccessRequest
from strongroom.policy.callers import CallerNames
from strongroom.policy.conditions import Context
from strongroom.policy.decision import Policies, decide
from strongroom.policy.document import Policy, PolicyKind, parse_policy
from strongroom.policy.evaluate import Decision
from strongroom.policy.misses import MAX_MISSES

OWNER, PARTNER = "111111111111", "222222222222"
ROLE = f"arn:aws:iam::{OWNER}:role/app"
GET, PUT = "secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue"
SECRET = f"arn:aws:secretsmanager:us-east-1:{OWNER}:secret:x-a1b2c3"
CALLERS = [
    CallerNames(OWNER, f"arn:aws:iam::{OWNER}:root"),
    CallerNames(OWNER, f"arn:aws:iam::{OWNER}:user/u"),
    CallerNames(PARTNER, f"arn:aws:iam::{PARTNER}:user/u"),
    CallerNames(OWNER, f"arn:aws:sts::{OWNER}:assumed-role/app/s", role_arn=ROLE),
]
NAMES = ["*", OWNER, PARTNER, ROLE, *(caller.arn for caller in CALLERS)]
Written = dict[str, Any]

KEYS = st.sampled_from(["aws:a", "aws:B", "aws:c"])
CONTEXTS = st.dictionaries(KEYS, st.sampled_from(["x", "y", "*"]) | st.lists(st.sampled_from("xy"), max_size=2))
CONDITIONS = st.just({}) | st.builds(
    lambda prefix, operator, suffix, key, value: {f"{prefix}{operator}{suffix}": {key: value}},
    st.sampled_from(["", "ForAllValues:", "ForAnyValue:"]),
    st.sampled_from(["StringEquals", "StringNotEquals", "StringLike"]),
    st.sampled_from(["", "IfExists"]),
    KEYS,
    st.sampled_from(["x", "*", "${aws:b}", "${aws:c, 'x'}"]),
)
RESOURCES = st.sampled_from(["*", "arn:aws:secretsmanager:*:*:secret:${aws:a}-??????", "arn:aws:s3:::y"])


@st.composite
def statements(draw: st.DrawFn, effects: tuple[str, ...] = ("Allow", "Deny")) -> Written:
    """Return a statement; its principal is left out where the kind of policy has none."""
    return {
        "Effect": draw(st.sampled_from(effects)),
        "Principal": {"AWS": draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=2))},
        draw(st.sampled_from(["Action", "NotAction"])): draw(st.sampled_from([GET, PUT, "secretsmanager:*", "s3:*"])),
        draw(st.sampled_from(["Resource", "NotResource"])): draw(RESOURCES),
        "Condition": draw(CONDITIONS),
    }


@dataclass(frozen=True)
class Question:
    """Statements by kind, and what is asked. No statements of a limiting kind: there is no such policy."""

    caller: CallerNames
    action: str
    resource: str
    context: dict[str, Any]
    union: bool
    written: dict[PolicyKind, list[Written]]


KINDS = [PolicyKind.IDENTITY, PolicyKind.RESOURCE, PolicyKind.BOUNDARY, PolicyKind.SESSION]
QUESTIONS = st.builds(
    Question,
    caller=st.sampled_from(CALLERS),
    action=st.sampled_from([GET, PUT]),
    resource=st.sampled_from([SECRET, "*"]),
    context=CONTEXTS,
    union=st.booleans(),
    written=st.fixed_dictionaries({kind: st.lists(statements(), max_size=3) for kind in KINDS}),
)


def policy(kind: PolicyKind, written: list[Written]) -> Policy:
    without = () if kind.names_principals else ("Principal",)
    kept = [{key: value for key, value in each.items() if key not in without} for each in written]
    return parse_policy(json.dumps({"Version": "2012-10-17", "Statement": kept}), kind=kind, name=str(kind))


def policies(written: dict[PolicyKind, list[Written]]) -> Policies:
    found = {kind: policy(kind, each) for kind, each in written.items() if each}
    return Policies(
        identity=[found[PolicyKind.IDENTITY]] if PolicyKind.IDENTITY in found else [],
        resource=[found[PolicyKind.RESOURCE]] if PolicyKind.RESOURCE in found else [],
        boundary=found.get(PolicyKind.BOUNDARY),
        session=[found[PolicyKind.SESSION]] if PolicyKind.SESSION in found else None,
    )


def decision(question: Question, context: Context | None = None, given: Policies | None = None) -> Decision:
    keys = Context(question.context) if context is None else context
    request = AccessRequest(question.caller, question.action, question.resource, keys)
    return decide(request, policies(question.written) if given is None else given, union=question.union)


def is_allowed(question: Question) -> bool:
    return decision(question).allowed


def with_added(question: Question, kind: PolicyKind, statement: Written) -> Question:
    return replace(question, written={**question.written, kind: [*question.written[kind], statement]})


def without(question: Question, *kinds: PolicyKind) -> Question:
    return replace(question, written={**question.written, **{kind: [] for kind in kinds}})


@given(QUESTIONS, st.sampled_from(KINDS), statements(("Deny",)))
def test_a_deny_of_any_kind_never_widens(question, kind, denial):
    added = with_added(question, kind, denial)
    assert is_allowed(question) or not is_allowed(added)


@given(QUESTIONS, st.sampled_from(KINDS), statements(("Allow",)))
def test_an_allow_in_a_policy_that_is_there_never_narrows(question, kind, grant):
    limits = kind in (PolicyKind.BOUNDARY, PolicyKind.SESSION)
    if question.written[kind] or not limits:
        assert is_allowed(with_added(question, kind, grant)) or not is_allowed(question)


@given(QUESTIONS)
def test_boundaries_and_session_policies_never_widen(question):
    limits = (PolicyKind.BOUNDARY, PolicyKind.SESSION)
    for kinds in ((limits[0],), (limits[1],), limits):
        assert is_allowed(without(question, *kinds)) or not is_allowed(question)


@given(QUESTIONS)
def test_what_is_no_union_allows_no_more_than_a_union(question):
    strict, loose = (replace(question, union=union) for union in (False, True))
    assert is_allowed(loose) or not is_allowed(strict)


@given(QUESTIONS, st.randoms(use_true_random=False))
def test_neither_the_order_of_statements_nor_their_policies_matter(question, random):
    found = policies(question.written)
    shuffled = {kind: random.sample(each, len(each)) for kind, each in question.written.items()}
    apart = {kind: [policy(kind, [each]) for each in written] for kind, written in shuffled.items()}
    random.shuffle(apart[PolicyKind.IDENTITY])
    others = Policies(
        identity=apart[PolicyKind.IDENTITY],
        resource=apart[PolicyKind.RESOURCE],
        boundary=policies(shuffled).boundary,
        session=apart[PolicyKind.SESSION] or None,
    )
    first, second = decision(question, given=found), decision(question, given=others)
    assert (first.allowed, first.reason, first.kind) == (second.allowed, second.reason, second.kind)


@given(QUESTIONS)
def test_a_denial_names_a_kind_that_it_can_be_of_and_few_misses(question):
    found = decision(question)
    assert found.allowed is not bool(found.reason)
    if not found.allowed:
        assert found.kind is not None
        assert str(found.kind) in found.reason
    assert len(found.misses) <= (0 if found.allowed or found.statement is not None else MAX_MISSES)


@given(QUESTIONS, CONTEXTS)
def test_only_the_keys_that_were_asked_for_decide(question, other):
    asked = Context(question.context)
    found = decision(question, asked)
    kept = {key: value for key, value in question.context.items() if key.lower() in asked.asked}
    changed = {key: value for key, value in other.items() if key.lower() not in asked.asked}
    assert decision(replace(question, context={**changed, **kept})) == found


@given(QUESTIONS)
def test_a_context_made_late_decides_alike(question):
    late, early = Context.lazy(lambda: question.context), Context(question.context)
    assert decision(question, late) == decision(question, early)
    assert late.asked == early.asked


@given(QUESTIONS)
def test_an_action_without_resource_needs_a_statement_about_everything(question):
    """Here no pattern of an Allow but `*` covers what has no resource."""
    asked = replace(question, resource="*")
    only = {
        kind: [each for each in written if each["Effect"] == "Deny" or each.get("Resource") == "*"]
        for kind, written in asked.written.items()
    }
    kept = {kind: each or ([] if not asked.written[kind] else [SILENT]) for kind, each in only.items()}
    assert is_allowed(replace(asked, written=kept)) is is_allowed(asked)


SILENT = {"Effect": "Allow", "Principal": {"AWS": OWNER}, "Action": "s3:*", "Resource": "*"}
