"""What the API offers, as OpenAPI 3.1; kept by hand, and tests hold it against the routes and their answers."""

from collections.abc import Mapping

from subrosa import __version__
from subrosa.admin.decisions import MOST_DECISIONS, VERDICTS, WORDS
from subrosa.admin.schemas import SCHEMAS, Json, ref

_LONG: Json = {"type": "string", "maxLength": 500}


def _text(description: str, media_type: str = "text/plain") -> Json:
    return {"description": description, "content": {media_type: {"schema": {"type": "string"}}}}


def _object(description: str, name: str) -> Json:
    return {"description": description, "content": {"application/json": {"schema": ref(name)}}}


def _problem(description: str) -> Json:
    return {"description": description, "content": {"application/problem+json": {"schema": ref("Problem")}}}


def _parameter(name: str, description: str, schema: Json = _LONG) -> Json:
    return {"name": name, "in": "query", "description": description, "schema": schema}


def _body(name: str) -> Json:
    return {"required": True, "content": {"application/json": {"schema": ref(name)}}}


def _operation(identifier: str, summary: str, responses: Mapping[str, Json], **more: object) -> Json:
    """One operation; what the guard and the limits answer is the same for all."""
    common = {"421": _problem("bound to loopback, and asked under another host's name")}
    if more.get("security") != []:
        common["401"] = _problem("the token is missing or wrong")
    wrong = "the head is no HTTP, or too long"
    if "parameters" in more:
        wrong += "; or a parameter is not known, is given twice, or cannot be"
    if "requestBody" in more:
        wrong += "; or the body is not what is wanted"
    common["400"] = _problem(wrong)
    if "requestBody" in more:
        common |= {
            "408": _problem("the body did not come in time"),
            "413": _problem("the body is too long"),
            "415": _problem("the body is not JSON"),
        }
    return {
        "operationId": identifier,
        "summary": summary,
        "responses": {**responses, **common},
        **more,
    }


_SITE = _problem("another site's page asks")
_OPEN: list[Json] = []
_FILTERS = [
    _parameter("verdict", "only this verdict", {"enum": list(VERDICTS)}),
    *(_parameter(name, description) for name, description in WORDS.items()),
]
_PAGE = [
    _parameter(
        "limit",
        "at most so many",
        {"type": "integer", "minimum": 1, "maximum": MOST_DECISIONS, "default": 100},
    ),
    _parameter("before", "only those before the one with this id: `next` of the page before"),
    *_FILTERS,
]
_PATHS: Mapping[str, Mapping[str, Json]] = {
    "/": {"get": _operation("page", "the live page", {"200": _text("the page", "text/html")})},
    "/metrics": {
        "get": _operation(
            "metrics",
            "Prometheus exposition, text or OpenMetrics as `Accept` says",
            {"200": _text("all metrics")},
        )
    },
    "/healthz": {
        "get": _operation(
            "alive",
            "whether all parts give signs of life",
            {"200": _text("they do"), "503": _text("what is stuck")},
            security=_OPEN,
        )
    },
    "/readyz": {
        "get": _operation(
            "ready",
            "whether transfers can be served, and why not",
            {"200": _object("ready", "Health"), "503": _object("not ready; `reasons` says why", "Health")},
            security=_OPEN,
        )
    },
    "/api/v1/status": {
        "get": _operation(
            "status", "state and counters in one object", {"200": _object("the state", "Status")}
        )
    },
    "/api/v1/decisions": {
        "get": _operation(
            "decisions",
            "the latest decisions, newest first; of the last thousand",
            {
                "200": _object("the decisions", "Decisions"),
                "404": _problem("the decision of `before` is not kept any more"),
            },
            parameters=_PAGE,
        )
    },
    "/api/v1/decisions/stream": {
        "get": _operation(
            "stream",
            "decisions as they come, as server-sent events",
            {
                "200": _text("events `decision` and `outcome`", "text/event-stream"),
                "429": _problem("too many streams are open"),
            },
            parameters=[
                *_FILTERS,
                _parameter("outcomes", "1 sends outcomes too", {"enum": ["0", "1"], "default": "0"}),
            ],
        )
    },
    "/api/v1/catalogue": {
        "get": _operation(
            "catalogue",
            "operations of the catalogue",
            {"200": _object("the operations", "Operations")},
            parameters=[_parameter("q", "only those in which this word appears")],
        )
    },
    "/api/v1/explain": {
        "post": _operation(
            "explain",
            "which verdict a request would get, and why; nothing is sent or recorded",
            {
                "200": _object("facts, rules and verdict", "Explanation"),
                "403": _SITE,
                "422": _problem("the request cannot be judged: it would be refused before any rule"),
            },
            requestBody=_body("Request"),
        )
    },
    "/api/v1/reload": {
        "post": _operation(
            "reload",
            "load the policy anew; the old one stays where the new one is faulty",
            {
                "200": _object("loaded", "Reloaded"),
                "403": _SITE,
                "422": _object("refused; `faults` lists every one", "Reloaded"),
            },
        )
    },
    "/api/v1/lockdown": {
        "get": _operation(
            "lockdown", "whether everything is refused", {"200": _object("the switch", "Switch")}
        ),
        "put": _operation(
            "turn",
            "refuse every transfer, or no longer",
            {
                "200": _object("the switch as it is now; `detail` says why it will not last", "Switch"),
                "403": _SITE,
                "500": _problem("it could not be lifted"),
            },
            requestBody=_body("Turn"),
        ),
    },
    "/api/v1/openapi.json": {
        "get": _operation(
            "openapi",
            "this document",
            {
                "200": {
                    "description": "OpenAPI 3.1",
                    "content": {"application/json": {"schema": {"type": "object"}}},
                }
            },
        )
    },
}

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
        "schemas": SCHEMAS,
    },
    "paths": _PATHS,
}
