"""The live page: state, counters and the latest decisions in one document, whole without scripts, live with them."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from html import escape
from string import Template

from subrosa.admin.health import Health, State

type Record = Mapping[str, object]

COLUMNS = (
    ("time", "Time"),
    ("verdict", "Verdict"),
    ("request", "Request"),
    ("rule", "Rule"),
    ("operation", "Operation"),
    ("kinds", "Content"),
    ("source", "Source"),
    ("id", "Id"),
)

STYLE = """
:root{color-scheme:light dark;--line:#8886;--bad:#b00020;--good:#1b6e3c;--warn:#8a5a00}
@media(prefers-color-scheme:dark){:root{--bad:#ff8a95;--good:#7bd89f;--warn:#ffc966}}
body{font:15px/1.45 system-ui,sans-serif;margin:1.5rem auto;max-width:84rem;padding:0 1rem}
h1{font-size:1.3rem;margin:0 0 .2rem}h2{font-size:1rem;margin:1.4rem 0 .4rem}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.15rem 1rem;margin:0}dt{opacity:.75}dd{margin:0}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.87rem}
caption{text-align:left;padding:.2rem 0;opacity:.75}
th,td{text-align:left;padding:.25rem .7rem .25rem 0;border-bottom:1px solid var(--line);vertical-align:top}
dd,td{font-variant-numeric:tabular-nums;overflow-wrap:anywhere}td:first-child{white-space:nowrap}
.block,.fail{color:var(--bad);font-weight:600}.allow,.ok{color:var(--good)}
.would_block,.warn{color:var(--warn);font-weight:600}
ul{margin:.3rem 0;padding-left:1.2rem}
"""

SCRIPT = """
"use strict";
const rows = document.getElementById("rows"), live = document.getElementById("live"), most = 200;
const cell = (row, text, name) => {
  const made = row.insertCell(); made.textContent = text; if (name) made.className = name;
};
const show = (d) => {
  const row = rows.insertRow(0);
  cell(row, (d.time || "").slice(11, 19)); cell(row, d.verdict, d.verdict);
  cell(row, d.method + " " + d.host + d.path); cell(row, (d.rules || [])[0] || d.reason);
  cell(row, d.operation || d.purpose); cell(row, (d.kinds || []).join(", ")); cell(row, d.source); cell(row, d.id);
  while (rows.rows.length > most) rows.deleteRow(-1);
};
const say = (text) => { if (live.textContent !== text) live.textContent = text; };
const put = (id, text) => {
  const field = document.getElementById(id);
  if (field && field.textContent !== String(text)) field.textContent = text;
};
const words = {ok: "ready", warn: "ready, with a warning", fail: "not ready"};
const stream = new EventSource("/api/v1/decisions/stream");
stream.addEventListener("decision", (event) => show(JSON.parse(event.data)));
stream.onopen = () => say("live");
stream.onerror = () => say("connection lost, trying again");
const look = async () => {
  try {
    const [status, health] = await Promise.all(["/api/v1/status", "/readyz"].map(
      async (path) => (await fetch(path, {cache: "no-store"})).json()));
    for (const [name, value] of Object.entries(status.transfers)) put("count-" + name, value);
    const state = !health.ready ? "fail" : health.reasons.length ? "warn" : "ok";
    put("word", words[state]); document.getElementById("word").className = state;
    const reasons = document.getElementById("reasons");
    reasons.replaceChildren(...health.reasons.map((reason) => {
      const item = document.createElement("li"); item.textContent = reason; return item;
    }));
  } catch { say("connection lost, trying again"); }
};
setInterval(look, 3000);
"""


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; script-src {_hash(SCRIPT)}; style-src {_hash(STYLE)}; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)

_PAGE = Template(
    """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Subrosa: $word</title><style>$style</style>
</head>
<body>
<main>
<h1>Subrosa</h1>
<p role="status"><strong id="word" class="$state">$word</strong> <span id="live">as of this moment</span>
<noscript>(reload the page for the latest)</noscript></p>
$reasons
<h2>State</h2>
<dl>$facts</dl>
<h2>Transfers since start</h2>
<dl>$counters</dl>
<h2>Decisions</h2>
<div class="scroll" tabindex="0" role="region" aria-label="Decisions">
<table>
<caption>The latest decisions, newest first</caption>
<thead><tr>$columns</tr></thead>
<tbody id="rows">$rows</tbody>
</table>
</div>
</main>
<script>$script</script>
</body>
</html>
"""
)
_LIVE = frozenset({"transfers", "ready", "lockdown"})
"""What the page tells elsewhere, where it is kept up to date."""
_COUNTERS = {
    "allow": "allowed",
    "block": "refused",
    "would_block": "would be refused",
    "fail_closed": "failed closed",
}


def page(status: Record, health: Health, decisions: Sequence[Record]) -> str:
    """The document for this moment; everything in it is escaped."""
    counters = status.get("transfers")
    state = State.OK if health.ready and not health.reasons else State.WARN if health.ready else State.FAIL
    return _PAGE.substitute(
        style=STYLE,
        script=SCRIPT,
        state=state.value,
        word={State.OK: "ready", State.WARN: "ready, with a warning", State.FAIL: "not ready"}[state],
        reasons=_list(health.reasons),
        facts="".join(_pair(name, value) for name, value in status.items() if name not in _LIVE),
        counters="".join(
            _pair(told, counters.get(word, 0), f"count-{word}") for word, told in _COUNTERS.items()
        )
        if isinstance(counters, Mapping)
        else "",
        columns="".join(f'<th scope="col">{title}</th>' for _, title in COLUMNS),
        rows="\n".join(_row(record) for record in decisions),
    )


def _list(reasons: Sequence[str]) -> str:
    return f'<ul id="reasons">{"".join(f"<li>{escape(reason)}</li>" for reason in reasons)}</ul>'


def _pair(name: str, value: object, identifier: str = "") -> str:
    mark = f' id="{identifier}"' if identifier else ""
    return f"<dt>{escape(name.replace('_', ' '))}</dt><dd{mark}>{escape(_words(value) or 'none')}</dd>"


def _row(record: Record) -> str:
    cells = {name: record.get(name, "") for name, _ in COLUMNS}
    rules = record.get("rules")
    cells["time"] = str(record.get("time", ""))[11:19]
    cells["request"] = f"{record.get('method', '')} {record.get('host', '')}{record.get('path', '')}"
    cells["rule"] = rules[0] if isinstance(rules, (tuple, list)) and rules else record.get("reason", "")
    cells["operation"] = record.get("operation") or record.get("purpose", "")
    verdict = escape(str(cells["verdict"]), quote=True)
    return (
        "<tr>"
        + "".join(
            f'<td class="{verdict}">{verdict}</td>'
            if name == "verdict"
            else f"<td>{escape(_words(cells[name]))}</td>"
            for name, _ in COLUMNS
        )
        + "</tr>"
    )


def _words(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_words(each) or 'none'}" for name, each in value.items())
    return "" if value is None else str(value)
