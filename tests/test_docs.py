"""The docs say what the code says. `python -m tests.test_docs` rewrites docs/options.md."""

import ast
import re
import shlex
import textwrap
from importlib import import_module
from pathlib import Path

import pytest

import main
from models import MODELS
from trainer.options import TrainOptions, _merged, for_arguments
from utils import options
from utils.command_line import to_markdown

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "options.md"
DOCS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
STAGES = ("extractor", "sorter", "trainer", "converters", "tools")


def options_class(stage, model="H64"):
    module, _, name = main.STAGES[stage].options.partition(":")
    target = getattr(import_module(module), name)
    return target if isinstance(target, type) else target(["--model", model])


def options_page():
    parts = [
        "# Options\n\nWritten by `python -m tests.test_docs` from the code; a test compares them.\n"
    ]
    for stage, entry in main.STAGES.items():
        cls = TrainOptions if stage == "train" else options_class(stage)
        parts.append(f"## {stage}\n\n{entry.help.capitalize()}.\n\n{to_markdown(cls)}\n")
        if stage == "train":
            parts += [
                f"### train --model {name}\n\n{about(name, model.help)}\n\n"
                f"{to_markdown(MODELS.load(name).Options)}\n"
                for name, model in MODELS.items()
            ]
    parts.append("## Names\n\nWhat the entries of a list mean; also `main.py help TOPIC`.\n")
    for topic, target in main.TOPICS.items():
        module, _, name = target.partition(":")
        registry = getattr(import_module(module), name)
        rows = "\n".join(f"* `{name}`: {entry.help}" for name, entry in registry.items())
        parts.append(f"### {topic}\n\n{rows}\n")
    return "\n".join(parts)


def about(model, help):
    """A model's line of help, and the defaults that it has of its own."""
    usual = {o.name: o.default for o in options.options_of(_merged(model))}
    own = [
        f"`{o.flag} {options.to_text(o.default)}`"
        for o in options.options_of(for_arguments(["--model", model]))
        if o.name != "model" and o.default != usual[o.name]
    ]
    defaults = f" Its own defaults: {', '.join(own)}." if own else ""
    common = {o.name: o.flag for o in options.options_of(TrainOptions)}
    unused = [f"`{common[name]}`" for name in MODELS.load(model).unused]
    without = f", without {', '.join(unused)}" if unused else ""
    text = f"{model}: {help}.{defaults} Besides the options above{without}:"
    return textwrap.fill(text, 100, break_long_words=False, break_on_hyphens=False)


def flags(stage):
    classes = {options_class(stage, model) for model in MODELS}
    return {
        flag for cls in classes for o in options.options_of(cls)
        for flag in (o.flag, o.flag.replace("--", "--no-"), *o.meta["aliases"])
    }  # fmt: skip


def commands():
    """Every command of the program in the docs: (where, words)."""
    for path in DOCS:
        text = re.sub(r" [\^\\]\n", " ", path.read_text(encoding="utf-8"))
        for line in text.splitlines():
            found = re.search(r"(?:main\.py\"?|^ +faceswap-toolkit) +([^#`]+)", line)
            if not found or not re.match(r"[a-z]", found[1]):
                continue
            words = shlex.split(found[1].strip("` ").replace("\\", "/"))
            first = words[0].strip("`")
            if any(name.split()[0] == first for name in main.STAGES):
                yield pytest.param(words, id=f"{path.name}: {' '.join(words)[:60]}")


def test_options_page_is_what_the_code_says():
    assert PAGE.read_text(encoding="utf-8") == options_page(), "run: python -m tests.test_docs"


@pytest.mark.parametrize("words", list(commands()))
def test_commands_in_docs_exist(words):
    if "--" in words:  # what follows is a command for the queue
        end = words.index("--")
        test_commands_in_docs_exist(words[end + 1 :])
        words = words[:end]
    stage = main.find_stage(words)
    used = {word.split("=")[0] for word in words if word.startswith("--")}
    assert used <= (flags(stage) if stage else set()) | {"--help"}


LINK = re.compile(r"(?:\]\(|^\[\w+\]: )([^)#\s]*)#?([^)\s]*)", re.M)


def anchors(page):
    headings = re.findall(r"^#+ (.+)", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_links_lead_somewhere(path):
    for target, anchor in LINK.findall(path.read_text(encoding="utf-8")):
        if not target.startswith(("http:", "https:")):
            page = path.parent / target if target else path
            assert page.exists(), target
            assert not anchor or anchor in anchors(page), f"{target}#{anchor}"


def text_of(node):
    """A string of the code with `…` for what is filled in."""
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(part) for part in node.values)
    return str(node.value) if isinstance(node, ast.Constant) else "…"


def sentences_of_the_code():
    for room in ("main.py", "utils", "facelib", "models", *STAGES):
        for path in [ROOT / room, *(ROOT / room).rglob("*.py")]:
            if path.is_file():
                tree = ast.parse(path.read_text(encoding="utf-8"))
                texts = [n for n in ast.walk(tree) if isinstance(n, (ast.Constant, ast.JoinedStr))]
                yield from filter(lambda text: " " in text, map(text_of, texts))


def messages():
    text = re.sub(r"\n +", " ", (ROOT / "docs" / "messages.md").read_text(encoding="utf-8"))
    for item in re.findall(r"^\* (`.+?`): ", text, re.M):
        yield from re.findall(r"`(.+?)`", item)


def pattern_of(message):
    """`...` is anything, N and M are filled in."""
    parts = [re.escape(re.sub(r"\b[NM]\b", "…", part)) for part in message.split("...")]
    return ".*".join(parts)


@pytest.fixture(scope="module")
def sentences():
    return set(sentences_of_the_code())


@pytest.mark.parametrize("message", list(messages()))
def test_messages_in_the_docs_are_those_of_the_code(message, sentences):
    found = re.compile(pattern_of(message), re.DOTALL)
    most = max(re.split(r"\.{3}|\b[NM]\b", message), key=len)  # few sentences have that
    assert any(found.search(sentence) for sentence in sentences if most in sentence)


if __name__ == "__main__":
    PAGE.write_text(options_page(), encoding="utf-8")
