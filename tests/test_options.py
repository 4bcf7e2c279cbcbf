"""Options declared once: flags, questions, saved values and docs all come from the field."""

import argparse
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import main
from converters.look import Look
from trainer.options import TrainOptions
from utils import command_line, options, questions, stage_options
from utils.errors import Interrupted, UsageError
from utils.options import opt
from utils.stages import STAGES

REQUIRED = ("training_data_src_dir", "training_data_dst_dir", "model_dir")


class Color(Enum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, kw_only=True)
class Sample:
    folder: Path = opt(help="where")
    count: int = opt(8, help="how many; a few", low=1, high=64, ask=True)
    share: float = opt(0.5, help="part", low=0.0, high=1.0)
    flip: bool = opt(True, help="mirror 50 % of them", ask=True, fixed=True)
    color: Color = opt(Color.RED, help="paint")
    mode: str = opt("fast", help="how", choices=("fast", "slow"), aliases=("--speed",))
    gpu: int | None = opt(None, help="which")
    files: tuple[Path, ...] = opt((), help="more")


def parse(*argv):
    parser = argparse.ArgumentParser(exit_on_error=False, allow_abbrev=False)
    command_line.add_options(parser, Sample)
    return vars(parser.parse_args(argv))


def build(*argv, saved=None):
    return options.resolve(Sample, parse("--folder", "x", *argv), saved)


def test_flags_reach_their_fields():
    sample = build("--count", "9", "--no-flip", "--color", "blue", "--speed", "slow", "--gpu", "1")
    assert (sample.count, sample.flip, sample.color) == (9, False, Color.BLUE)
    assert (sample.mode, sample.gpu, sample.share) == ("slow", 1, 0.5)


def test_only_given_flags_are_known_as_given():
    assert set(parse("--folder", "x")) == {"folder"}


@pytest.mark.parametrize(
    "argv",
    [
        ("--count", "0"), ("--count", "65"), ("--count", "many"), ("--share", "nan"),
        ("--share", "inf"), ("--color", "green"), ("--mode", "medium"), ("--count", "1.5"),
    ],
)  # fmt: skip
def test_a_bad_value_is_refused_with_what_was_expected(argv):
    with pytest.raises(argparse.ArgumentError, match=r"Expected .*Received: " + argv[1]):
        build(*argv)


def test_precedence_defaults_saved_flags():
    saved = {"count": 3, "share": 0.25, "mode": "slow"}
    sample = build("--share", "0.75", saved=saved)
    assert (sample.count, sample.share, sample.mode) == (3, 0.75, "slow")


def test_a_fixed_option_cannot_change_and_both_values_are_named():
    with pytest.raises(UsageError, match=r"made with no.*Received: yes"):
        build("--flip", saved={"flip": False})
    assert build("--no-flip", saved={"flip": False}).flip is False


@pytest.mark.parametrize("value", ["sixty", [1], {"a": 1}, 0, None])
def test_a_damaged_saved_value_is_refused(value):
    with pytest.raises(UsageError, match="--count: Expected"):
        build(saved={"count": value})


def test_a_saved_false_stays_false():
    assert build(saved={"flip": False}).flip is False  # bool("no") would be True


def test_a_path_loses_the_quote_that_a_bat_file_leaves():
    given = parse("--folder", 'C:\\my films\\workspace"')
    assert not str(given["folder"]).endswith('"')


def test_unicode_and_spaces_in_paths():
    assert build("--files", "a b", "漢字 🎬").files[1].name == "漢字 🎬"


@given(
    count=st.integers(1, 64),
    share=st.floats(0, 1),
    flip=st.booleans(),
    color=st.sampled_from(Color),
    mode=st.sampled_from(["fast", "slow"]),
    gpu=st.none() | st.integers(0, 9),
    files=st.lists(st.just(Path("/a b")), max_size=3).map(tuple),
)
def test_json_round_trip(**values):
    sample = Sample(folder=Path("/f"), **values)
    assert options.from_json(Sample, options.to_json(sample)) == sample


def test_unknown_saved_names_are_listed():
    with pytest.raises(UsageError, match="colr"):
        options.from_json(Sample, {"folder": "x", "colr": "red"})


