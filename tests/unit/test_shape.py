"""The shape of the tree: what may stand where, read from the files themselves without importing any."""

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "proxy" / "subrosa"
SAMPLES = ROOT / "tests" / "samples"
MOST_LINES = 350

PURE = ("facts", "content", "policy")
WORLD = frozenset(
    "aiohttp asyncio concurrent ctypes datetime glob http io logging mitmproxy multiprocessing os pathlib "
    "prometheus_client random secrets select selectors shutil signal socket socketserver ssl sqlite3 structlog "
    "subprocess sys tempfile threading time urllib uuid yaml".split()
)
# Text helpers that live in a package that also reaches out.
HARMLESS = frozenset({"urllib.parse"})
REACHING_BUILTINS = frozenset(
    {"__import__", "breakpoint", "compile", "eval", "exec", "input", "open", "print"}
)

# Joined in the test, so that this file is not its own first finding: what joins, then the words.
UNWELCOME = {
    "a folder beside the clone": ("/", "..", "shared"),
    "a hidden folder beside the clone": (".", "", "library"),
    "one machine's path of the clone": ("/", "", "work", "main"),
    "the Python index": (".", "pypi", "org"),
    "the Python file host": (".", "pythonhosted", "org"),
    "the npm registry": (".", "registry", "npmjs", "org"),
    "the Debian archive": (".", "deb", "debian", "org"),
}


def project_files() -> list[Path]:
    """Every file that is in the repository, or would be after `git add`."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split("\0")
    return [ROOT / name for name in listed if name and (ROOT / name).is_file()]


def imported(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and dotted name of everything a module imports, at its top or inside a function."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, node.module or ""


def impurities(source: str) -> list[str]:
    """Every import of the world, and every builtin that reaches it, as ``line: name``."""
    tree = ast.parse(source)
    found = [
        f"{line}: {name}"
        for line, name in imported(tree)
        if name.partition(".")[0] in WORLD and name not in HARMLESS
    ]
    found += [
        f"{node.lineno}: {node.func.id}()"
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in REACHING_BUILTINS
    ]
    return found


def modules(*packages: str) -> list[Path]:
    """The Python files of these sub-packages, of all without a name; an empty answer is a fault of the test."""
    found = sorted(
        path
        for package in packages or ("",)
        for path in (PACKAGE / package).rglob("*.py")
        if "_rules" not in path.parts
    )
    assert found, packages
    return found


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param("import re2\nfrom ipaddress import ip_address", [], id="pure libraries are welcome"),
        pytest.param("from urllib.parse import unquote_to_bytes", [], id="a text helper is welcome"),
        pytest.param("import os.path", ["1: os.path"], id="a module of a package counts as the package"),
        pytest.param("def f():\n    from time import time", ["2: time"], id="a late import counts"),
        pytest.param("data = open('x').read()", ["1: open()"], id="a file opened without an import counts"),
        pytest.param("self.open()", [], id="a method that happens to be called open does not count"),
    ],
)
def test_the_check_of_purity_sees_what_reaches_out(source: str, expected: list[str]) -> None:
    assert impurities(source) == expected


@pytest.mark.parametrize("package", PURE)
def test_the_core_touches_no_world(package: str) -> None:
    found = {str(path.relative_to(ROOT)): impurities(path.read_text()) for path in modules(package)}

    assert {path: faults for path, faults in found.items() if faults} == {}


def test_mitmproxy_is_known_to_the_gateway_only() -> None:
    outside = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in modules()
        if "gateway" not in path.relative_to(PACKAGE).parts
        for line, name in imported(ast.parse(path.read_text()))
        if name.partition(".")[0] == "mitmproxy"
    ]

    assert outside == []


def test_no_module_outgrows_one_reading() -> None:
    sizes = {path.relative_to(ROOT): len(path.read_text().splitlines()) for path in modules()}

    assert {str(path): size for path, size in sizes.items() if size > MOST_LINES} == {}


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in modules()
        if not ast.get_docstring(ast.parse(path.read_text()))
    ]

    assert silent == []


@pytest.mark.parametrize("words", UNWELCOME.values(), ids=UNWELCOME.keys())
def test_no_file_names_a_place_that_a_clone_does_not_have(words: tuple[str, ...]) -> None:
    wanted = words[0].join(words[1:]).encode()
    found = [str(path.relative_to(ROOT)) for path in project_files() if wanted in path.read_bytes()]

    assert found == []


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt", "tests/bench/requirements.txt"])
def test_every_requirement_is_pinned_with_hashes(name: str) -> None:
    entries = (ROOT / name).read_text().replace("\\\n", " ").splitlines()
    wanted = [entry for entry in entries if entry and not entry.lstrip().startswith("#")]

    assert wanted
    assert [entry for entry in wanted if "==" not in entry or "--hash=sha256:" not in entry] == []


def test_every_sample_is_listed_with_its_size_and_origin() -> None:
    rows = [line.split("\t") for line in (SAMPLES / "INDEX.tsv").read_text().splitlines()[1:]]
    listed = {path: int(size) for path, size, _class, _origin in rows}
    actual = {
        path.relative_to(SAMPLES).as_posix(): path.stat().st_size
        for path in SAMPLES.rglob("*")
        if path.is_file() and path.name != "INDEX.tsv"
    }

    assert listed == actual
