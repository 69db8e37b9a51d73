"""The tables of rules/README.md, made from the forms that read the files."""

from subrosa.loading import caseforms, forms
from subrosa.loading.form import Form, keys
from subrosa.policy.atoms import ATOMS

FORMS: dict[str, type[Form]] = {
    "destinations/&lt;provider&gt;.yaml": forms.DestinationForm,
    "an operation": forms.OperationForm,
    "a request": forms.RequestForm,
    "unless": forms.UnlessForm,
    "pledge.yaml, profiles, rules of your own": forms.RulesForm,
    "a rule": forms.RuleForm,
    "reclassify": forms.ReclassifyForm,
    "tags.yaml": forms.TagsForm,
    "carriers": forms.CarriersForm,
    "carriers.headers": forms.HeaderTagForm,
    "carriers.query": forms.QueryTagForm,
    "carriers.forms": forms.FormTagForm,
    "carriers.json": forms.JsonTagForm,
    "carriers.xml": forms.XmlTagForm,
    "vocabulary": forms.VocabularyForm,
    "content/&lt;kind&gt;.yaml": forms.ContentForm,
    "a recogniser": forms.RecogniserForm,
    "magic": forms.MagicForm,
    "a case": caseforms.CaseForm,
    "send": caseforms.SendForm,
    "a file in multipart": caseforms.PartForm,
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
