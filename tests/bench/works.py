"""The work that is measured: one row for each, with the subjects that take part and the goals it must reach."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from bench.load import Load
from bench.measure import CONNECTION, GIGABYTE, REQUEST, Goal, Unit

MB = 1_000_000
GB = 1000 * MB


@dataclass(frozen=True, slots=True)
class Cell:
    """One subject under one load; the label is the subject's name, with a word after it where there are several."""

    label: str
    subject: str
    load: Load
    apart: bool = False
    """Whether it has processes of its own, though another cell has the same subject."""


@dataclass(frozen=True, slots=True)
class Work:
    """Cells that take turns, round by round."""

    name: str
    title: str
    unit: Unit
    cells: tuple[Cell, ...]
    goals: tuple[Goal, ...] = ()
    most_rounds: int = 99
    quick: bool = False
    """Whether `--quick` does it too."""


def _all(load: Load, subjects: Iterable[str]) -> tuple[Cell, ...]:
    return tuple(Cell(name, name, load) for name in subjects)


OURS = ("subrosa-lean", "subrosa-engine")
INSPECTING = (*OURS, "mitmdump", "mitmdump-script", "squid", "squid-icap", "proxy-py")
HANDSHAKING = (*INSPECTING, "squid-ec")
HASHING = (*INSPECTING[:2], "subrosa-hash-all", *INSPECTING[2:])
SPEAKING_H2 = (*OURS, "mitmdump", "mitmdump-script")
TUNNELLING = ("subrosa-tunnel", "envoy", "squid-connect", "tinyproxy")
PEER_TUNNELS = TUNNELLING[1:]
LARGE = (*OURS, "mitmdump", "squid")

GET = Load()
POST = Load(method="POST", path="/v1/chat/completions", body="json", size=1000)
UPLOAD = Load(method="PUT", path="/recordings/meeting.mp4", body="octets", size=MB, connections=4)
DOWNLOAD = Load(path=f"/recordings/meeting.mp4?n={MB}", connections=4)
FORM = Load(
    method="POST", path="/v1/files", body="multipart", size=64 * MB, connections=2, requests=4, warm=0
)
REFUSED = replace(POST, path="/v1/fine_tuning/jobs", expect=403)
BARE = replace(REFUSED, body="none", size=0)


def _sized(load: Load, size: int, connections: int, requests: int) -> Load:
    """The same load with large bodies, counted instead of timed."""
    path = load.path.replace(f"?n={MB}", f"?n={size}")
    bodied = size if load.size else 0
    return replace(load, path=path, size=bodied, connections=connections, requests=requests, warm=0)


def _inspected(lean: float, engine: float) -> tuple[Goal, ...]:
    """DESIGN.md section 8: the lean lane against Squid, the engine lane against mitmdump."""
    return (
        Goal("subrosa-lean", lean, ("squid", "squid-ec")),
        Goal("subrosa-engine", engine, ("mitmdump", "mitmdump-script")),
    )


def _refusing(*subjects: str) -> tuple[Cell, ...]:
    return tuple(
        Cell(f"{name} {word}", name, load)
        for name in subjects
        for word, load in (("refused", REFUSED), ("refused, no body", BARE), ("passed", POST))
    )


GROWS = 1.15
"""Beyond this it is not noise any more: what must not grow has grown."""

_SMALL_H2 = (Goal("subrosa-engine", 0.5, ("mitmdump", "mitmdump-script")),)
SMALL, MOVED, OPENED = _inspected(1.0, 0.5), _inspected(0.6, 1.0), _inspected(0.9, 0.7)

