"""The decision itself: a policy and the facts so far in, a verdict out; every path returns one.

A block rule that holds blocks, one that cannot be read blocks, one that raises blocks; the transfer is
allowed only when no block rule can hold any more.
"""

from collections.abc import Iterable

from subrosa.facts.hosts import Host
from subrosa.facts.stage import Stage
from subrosa.facts.ternary import Ternary
from subrosa.policy.plans import Plan, Rules
from subrosa.policy.policy import Policy
from subrosa.policy.purposes import Purpose
from subrosa.policy.readings import may_train
from subrosa.policy.rules import Rule
from subrosa.policy.subject import Subject
from subrosa.policy.verdict import Outcome, Reason, Verdict

UNREADABLE_RULE = "guard.unreadable"
FAILED_RULE = "guard.rule-failed"
_LIFTED_BY_OBSERVE = frozenset(
    {
        Reason.TRAINING_DESTINATION,
        Reason.TRAINING_TAG,
        Reason.TRAINING_REFERENCE,
        Reason.TRAINING_SIGNAL,
        Reason.VENDOR_DEFAULT,
        Reason.UNCLASSIFIED,
        Reason.USER_RULE,
    }
)


def decide(policy: Policy, plan: Plan, subject: Subject, stage: Stage, told: Stage | None = None) -> Verdict:
    """Evaluate a policy over what is known of one transfer; ``told`` is the stage that the verdict tells.

    Pure: the same policy and facts give the same verdict. At ``Stage.END`` nothing is UNKNOWN any more, so a
    verdict that is still undecided there is a refusal. Of the policy's rules ``plan`` names those that can matter.
    """
    head, last = subject.head, stage is Stage.END
    stage = told or stage
    subject.renew()
    if head is not None and head.path.ambiguity is not None and may_train(policy.index, head):
        detail = f"path `{head.path.text}` can be read in more than one way"
        return _told(Reason.UNREADABLE, stage, subject, rules=(UNREADABLE_RULE,), detail=detail)
    rules = plan.every if subject.opened_by else plan.rules
    verdict, still_open = _blocks(policy, rules.blocks, stage, subject)
    if verdict is None and not still_open:
        verdict, still_open = _allowed_or_default(policy, plan, rules, stage, subject)
    if verdict is not None:
        return verdict
    if last:
        detail = "a fact stayed unknown to the end"
        return _told(Reason.NO_VERDICT, stage, subject, rules=(UNREADABLE_RULE,), detail=detail)
    return _plain(plan, Outcome.UNDECIDED, Reason.NO_VERDICT, stage, subject)


def decide_tunnel(policy: Policy, subject: Subject, stage: Stage, host: Host) -> Verdict | None:
    """The block that holds of a tunnel whatever goes through it: what rules say of host and source alone."""
    subject.renew()
    return _blocks(policy, policy.blocks.on(host), stage, subject)[0]


def _blocks(
    policy: Policy, rules: Iterable[Rule], stage: Stage, subject: Subject
) -> tuple[Verdict | None, bool]:
    """The verdict of the first rule that blocks, and whether some rule still may."""
    still_open = False
    for rule in rules:
        value, fault = _ask(rule, subject)
        if value is Ternary.FALSE:
            continue
        if fault:
            named = FAILED_RULE, rule.id
            return _told(Reason.RULE_FAILED, stage, subject, rules=named, detail=fault), False
        if value is Ternary.TRUE:
            return _blocked(policy, rule, stage, subject), False
        if value is Ternary.UNREADABLE:
            named, why = (UNREADABLE_RULE, rule.id), _unread(subject)
            return _told(Reason.UNREADABLE, stage, subject, rules=named, detail=why), False
        still_open = True
    return None, still_open


def _unread(subject: Subject) -> str:
    """Why something cannot be read, in one sentence; of the body, or of what it says in a language."""
    head, body = subject.head, subject.body
    if body.detail or head is None:
        return body.detail
    for claim in subject.claims:
        language = claim.pattern.language
        if language is not None and language.test(head, body) is Ternary.UNREADABLE:
            return language.fault(head, body)
    return ""


def _allowed_or_default(
    policy: Policy, plan: Plan, rules: Rules, stage: Stage, subject: Subject
) -> tuple[Verdict | None, bool]:
    """What happens when no rule blocks: a user's allow, else the profile's default rules, else allowed."""
    open_allow = False
    for rule in rules.allows:
        value, _ = _ask(rule, subject)
        if value is Ternary.TRUE:
            named = (rule.id,)
            return _told(Reason.ALLOWED, stage, subject, rules=named, outcome=Outcome.ALLOW), False
        open_allow = open_allow or value is Ternary.UNKNOWN
    verdict, still_open = _blocks(policy, rules.defaults, stage, subject)
    if verdict is None and not still_open:
        return _plain(plan, Outcome.ALLOW, Reason.ALLOWED, stage, subject), False
    return (None, True) if open_allow else (verdict, still_open)


def _ask(rule: Rule, subject: Subject) -> tuple[Ternary, str]:
    """The rule's value, and what went wrong where it raised; a rule that raises never lets through."""
    try:
        return rule.when.test(subject), ""
    except Exception as fault:  # noqa: BLE001 - whatever a rule raises, the answer is a block
        return Ternary.UNREADABLE, f"rule `{rule.id}` failed: {type(fault).__name__}"


def _blocked(policy: Policy, rule: Rule, stage: Stage, subject: Subject) -> Verdict:
    operation = subject.operation()
    remedy = rule.remedy
    if rule.reason is Reason.VENDOR_DEFAULT and operation is not None and operation.unless is not None:
        remedy = operation.unless.remedy()
    observed = policy.observe and rule.reason in _LIFTED_BY_OBSERVE
    return _told(
        rule.reason,
        stage,
        subject,
        rules=(rule.id,),
        detail=rule.why,
        outcome=Outcome.ALLOW if observed else Outcome.BLOCK,
        remedy=remedy,
        would_block=observed,
        late=not observed and operation is not None and operation.late,
    )


def _plain(plan: Plan, outcome: Outcome, reason: Reason, stage: Stage, subject: Subject) -> Verdict:
    """A verdict that no rule gave: of one operation at one stage there is but one."""
    if subject.asserted_used:
        return _told(reason, stage, subject, outcome=outcome)
    operation = subject.operation()
    key = outcome, stage, operation.id if operation is not None else ""
    verdict = plan.plain.get(key)
    if verdict is None:
        verdict = plan.plain[key] = _told(reason, stage, subject, outcome=outcome)
    return verdict


def _told(  # noqa: PLR0913 - the fields of one verdict
    reason: Reason,
    stage: Stage,
    subject: Subject,
    *,
    rules: tuple[str, ...] = (),
    detail: str = "",
    outcome: Outcome = Outcome.BLOCK,
    remedy: str = "",
    would_block: bool = False,
    late: bool = False,
) -> Verdict:
    operation = subject.operation()
    purpose = operation.purpose.value if operation is not None else subject.declared
    return Verdict(
        outcome=outcome,
        reason=reason,
        rules=rules,
        stage=stage,
        operation=operation.id if operation is not None else "",
        provider=operation.provider if operation is not None else "",
        purpose=purpose or Purpose.UNCLASSIFIED.value,
        detail=detail,
        remedy=remedy,
        would_block=would_block,
        asserted=tuple(sorted(subject.asserted_used)),
        late=late,
    )
