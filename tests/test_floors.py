"""What may import what: floors, light packages, and tests that stand alone."""

import ast
import functools
import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
HEAVY = ("tensorflow", "keras", "numpy", "scipy", "cv2", "skimage", "av", "PIL", "c2pa", "tqdm")
FLOOR = {
    "utils": 0, "facelib": 1, "models": 2,
    "extractor": 3, "sorter": 3, "trainer": 3, "converters": 3, "tools": 3,
    "main": 4, "workbench": 4,
}  # fmt: skip


@functools.cache
def nodes(path):
    return list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def imports(path):
    for node in nodes(path):
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
            for node in nodes(path)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }
        if names & forbidden or calls & {"exec", "eval"}:
            wrong.append(str(path.relative_to(ROOT)))
    assert not wrong


def heavy_after(*modules):
    """The heavy libraries that a new Python has loaded after importing modules, by module."""
    program = f"""
import importlib, json, sys
found = {{}}
for name in {modules!r}:
    importlib.import_module(name)
    found[name] = [heavy for heavy in {HEAVY!r} if heavy in sys.modules]
print(json.dumps(found))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return {name: heavy for name, heavy in json.loads(done.stdout).items() if heavy}


def test_no_package_imports_anything_heavy():
    packages = [
        ".".join(path.parent.relative_to(ROOT).parts)
        for path in sources()
        if path.name == "__init__.py"
    ]
    assert {"utils.video", "converters.output", "trainer.data"} <= set(packages)
    assert not heavy_after(*packages)


def test_tensorflow_is_loaded_only_where_that_is_announced():
    """That is in `utils.lazy`, not while the modules of a stage are imported."""
    stages = (
        "trainer.train",
        "converters.convert",
        "tools.util.export",
        "tools.evaluate.evaluate",
        "facelib.detectors.mtcnn",
    )
    found = heavy_after(*stages)
    assert not {"tensorflow", "keras"} & {name for heavy in found.values() for name in heavy}


def test_a_heavy_import_would_be_found():
    assert "numpy" in heavy_after("utils", "utils.video.frame")["utils.video.frame"]


def names(path):
    """All identifiers in a module, with their lines."""
    for node in nodes(path):
        for field in ("name", "id", "attr", "arg"):
            if isinstance(name := getattr(node, field, None), str):
                yield name, getattr(node, "lineno", 0)


def is_about_faces(name):
    """Whether "face" or "landmark" is a word of a name; "interface" is another word."""
    return re.search(r"(?<![a-z])(face|landmark)", name, re.IGNORECASE) is not None


def test_video_knows_no_face():
    wrong = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path in (ROOT / "utils" / "video").rglob("*.py")
        for name, line in [*names(path), *imports(path)]
        if is_about_faces(name)
    ]
    assert not wrong, "\n".join(wrong)


def test_names_about_faces_are_recognized():
    assert all(map(is_about_faces, ["face", "faces", "FaceType", "draw_face", "facelib.pose"]))
    assert not any(map(is_about_faces, ["interface", "surface", "frame"]))
    found = {name for name, _ in names(ROOT / "facelib" / "types.py")}
    assert {"FaceType", "landmarks"} <= found


def test_no_test_module_imports_another():
    wrong = [
        f"{path.relative_to(ROOT)}:{line}: {module}; move what is shared to tests/support"
        for path in (ROOT / "tests").rglob("*.py")
        for module, line in imports(path)
        if re.search(r"(^|\.)test_", module)
    ]
    assert not wrong, "\n".join(wrong)
