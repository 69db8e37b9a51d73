"""JSON schemas of the rules files, generated from the forms that read them, for editors."""

import json
from pathlib import Path

from subrosa.loading.caseforms import CASES, KIND_CASES
from subrosa.loading.files import write_text
from subrosa.loading.form import Form, Nested
from subrosa.loading.forms import DestinationForm, RulesForm
from subrosa.loading.shapes import JsonSchema
from subrosa.loading.tableforms import ContentForm, TagsForm
from subrosa.policy.atoms import ATOMS

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_FORMS: dict[str, type[Form]] = {
    "rules": RulesForm,
    "destinations": DestinationForm,
    "tags": TagsForm,
    "content": ContentForm,
}


def schemas() -> dict[str, str]:
    """The text of each schema by its file's name."""
    found = {name: _titled(name, form.__doc__ or "", Nested(form).schema()) for name, form in _FORMS.items()}
    found["rules"]["$defs"] = {"condition": _condition()}
    about = "<x>.test.yaml beside <x>.yaml: cases of requests, or of content kinds."
    found["test"] = _titled("test", about, {"anyOf": [CASES.schema(), KIND_CASES.schema()]})
    return {
        f"{name}.schema.json": json.dumps(schema, indent=1, ensure_ascii=False) + "\n"
        for name, schema in found.items()
    }


def write_schemas(directory: Path) -> None:
    """Write every schema into a directory."""
    write_text(directory, schemas())


def _titled(name: str, about: str, schema: JsonSchema) -> JsonSchema:
    return {"$schema": _DIALECT, "title": f"Subrosa {name} file", "description": about, **schema}


def _condition() -> JsonSchema:
    """A condition: facts with their closed values, and what combines them."""
    this = {"$ref": "#/$defs/condition"}
    several = {"type": "array", "items": this, "minItems": 1}
    properties: JsonSchema = {"all": several, "any": several, "not": this}
    for name, kind in sorted(ATOMS.items()):
        one: JsonSchema = {"type": ["string", "boolean"]}
        if kind.values:
            words = sorted(kind.values)
            one = {"type": "boolean"} if words == ["false", "true"] else {"enum": words}
        properties[name] = {
            "description": kind.about,
            "anyOf": [one, {"type": "array", "items": one, "minItems": 1}],
        }
    return {"type": "object", "properties": properties, "additionalProperties": False, "minProperties": 1}
