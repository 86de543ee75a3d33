"""Imports run downwards only, so that what thinks can be tried without what is wired."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGES = ("acd", "callcenter", "ivr", "labswitch", "web", "workorder")
IO = ("gevent", "greenswitch", "redis", "socket", "flask", "requests", "threading", "subprocess")

# What each package must never import.
FORBIDDEN = {
    "acd": {*PACKAGES, *IO, "sqlalchemy"} - {"acd"},
    "ivr": {*PACKAGES, *IO, "sqlalchemy"} - {"ivr"},
    "workorder": {*PACKAGES, *IO} - {"workorder"},
    "callcenter": {"web", "labswitch"},
    "labswitch": set(PACKAGES) - {"labswitch"},
    "web": {"labswitch"},
}
COMMANDS = ROOT / "callcenter" / "cli.py"  # starts each process, whatever it is made of


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """Line and top-level name of every import of a file, wherever it stands in it."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"), str(path))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name.split(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.lineno, node.module.split(".")[0]


def offences(package: Path, forbidden: set[str]) -> list[str]:
    return [
        f"{path.name}:{line} imports {name}"
        for path in sorted(set(package.rglob("*.py")) - {COMMANDS})
        for line, name in imported(path)
        if name in forbidden
    ]


@pytest.mark.parametrize("package", PACKAGES)
def test_no_package_imports_what_stands_above_it(package: str) -> None:
    assert offences(ROOT / package, FORBIDDEN[package]) == []


def test_given_a_forbidden_import_within_a_function_when_looked_for_then_it_is_found(
    tmp_path: Path,
) -> None:
    (tmp_path / "wrong.py").write_text("def f():\n    from callcenter.esl import EslError\n")
    (tmp_path / "fine.py").write_text("from __future__ import annotations\nimport math\n")
    assert offences(tmp_path, FORBIDDEN["ivr"]) == ["wrong.py:2 imports callcenter"]
