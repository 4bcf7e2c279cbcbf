"""Imports only go down, and equal floors never import each other."""

import ast
from pathlib import Path

ROOT = Path(__file__).parent.parent
FLOOR = {
    "utils": 0, "facelib": 1, "models": 2,
    "extractor": 3, "sorter": 3, "trainer": 3, "converters": 3, "tools": 3, "main": 4,
}  # fmt: skip


def imports(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "", node.lineno


def sources():
    yield ROOT / "main.py"
    for package in FLOOR:
        yield from (ROOT / package).rglob("*.py")


def test_imports_only_go_down():
    wrong = []
    for path in sources():
        here = path.relative_to(ROOT).parts[0].removesuffix(".py")
        for module, line in imports(path):
            there = module.split(".")[0]
            if there in FLOOR and there != here and FLOOR[there] >= FLOOR[here]:
                wrong.append(f"{path.relative_to(ROOT)}:{line}: {here} must not import {there}")
    assert not wrong, "\n".join(wrong)


def test_nothing_is_pickled_or_executed():
    forbidden = {"pickle", "dill", "joblib", "shelve", "marshal"}
    wrong = []
    for path in sources():
        names = {module.split(".")[0] for module, _ in imports(path)}
        calls = {
            node.func.id
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }
        if names & forbidden or calls & {"exec", "eval"}:
            wrong.append(str(path.relative_to(ROOT)))
    assert not wrong
