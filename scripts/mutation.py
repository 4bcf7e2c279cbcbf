"""Plant small bugs, one at a time, and see whether the tests find them.

    python scripts/mutation.py --count 100 --seed 1 --output survivors.jsonl

Each mutant changes one operator, number, condition or call in models/, trainer/, facelib/ or
converters/, in a copy of the checkout, and runs the tests of that room until the first failure. One
line of JSON per mutant says what was changed and whether it survived. A survivor is a question:
is the change equivalent, or is a test missing? Takes hours, so it is no part of CI.
"""

import argparse
import ast
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("models", "trainer", "facelib", "converters")
LIMIT = 900  # seconds; a mutant that lasts longer is neither killed nor alive
# The tests of each room, the fastest first; the first prefix that fits counts.
TESTS = {
    "models/": "expression models",
    "trainer/data/": "sample_options uniform sampler loader frame_edge trainer",
    "trainer/monitoring/": "swap_measure monitor preview_sheet",
    "trainer/": "recipe people wrong_uses trainer recovery",
    "facelib/detectors/": "detectors",
    "facelib/landmarkers/": "landmarkers",
    "facelib/recognizers/": "recognizers",
    "facelib/color_transfer/": "color blends golden",
    "facelib/": "expression geometry metrics landmarks smoothing faceset footage_match hostile "
    "weights held_out frame_edge verdict coverage people swap_measure monitor wrong_uses",
    "converters/blending/": "masks crop mask_history blends seamless hist_match golden",
    "converters/interactive/": "interactive_state interactive_mouse session interactive_screen "
    "interactive_preview",
    "converters/output/": "convert_parts video_output",
    "converters/": "convert_parts wrong_uses pipeline session convert",
}
SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.And: ast.Or,
    ast.Or: ast.And,
}
NAMES = {"min": "max", "max": "min", "floor": "ceil", "ceil": "floor", "any": "all", "all": "any"}


class Mutation(NamedTuple):
    """A change of one node of a file's syntax tree."""

    line: int
    what: str
    apply: Callable[[], None]


def mutations(tree: ast.Module) -> Iterator[Mutation]:
    """Yield every change that can be made to a syntax tree."""
    for node in _code(tree):
        line = getattr(node, "lineno", 0)
        for what, field, value in _changes(node):
            yield Mutation(line, what, lambda n=node, f=field, v=value: setattr(n, f, v))


def _code(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes that run, so neither annotations nor docstrings."""
    yield node
    for field, child in ast.iter_fields(node):
        if field in ("annotation", "returns"):
            continue
        for part in child if isinstance(child, list) else [child]:
            if isinstance(part, ast.AST):
                yield from _code(part)


def _changes(node: ast.AST) -> Iterator[tuple[str, str, object]]:
    """Yield (what is said of a change, the field of the node, its new value)."""
    if isinstance(node, ast.Compare | ast.BinOp | ast.BoolOp | ast.AugAssign):
        many = isinstance(node, ast.Compare)
        old = node.ops[0] if many else node.op
        if type(old) in SWAPS:
            new = SWAPS[type(old)]()
            what = f"{type(old).__name__} -> {type(new).__name__} in {ast.unparse(node)}"
            yield (what, "ops", [new, *node.ops[1:]]) if many else (what, "op", new)
    elif isinstance(node, ast.Constant) and type(node.value) in (int, float, bool):
        value = node.value
        new_value = not value if isinstance(value, bool) else value + 1 if value < 10 else value * 2
        yield f"{value} -> {new_value}", "value", new_value
    elif isinstance(node, ast.If | ast.IfExp | ast.While):
        yield f"not ({ast.unparse(node.test)})", "test", ast.UnaryOp(ast.Not(), node.test)
    elif isinstance(node, ast.Name | ast.Attribute):
        field = "id" if isinstance(node, ast.Name) else "attr"
        if (name := getattr(node, field)) in NAMES:
            yield f"{name} -> {NAMES[name]}", field, NAMES[name]
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield f"without {ast.unparse(node)}", "value", ast.Constant(None)


def sample(root: Path, rooms: list[str], count: int, seed: int) -> list[tuple[str, int]]:
    """Return (file, number of the mutation in it) of a random sample of all mutations."""
    everything = []
    for room in rooms:
        for path in sorted((root / room).rglob("*.py")):
            total = len(list(mutations(ast.parse(path.read_text()))))
            everything += [(path.relative_to(root).as_posix(), i) for i in range(total)]
    return random.Random(seed).sample(everything, min(count, len(everything)))


def run_one(root: Path, file: str, number: int) -> dict[str, object]:
    """Plant one mutation, run the tests of its room, and undo it."""
    path = root / file
    source = path.read_text()
    tree = ast.parse(source)
    mutation = list(mutations(tree))[number]
    mutation.apply()
    names = next(names for prefix, names in TESTS.items() if file.startswith(prefix))
    tests = [f"tests/test_{name}.py" for name in names.split()]
    started = time.monotonic()
    path.write_text(ast.unparse(ast.fix_missing_locations(tree)))
    try:
        outcome = _outcome(root, tests)
    finally:
        path.write_text(source)
    return {
        "file": file,
        "line": mutation.line,
        "what": mutation.what,
        "outcome": outcome,
        "seconds": round(time.monotonic() - started),
    }


def _outcome(root: Path, tests: list[str]) -> str:
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    with subprocess.Popen(
        command,
        cwd=root,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # tests may signal their own group
    ) as process:
        try:
            return "killed" if process.wait(LIMIT) else "survived"
        except subprocess.TimeoutExpired:
            process.kill()
            return "timeout"


def main() -> None:
    """Read the command line and run the sample."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("rooms", nargs="*", default=PACKAGES, help="folders (default: all four)")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, required=True, help="one line of JSON per mutant")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mutation-") as folder, chosen.output.open("a") as out:
        copy = Path(folder) / "checkout"
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".git", ".venv", "*_cache"))
        killed = 0
        for tried, (file, number) in enumerate(
            sample(copy, chosen.rooms, chosen.count, chosen.seed), 1
        ):
            result = run_one(copy, file, number)
            killed += result["outcome"] == "killed"
            out.write(json.dumps(result) + "\n")
            out.flush()
            sys.stdout.write(f"{killed} of {tried} killed; {result}\n")


if __name__ == "__main__":
    main()
