"""From the forms of rules to the rules of the policy: who may write what, and conditions with line and column."""

from subrosa.loading.faults import Fault
from subrosa.loading.forms import RuleForm, RulesForm
from subrosa.loading.nodes import plain
from subrosa.policy.conditions import Condition, ConditionError, build
from subrosa.policy.rules import Rank, Rule
from subrosa.policy.verdict import Outcome, Reason

RESERVED = ("pledge", "strict", "guard")
PLEDGE = (
    "pledge.training-destination",
    "pledge.training-tag",
    "pledge.training-reference",
    "pledge.training-signal",
    "pledge.vendor-default",
)
"""The rules without which there is no policy: the shipped directory must seal each of them."""


def build_rule(form: RuleForm, book: RulesForm, faults: list[Fault], *, builtin: bool) -> Rule | None:
    """Build one rule, or tell every fault of it."""
    before = len(faults)
    if not builtin:
        _check_user(form, faults)
    if form.default and book.profile is None:
        faults.append(
            form.spot.child("default").fault(
                "`default: true` belongs into a profile: profiles/<profile>.yaml"
            )
        )
    if form.verdict is Outcome.ALLOW and (form.default or form.sealed):
        faults.append(
            form.spot.child("verdict").fault(
                "an allow is neither sealed nor a default: write `verdict: block`"
            )
        )
    if form.sealed and form.default:
        faults.append(form.spot.child("default").fault("a sealed rule is asked first: leave `default` away"))
    if form.reason is not None and (form.reason is Reason.ALLOWED) != (form.verdict is Outcome.ALLOW):
        faults.append(
            form.spot.child("reason").fault(f"`{form.reason}` is no reason of a rule that {form.verdict}s")
        )
    if form.verdict is Outcome.BLOCK and not form.why:
        faults.append(form.spot.fault("`why` is missing: one sentence that the refusal tells"))
    when = _condition(form, faults)
    if when is None or len(faults) > before:
        return None
    return Rule(
        id=form.id,
        rank=_rank(form),
        outcome=form.verdict,
        reason=form.reason or (Reason.ALLOWED if form.verdict is Outcome.ALLOW else Reason.USER_RULE),
        when=when,
        why=form.why,
        remedy=form.remedy,
    )


def _check_user(form: RuleForm, faults: list[Fault]) -> None:
    family = form.id.partition(".")[0]
    if family in RESERVED:
        faults.append(
            form.spot.child("id").fault(
                f"`{family}.` is the gateway's own: begin with a name of yours, `corp.…`"
            )
        )
    if form.sealed:
        faults.append(form.spot.child("sealed").fault("only shipped rules are sealed: leave `sealed` away"))
    if form.reason not in (None, Reason.USER_RULE, Reason.ALLOWED):
        faults.append(
            form.spot.child("reason").fault(f"`{form.reason}` is a shipped rule's reason: write `user-rule`")
        )


def _rank(form: RuleForm) -> Rank:
    if form.sealed:
        return Rank.SEALED
    if form.default:
        return Rank.DEFAULT
    return Rank.ALLOW if form.verdict is Outcome.ALLOW else Rank.BLOCK


def _condition(form: RuleForm, faults: list[Fault]) -> Condition | None:
    try:
        return build(plain(form.when.node))
    except ConditionError as error:
        faults.append(form.when.follow(error.where).fault(str(error)))
        return None
