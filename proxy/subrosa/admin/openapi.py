"""What the API offers, as OpenAPI 3.1; kept by hand, and a test holds it against the routes."""

from collections.abc import Mapping

from subrosa import __version__

type Json = Mapping[str, object]


def _text(description: str, media_type: str) -> Json:
    return {"description": description, "content": {media_type: {"schema": {"type": "string"}}}}


def _object(description: str, properties: Json | None = None) -> Json:
    schema: Json = {"type": "object", **({"properties": properties} if properties else {})}
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _parameter(name: str, description: str, schema: Json | None = None) -> Json:
    return {"name": name, "in": "query", "description": description, "schema": schema or {"type": "string"}}


def _body(schema: Json) -> Json:
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def _problem(description: str) -> Json:
    return {
        "description": description,
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }


_FILTERS = [
    _parameter("verdict", "only this verdict", {"enum": ["allow", "block", "would_block"]}),
    _parameter("source", "only from this source"),
    _parameter("rule", "only those that this rule decided"),
]
_DECISION: Json = {"type": "object", "description": "the fields of an evidence record, redacted"}
_LOCKDOWN: Json = {
    "type": "object",
    "required": ["on"],
    "additionalProperties": False,
    "properties": {"on": {"type": "boolean"}},
}
_OPEN: Json = {"security": []}

OPENAPI: Json = {
    "openapi": "3.1.0",
    "info": {
        "title": "Subrosa admin port",
        "version": __version__,
        "description": "Metrics, health, decisions and switches of one gateway; only lockdown changes a verdict.",
        "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
    },
    "security": [{"bearer": []}, {"basic": []}],
    "components": {
        "securitySchemes": {
            "bearer": {"type": "http", "scheme": "bearer", "description": "needed off loopback"},
            "basic": {
                "type": "http",
                "scheme": "basic",
                "description": "the token as password, for browsers",
            },
        },
        "schemas": {
            "Problem": {
                "type": "object",
                "properties": {
                    "status": {"type": "integer"},
                    "title": {"type": "string"},
                    "detail": {"type": "string"},
                },
            }
        },
    },
    "paths": {
        "/": {"get": {"summary": "the live page", "responses": {"200": _text("the page", "text/html")}}},
        "/metrics": {
            "get": {
                "summary": "Prometheus exposition, text or OpenMetrics",
                "responses": {"200": _text("all metrics", "text/plain")},
            }
        },
        "/healthz": {
            "get": {
                "summary": "whether the process answers",
                "responses": {"200": _text("it does", "text/plain")},
                **_OPEN,
            }
        },
        "/readyz": {
            "get": {
                "summary": "whether transfers can be served, and why not",
                "responses": {"200": _object("ready"), "503": _object("not ready; `reasons` says why")},
                **_OPEN,
            }
        },
        "/api/v1/status": {
            "get": {"summary": "state and counters in one object", "responses": {"200": _object("the state")}}
        },
        "/api/v1/decisions": {
            "get": {
                "summary": "the latest decisions, newest first",
                "parameters": [
                    _parameter(
                        "limit",
                        "at most so many",
                        {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100},
                    ),
                    *_FILTERS,
                ],
                "responses": {
                    "200": _object("the decisions", {"decisions": {"type": "array", "items": _DECISION}}),
                    "400": _problem("a parameter that is not known, or no number"),
                },
            }
        },
        "/api/v1/decisions/stream": {
            "get": {
                "summary": "decisions as they come, as server-sent events",
                "parameters": [
                    *_FILTERS,
                    _parameter("outcomes", "1 sends outcomes too", {"enum": ["0", "1"], "default": "0"}),
                ],
                "responses": {
                    "200": _text("events `decision` and `outcome`", "text/event-stream"),
                    "429": _problem("too many streams are open"),
                },
            }
        },
        "/api/v1/catalogue": {
            "get": {
                "summary": "operations of the catalogue",
                "parameters": [_parameter("q", "only those in which this word appears")],
                "responses": {"200": _object("the operations")},
            }
        },
        "/api/v1/explain": {
            "post": {
                "summary": "which verdict a request would get, and why; nothing is sent or recorded",
                "requestBody": _body(
                    {"type": "object", "description": "a request as in `send` of a rule's test"}
                ),
                "responses": {
                    "200": _object("facts, rules and verdict"),
                    "400": _problem("the request cannot be read"),
                    "415": _problem("not JSON"),
                },
            }
        },
        "/api/v1/reload": {
            "post": {
                "summary": "load the policy anew; the old one stays where the new one is faulty",
                "responses": {"200": _object("loaded"), "422": _object("refused; `faults` lists every one")},
            }
        },
        "/api/v1/lockdown": {
            "get": {"summary": "whether everything is refused", "responses": {"200": _object("the switch")}},
            "put": {
                "summary": "refuse every transfer, or no longer",
                "requestBody": _body(_LOCKDOWN),
                "responses": {"200": _object("the switch as it is now"), "400": _problem("not the switch")},
            },
        },
        "/api/v1/openapi.json": {
            "get": {"summary": "this document", "responses": {"200": _object("OpenAPI 3.1")}}
        },
    },
}
