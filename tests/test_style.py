"""docs/style.md is kept: one meaning a type name, the field's words, numpydoc, plain prose."""

import ast
import re
import subprocess
from collections import defaultdict
from importlib import import_module
from pathlib import Path

import pytest

import main
from models import MODELS
from utils import options

ROOT = Path(__file__).parent.parent
ROOMS = (
    "main.py",
    "utils",
    "facelib",
    "models",
    "extractor",
    "sorter",
    "trainer",
    "converters",
    "tools",
    "workbench",
    "launcher",
)
OTHERS = ("bundle", "tests", "benchmarks", "scripts", "docs", "top")
STYLE = ROOT / "docs" / "style.md"
LONGEST_HELP, LONGEST_LINE = 100, 110
BANNED = re.compile(
    r"\b(anew|nobody|somebody|whoever|learnt|unlearnt|ancestors?|whence|thereof"
    r"|(?:dis)?colou?red-in|\w*colour\w*|grey(?!_erosion|_dilation)\w*|\w*centre[sd]?|neighbour\w*"
    r"|(?:optim|recogn|normal|minim|maxim|summar|initial|organ|serial|visual)is(?:e|ed|er|ers|es|ing|ation)"
    r"|behaviour\w*|licences?|favour\w*|artefacts?|judgement|towards|labelled|levelled|modelled)\b",
    re.I,
)
ALLOWED = {  # line by line: names that other programs or stored files give
    '"colour"', '"grey"', '"face_grey"', '"ancestor"', "`ancestor`", "--preset ancestor",
    "frame-ancestors", "xpath=ancestor::",
}  # fmt: skip


def tracked(*patterns):
    out = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "--", *patterns],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [ROOT / name for name in out.stdout.split("\n") if name and (ROOT / name).is_file()]


def sources():
    return [path for path in tracked("*.py") if path.relative_to(ROOT).parts[0] in ROOMS]


TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sources()}


def glossary():
    rows = re.findall(r"^\| (`.+?) \|", STYLE.read_text(encoding="utf-8"), re.M)
    return {name for row in rows for name in re.findall(r"`(\w+)`", row)}


def defined(tree):
    """Names of types, functions and attributes that a module defines."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            yield node.name, node.lineno
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id, node.lineno
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr, node.lineno


def types_of(tree):
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            if name[0].isupper() and not name.isupper():
                yield name


def test_a_type_name_means_one_thing():
    places = defaultdict(list)
    for path, tree in TREES.items():
        for name in types_of(tree):
            places[name].append(str(path.relative_to(ROOT)))
    assert not {name: where for name, where in places.items() if len(where) > 1}


def test_names_are_those_of_the_glossary():
    old = glossary()
    assert len(old) > 30
    wrong = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path, tree in TREES.items()
        for name, line in [*defined(tree), (path.stem, 1)]
        if name.lstrip("_") in old
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("room", [*ROOMS, *OTHERS])
def test_words_are_plain_american_english(room):
    wrong = []
    for path in tracked("*.py", "*.md", "*.bat", "*.txt", "Makefile"):
        parts = path.relative_to(ROOT).parts
        if (parts[0] if len(parts) > 1 or parts[0] in ROOMS else "top") != room:
            continue
        if path in (STYLE, Path(__file__)) or "fixtures" in parts:
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            for allowed in ALLOWED:
                line = line.replace(allowed, "")
            if found := BANNED.search(line):
                wrong.append(f"{path.relative_to(ROOT)}:{number}: {found[0]}")
    assert not wrong, "\n".join(wrong)


SECTIONS = ("Parameters", "Attributes", "Returns", "Yields")


def entries(doc):
    """Each `name : type` of a docstring's sections, with the line below it."""
    lines = [*doc.splitlines(), ""]
    section = None
    for number, line in enumerate(lines[:-1]):
        if re.fullmatch(r"-{3,}", lines[number + 1].strip()):
            section = line.strip()
        elif section in SECTIONS and (found := re.match(r"(\*{0,2}\w[\w, *]*) : (.+)", line)):
            yield found[1], found[2], lines[number + 1]


def is_sentence(words):
    """Whether what stands in a type's place reads as a sentence."""
    plain = re.sub(r"\([^)]*\)|\[[^]]*\]|`[^`]*`|\{[^}]*\}", "", words)
    return len(plain.split()) > 8 or bool(re.search(r"; |\. |\b(is|are|has|that|which)\b", plain))


def test_docstrings_give_types_where_types_belong():
    wrong = []
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            if not isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.Module)):
                continue
            for name, kind, below in entries(ast.get_docstring(node) or ""):
                if is_sentence(kind) or not re.match(r" {4}\S", below):
                    wrong.append(f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}: {name}")
    assert not wrong, "\n".join(wrong)


def test_the_docstring_check_can_fail():
    doc = (
        "A.\n\nParameters\n----------\n"
        "free : gives what is hidden; None if nothing is\nmask : (H, W)\n    Soft.\n"
    )
    (first, kind, below), (second, other, under) = entries(doc)
    assert (first, second) == ("free", "mask")
    assert is_sentence(kind)
    assert not below.startswith("    ")
    assert not is_sentence(other)
    assert under.startswith("    ")


def every_option():
    for name, stage in main.STAGES.items():
        module, _, attribute = stage.options.partition(":")
        target = getattr(import_module(module), attribute)
        models = MODELS if not isinstance(target, type) else [None]
        for model in models:
            cls = target if model is None else target(["--model", model])
            for option in options.options_of(cls):
                yield f"{name} {option.flag}", option.meta["help"]


def test_help_of_an_option_is_one_short_line():
    long = {flag: help for flag, help in every_option() if len(help) > LONGEST_HELP or "\n" in help}
    assert not long, "\n".join(f"{flag}: {help}" for flag, help in long.items())


@pytest.mark.parametrize("path", tracked("*.md"), ids=lambda path: str(path.relative_to(ROOT)))
def test_markdown_fits_a_terminal(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    assert not [n for n, line in enumerate(lines, 1) if len(line) > LONGEST_LINE]
