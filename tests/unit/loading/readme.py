"""The tables of rules/README.md, made from the forms that read the files."""

from subrosa.loading import caseforms, forms, tableforms
from subrosa.loading.form import Form, keys
from subrosa.policy.atoms import ATOMS

FORMS: dict[str, type[Form]] = {
    "destinations/&lt;provider&gt;.yaml": forms.DestinationForm,
    "an operation": forms.OperationForm,
    "a request": forms.RequestForm,
    "graphql": forms.GraphqlForm,
    "sql": forms.SqlForm,
    "unless": forms.UnlessForm,
    "unless.tenant": forms.TenantForm,
    "yields": forms.YieldsForm,
    "continues": forms.ContinuesForm,
    "pledge.yaml, profiles, rules of your own": forms.RulesForm,
    "a rule": forms.RuleForm,
    "reclassify": forms.ReclassifyForm,
    "tags.yaml": tableforms.TagsForm,
    "carriers": tableforms.CarriersForm,
    "carriers.headers": tableforms.HeaderTagForm,
    "carriers.query": tableforms.QueryTagForm,
    "carriers.forms": tableforms.FormTagForm,
    "carriers.json": tableforms.JsonTagForm,
    "carriers.xml": tableforms.XmlTagForm,
    "vocabulary": tableforms.VocabularyForm,
    "content/&lt;kind&gt;.yaml": tableforms.ContentForm,
    "a recogniser": tableforms.RecogniserForm,
    "magic": tableforms.MagicForm,
    "a case": caseforms.CaseForm,
    "send": caseforms.SendForm,
    "a file in multipart": caseforms.PartForm,
    "a message": caseforms.MessageForm,
    "expect": caseforms.ExpectForm,
    "a case of content": caseforms.KindCaseForm,
    "expect of content": caseforms.FoundForm,
}


def table(form: type[Form]) -> str:
    """The keys of a form as a table; required ones are marked."""
    rows = [f"| `{one.name}`{' (required)' if one.required else ''} | {one.about} |" for one in keys(form)]
    return "\n".join(("| key | for |", "|---|---|", *rows))


def facts() -> str:
    """The facts of conditions as a table."""
    rows = []
    for name, kind in sorted(ATOMS.items()):
        words = ", ".join(f"`{word}`" for word in sorted(kind.values)) or "text"
        rows.append(f"| `{name}` | {kind.stage.label} | {kind.about} | {words} |")
    return "\n".join(("| fact | stage | holds when | values |", "|---|---|---|---|", *rows))