def test_questions_keep_explain_repeat_and_skip_what_a_flag_said(monkeypatch, capsys):
    answers = iter(["?", "99", "12"])
    monkeypatch.setattr("builtins.input", lambda _: next(answers))
    given_flags = parse("--folder", "x", "--no-flip")
    sample = questions.ask(options.resolve(Sample, given_flags), given_flags)
    printed = capsys.readouterr().out
    assert (sample.count, sample.flip) == (12, False)
    assert "how many" in printed
    assert "from 1 to 64" in printed


def test_a_question_about_listed_choices_explains_what_the_list_does_not_say(monkeypatch, capsys):
    """`?` has news at every question with a list, within the terminal's width."""
    monkeypatch.setenv("COLUMNS", "60")
    for cls in (TrainOptions, Look):
        listed = [o for o in options.options_of(cls) if o.meta["ask"] and o.meta["about"]]
        assert listed
        for option in listed:
            answers = iter(["?", ""])
            monkeypatch.setattr("builtins.input", lambda _, answers=answers: next(answers))
            questions._ask(option, option.default)
            *rows, explained = capsys.readouterr().out.split("\n  ", len(option.meta["about"]))
            assert len(rows) == len(option.choices)
            assert "one of" not in explained
            assert len(explained.split()) > 10
            assert max(map(len, explained.splitlines())) <= 60


def test_the_advanced_settings_are_explained_line_by_line(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "72")
    answers = iter(["?", "no"])
    declared = options.options_of(TrainOptions)
    asked = [option for option in declared if option.meta["seldom"]]
    monkeypatch.setattr("builtins.input", lambda _: next(answers))
    others = {option.name: option.default for option in declared if option not in asked}
    questions.ask(TrainOptions(**dict.fromkeys(REQUIRED, Path("/x"))), others)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [option.flag for option in asked]
    assert all(len(line.split()) > 2 and len(line) <= 72 for line in lines)
    assert "  --save-minutes          minutes between two saves" in lines


def test_enter_keeps_the_value_shown(monkeypatch):
    monkeypatch.setattr("builtins.input", lambda _: "")
    sample = build("--count", "5")
    assert questions.ask(sample, {}) == sample


def test_fixed_options_are_not_asked_again(monkeypatch):
    asked = []
    monkeypatch.setattr("builtins.input", lambda question: asked.append(question) or "")
    questions.ask(build(), {}, existing=True)
    assert asked == ["how many (--count) [8] ? "]


@dataclass(frozen=True, kw_only=True)
class WithSeldom(stage_options.StageOptions):
    often: int = opt(1, help="often", ask=True)
    seldom: int = opt(2, help="seldom", seldom=True)


@pytest.mark.parametrize(
    ("wish", "asked"), [("no", ["often", "show"]), ("yes", ["often", "show", "seldom"])]
)
def test_what_is_seldom_changed_is_asked_of_who_wants_it(monkeypatch, wish, asked):
    heard = []

    def answer(question):
        heard.append(question.split(" ")[0])
        return wish if heard[-1] == "show" else "7"

    monkeypatch.setattr("builtins.input", answer)
    found = questions.ask(WithSeldom(), {})
    assert heard == asked
    assert (found.often, found.seldom) == (7, 7 if wish == "yes" else 2)


ABOUT = {"small": "fits every machine", "large": "needs a GPU"}


@dataclass(frozen=True, kw_only=True)
class WithWords(stage_options.StageOptions):
    size: str = opt("small", help="size; of all", choices=ABOUT, ask=True, decides=True)
    limit: int = opt(0, help="limit (0: none)", low=0, ask=True, zero="no limit")


def test_choices_are_explained_one_a_line_and_zero_is_a_word(monkeypatch, capsys):
    heard, answers = [], iter(["large", "no limit"])
    monkeypatch.setattr("builtins.input", lambda question: heard.append(question) or next(answers))
    assert questions.ask(WithWords(limit=5), {}) == WithWords(size="large", limit=0)
    assert heard == ["size (--size) [small] ? ", "limit (--limit) [5] ? "]
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(maxsplit=1) for line in lines] == [list(pair) for pair in ABOUT.items()]
    assert "default `no limit`" in command_line.to_markdown(WithWords)


def test_what_decides_is_asked_first(monkeypatch):
    monkeypatch.setattr("builtins.input", lambda _: "large")
    assert questions.first(WithWords, {}) == ["--size", "large"]
    assert questions.first(WithWords, {"size": "small"}) == []


