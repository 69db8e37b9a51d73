"""The forms of what the API gives and takes, as JSON Schema; kept by hand, and tests hold them against answers."""

from collections.abc import Mapping

from subrosa.admin.decisions import VERDICTS

type Json = Mapping[str, object]

TEXT: Json = {"type": "string"}
NUMBER: Json = {"type": "number", "minimum": 0}
COUNT: Json = {"type": "integer", "minimum": 0}
SWITCH: Json = {"type": "boolean"}
WORDS: Json = {"type": "array", "items": TEXT}
PAIRS: Json = {"type": "array", "items": WORDS}
TERNARY: Json = {"enum": ["true", "false", "unknown", "unreadable"]}


def ref(name: str) -> Json:
    """A schema by its name."""
    return {"$ref": f"#/components/schemas/{name}"}


def listed(items: Json) -> Json:
    """An array of these."""
    return {"type": "array", "items": items}


def closed(properties: Mapping[str, Json], *, optional: tuple[str, ...] = ()) -> Json:
    """An object with these properties and no others."""
    required = [name for name in properties if name not in optional]
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": dict(properties),
        **({"required": required} if required else {}),
    }


_OUTCOME = {
    "record": {"const": "outcome"},
    **dict.fromkeys(("id", "time", "aborted", "refused", "rule", "sha256"), TEXT),
    **dict.fromkeys(("sent", "received", "discarded", "upstream_status"), COUNT),
    "late": SWITCH,
    "seconds": NUMBER,
}
_DECISION = {
    "record": {"const": "decision"},
    "id": TEXT,
    "time": {"type": "string", "format": "date-time"},
    "verdict": {"enum": list(VERDICTS)},
    **dict.fromkeys(("reason", "stage", "detail", "remedy", "operation", "provider", "purpose"), TEXT),
    **dict.fromkeys(("status", "generation", "port"), COUNT),
    **dict.fromkeys(("enforcing", "customer_content"), SWITCH),
    **dict.fromkeys(("profile", "policy", "source", "client", "listener", "user", "subject"), TEXT),
    **dict.fromkeys(("transport", "method", "scheme", "host", "path", "query", "content_type"), TEXT),
    **dict.fromkeys(("rules", "asserted", "kinds", "recognisers", "shapes"), WORDS),
    **dict.fromkeys(("tags", "checksums"), PAIRS),
    "declared_length": {"type": ["integer", "null"]},
    "seconds": NUMBER,
    "outcome": ref("Outcome"),
}
_VERDICT = {
    **dict.fromkeys(("reason", "stage", "operation", "provider", "purpose", "detail", "remedy"), TEXT),
    "outcome": {"enum": ["allow", "block", "undecided"]},
    **dict.fromkeys(("rules", "asserted"), WORDS),
    "status": COUNT,
    **dict.fromkeys(("would_block", "late"), SWITCH),
}
_ROW = (
    "provider",
    "name",
    "operation",
    "purpose",
    "strength",
    "request",
    "hosts",
    "source",
    "breaks",
    "reviewed",
)
_CHECK = closed({"state": {"enum": ["ok", "warn", "fail"]}, "detail": TEXT}, optional=("detail",))

SCHEMAS: Mapping[str, Json] = {
    "Problem": {
        "type": "object",
        "required": ["status", "title", "detail"],
        "properties": {"status": COUNT, "title": TEXT, "detail": TEXT},
    },
    "Decision": closed(_DECISION, optional=("outcome",)),
    "Outcome": closed(_OUTCOME),
    "Decisions": closed({"decisions": listed(ref("Decision")), "next": {"type": ["string", "null"]}}),
    "Operation": closed(dict.fromkeys(_ROW, TEXT)),
    "Operations": closed({"operations": listed(ref("Operation"))}),
    "Health": closed(
        {
            "ready": SWITCH,
            "reasons": WORDS,
            "checks": {"type": "object", "additionalProperties": _CHECK},
        }
    ),
    "Status": closed(
        {
            "version": TEXT,
            "started": {"type": "string", "format": "date-time"},
            "ready": SWITCH,
            "lockdown": SWITCH,
            "workers": COUNT,
            "policy": {
                "anyOf": [
                    {"type": "null"},
                    closed(
                        {
                            **dict.fromkeys(("generation", "providers"), COUNT),
                            **dict.fromkeys(("digest", "profile"), TEXT),
                            "enforcing": SWITCH,
                            "asserted": WORDS,
                        }
                    ),
                ]
            },
            "sources": WORDS,
            "transfers": closed(dict.fromkeys((*VERDICTS, "fail_closed"), COUNT)),
        }
    ),
    "Request": closed(
        {
            "method": TEXT,
            "url": {"type": "string", "minLength": 1},
            "headers": {"type": "object", "additionalProperties": TEXT},
            "body": TEXT,
            "body_base64": {"type": "string", "contentEncoding": "base64"},
            "source": {
                "type": "string",
                "description": "customer-content, nothing, or a source of the settings",
            },
        },
        optional=("method", "headers", "body", "body_base64", "source"),
    ),
    "Explanation": closed(
        {
            "verdict": closed(_VERDICT),
            **dict.fromkeys(("source", "body", "detail"), TEXT),
            "holds_content": SWITCH,
            "claims": listed(
                closed({**dict.fromkeys(("operation", "purpose", "strength"), TEXT), "value": TERNARY})
            ),
            "tags": PAIRS,
            **dict.fromkeys(("meanings", "kinds", "shapes"), WORDS),
            "rules": listed(
                closed(
                    {
                        **dict.fromkeys(("id", "rank"), TEXT),
                        "value": TERNARY,
                        "facts": listed(closed({"fact": TEXT, "value": TERNARY})),
                    }
                )
            ),
        }
    ),
    "Reloaded": closed({"ok": SWITCH, "generation": COUNT, "faults": WORDS}),
    "Turn": closed({"on": SWITCH}),
    "Switch": closed({"on": SWITCH, "detail": TEXT}, optional=("detail",)),
}
"""Name to form of everything that has a name in the API."""