WORKS: tuple[Work, ...] = (
    Work("tunnel-1mb", "tunnel, uploads of 1 MB", GIGABYTE, _all(UPLOAD, TUNNELLING),
         (Goal("subrosa-tunnel", 0.9, PEER_TUNNELS),), quick=True),
    Work("tunnel-small", "tunnel, small requests, 32 connections", REQUEST, _all(POST, TUNNELLING),
         (Goal("subrosa-tunnel", 1.0, PEER_TUNNELS),), quick=True),
    Work("small-post", "inspected, small POST, 32 connections", REQUEST, _all(POST, HASHING), SMALL, quick=True),
    Work("named-post", "inspected, small POST with an id of its own in each head, 32 connections", REQUEST,
         _all(replace(POST, named=True), INSPECTING)),
    Work("small-get", "inspected, small GET, 32 connections", REQUEST, _all(GET, INSPECTING), SMALL),
    Work("small-post-1", "inspected, small POST, 1 connection", REQUEST,
         _all(replace(POST, connections=1), INSPECTING)),
    Work("new-get", "inspected, a new connection for each GET", CONNECTION,
         _all(replace(GET, fresh=True, connections=4), HANDSHAKING), OPENED, quick=True),
    Work("new-post", "inspected, a new connection for each POST", CONNECTION,
         _all(replace(POST, fresh=True, connections=4), HANDSHAKING), OPENED),
    Work("h2-post", "HTTP/2, small POST, 32 connections", REQUEST, _all(replace(POST, protocol="h2"), SPEAKING_H2),
         _SMALL_H2),
    Work("h2-upload-1mb", "HTTP/2, uploads of 1 MB", GIGABYTE, _all(replace(UPLOAD, protocol="h2"), SPEAKING_H2),
         (Goal("subrosa-engine", 1.0, ("mitmdump", "mitmdump-script")),)),
    Work("upload-1mb", "inspected, uploads of 1 MB", GIGABYTE, _all(UPLOAD, HASHING), MOVED, quick=True),
    Work("download-1mb", "inspected, downloads of 1 MB", GIGABYTE, _all(DOWNLOAD, INSPECTING), MOVED),
    Work("upload-64mb", "inspected, uploads of 64 MB", GIGABYTE, _all(_sized(UPLOAD, 64 * MB, 2, 4), LARGE), MOVED,
         most_rounds=3),
    Work("download-64mb", "inspected, downloads of 64 MB", GIGABYTE, _all(_sized(DOWNLOAD, 64 * MB, 2, 4), LARGE),
         MOVED, most_rounds=3),
    Work("upload-1gb", "inspected, uploads of 1 GB", GIGABYTE, _all(_sized(UPLOAD, GB, 1, 1), LARGE), MOVED,
         most_rounds=2),
    Work("download-1gb", "inspected, downloads of 1 GB", GIGABYTE, _all(_sized(DOWNLOAD, GB, 1, 1), LARGE), MOVED,
         most_rounds=2),
    Work("held-multipart", "multipart uploads of 64 MB whose purpose follows the file", GIGABYTE,
         _all(FORM, (*OURS, "mitmdump-script", "squid-icap", "squid")),
         tuple(Goal(name, 10.0) for name in OURS), most_rounds=3),
    Work("refusal", "refused at the head, against the same POST passed", REQUEST,
         _refusing(*OURS, "mitmdump-script", "squid"),
         tuple(Goal(f"{name} refused", 1.5, (f"{name} passed",)) for name in OURS), quick=True),
    Work("plain-get", "HTTP without TLS, small GET, 32 connections (wrk)", REQUEST,
         _all(replace(GET, tool="wrk"), (*OURS, "mitmdump", "mitmdump-script", "squid-connect", "proxy-py"))),
    Work("reverse-h2", "HTTP/2 at a reverse listener, small GET, 32 connections (h2load)", REQUEST,
         _all(replace(GET, tool="h2load"), SPEAKING_H2), _SMALL_H2),
    Work("growth-connections", "small POST on 32 connections, beside open and quiet ones", REQUEST,
         tuple(Cell(f"{name}, {idle:,} quiet", name, replace(POST, idle=idle), apart=True)
               for name in OURS for idle in (0, 200, 2000)),
         tuple(Goal(f"{name}, 2,000 quiet", GROWS, (f"{name}, 0 quiet",)) for name in OURS)),
    Work("growth-workers", "small POST on 32 connections of each process that serves", REQUEST,
         (*_all(POST, ("subrosa-lean",)), *_all(replace(POST, connections=64), ("subrosa-workers",))),
         (Goal("subrosa-workers", GROWS, ("subrosa-lean",)),)),
    Work("growth-rules", "small POST, beside 3,000 more operations on 300 more hosts", REQUEST,
         _all(POST, ("subrosa-lean", "subrosa-lean-rules", "subrosa-engine", "subrosa-engine-rules")),
         tuple(Goal(f"{name}-rules", GROWS, (name,)) for name in OURS)),
)  # fmt: skip