@pytest.mark.parametrize("accident", [EOFError, KeyboardInterrupt])
def test_an_accident_is_no_answer(monkeypatch, accident):
    def fail(_):
        raise accident

    monkeypatch.setattr("builtins.input", fail)
    with pytest.raises(Interrupted):
        questions.ask(build(), {})


def test_markdown_has_an_item_for_every_option():
    items = command_line.to_markdown(Sample)
    assert "* `--folder`: where (a path; required)" in items
    assert "`--mode`, `--speed`" in items
    assert items.count("* `--") == 8


@dataclass(frozen=True, kw_only=True)
class Positional:
    files: tuple[Path, ...] = opt(help="which", positional=True)
    strict: bool = opt(False, help="whether")


def test_a_positional_option_needs_no_flag():
    parser = argparse.ArgumentParser(exit_on_error=False)
    command_line.add_options(parser, Positional)
    parsed = vars(parser.parse_args(["a b.png", "--strict"]))
    chosen = options.resolve(Positional, parsed)
    assert chosen.strict
    assert [path.name for path in chosen.files] == ["a b.png"]
    assert "FILES" in parser.format_help()
    assert "`FILES ...`" in command_line.to_markdown(Positional)
    with pytest.raises(SystemExit):
        parser.parse_args([])


@dataclass(frozen=True, kw_only=True)
class WithFormerName:
    preset: str = opt(
        "fast", help="how", choices=("fast", "original"), renamed={"old": "original"}, fixed=True
    )


def test_a_former_name_of_a_choice_is_still_understood():
    parser = argparse.ArgumentParser(exit_on_error=False)
    command_line.add_options(parser, WithFormerName)
    assert "old" not in parser.format_help()
    flags = vars(parser.parse_args(["--preset", "old"]))
    for saved in (None, {"preset": "old"}, {"preset": "original"}):
        assert options.resolve(WithFormerName, flags, saved).preset == "original"
    assert options.from_json(WithFormerName, {"preset": "old"}).preset == "original"
    with pytest.raises(UsageError, match="one of fast, original"):
        options.from_json(WithFormerName, {"preset": "older"})


@dataclass(frozen=True, kw_only=True)
class WithNames:
    model: str = opt("H64", help="kind", choices=("H64", "LIAEF128"))


@pytest.mark.parametrize("word", ["H64", "h64", " LIAEf128"])
def test_choices_may_be_written_in_any_case(word):
    parser = argparse.ArgumentParser(exit_on_error=False)
    command_line.add_options(parser, WithNames)
    assert vars(parser.parse_args(["--model", word]))["model"] == word.strip().upper()
    with pytest.raises(UsageError, match="one of H64, LIAEF128"):
        options.from_json(WithNames, {"model": "H 64"})


def test_words_stand_for_none_too_where_that_is_the_default():
    @dataclass(frozen=True, kw_only=True)
    class Seeded:
        seed: int | None = opt(None, help="seed", low=0, zero="random")
        minutes: float = opt(10.0, help="minutes", low=0, zero="never")

    seed, minutes = options.options_of(Seeded)
    assert [seed.show(value) for value in (None, 0, 5)] == ["random", "0", "5"]
    assert [minutes.show(value) for value in (0.0, 10.0, 0.25)] == ["never", "10", "0.25"]
    assert seed.parse("random") is None
    assert minutes.parse("never") == 0


@pytest.mark.parametrize("stage", STAGES)
def test_every_choice_is_corrected_and_explained(stage):
    cls = main._load(STAGES[stage].options)
    for option in options.options_of(cls if isinstance(cls, type) else cls([])):
        if not option.choices:
            continue
        with pytest.raises(UsageError, match=f"{option.flag}: Expected one of"):
            option.parse("x265-and-more")
        assert all(isinstance(text, str) for text in option.meta["about"].values())


def test_a_default_that_the_help_says_in_words_is_not_said_twice(capsys):
    @dataclass(frozen=True, kw_only=True)
    class Worded(stage_options.StageOptions):
        output: Path | None = opt(None, help="file to write (default: beside the input)")

    with pytest.raises(SystemExit):
        command_line.parse("x", "", Worded, ["--help"], {})
    shown = capsys.readouterr().out
    (line,) = (line for line in command_line.to_markdown(Worded).splitlines() if "--output" in line)
    assert shown.count("default: beside") == 1
    assert "none" not in line
    assert "none" not in shown.split("--output")[1].split("General")[0]
