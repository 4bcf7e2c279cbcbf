"""What is printed: reports in words, and no crash on a narrow console."""

import io
import sys

import pytest

from utils import console
from utils.console import Report
from utils.errors import ExitStatus


def test_report_words_counts_names_and_failures():
    names = [f"{number:04d}.png" for number in range(0, 50, 3)]
    report = Report({"frames": 142, "faces": 139}, {"frames without a face": names, "none": []})
    text = str(report)
    assert text.startswith("142 frames, 139 faces\n")
    assert "frames without a face (17): 0000, 0003, 0006" in text
    assert "and 5 more" in text
    assert "none" not in text
    assert report.status is ExitStatus.DONE


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        ([f"{n:04d}.png" for n in [*range(60, 76), 131]], "0060-0075, 0131"),
        (["9.png", "10.png", "011.png"], "9-011"),
        (["f1.tif", "f2.tif", "f2.tif"], "f1-2.tif, f2.tif"),
        (["00012_0.png", "00013_0.png", "00013_1.png"], "00012-00013_0.png, 00013_1.png"),
        (["7.png (low score)", "8.png (low score)", "9.png (blur)"], "7-8 (low score), 9 (blur)"),
        (["a.png", "b.png"], "a.png, b.png"),
        (["3", "2", "1"], "3, 2, 1"),
        (["2-1", "3-2"], "2-1, 3-2"),
        (["1", "2", "a3", ""], "1-2, a3, "),
    ],
)
def test_consecutive_names_are_one_range(names, shown):
    assert str(Report(notes={"left": names})) == f"left ({len(names)}): {shown}"


def test_the_names_that_are_not_shown_are_counted():
    names = [f"{n}.png" for n in range(100) if n % 3]  # 33 pairs
    assert str(Report(notes={"left": names})).endswith("34-35 and 42 more")


def test_the_same_failure_of_several_files_is_one_line():
    failures = [f'"{n:02d}.png": its mask is empty' for n in (1, 2, 5)]
    failures += ["3.png: face 0: no", "4.png: face 0: no"]
    text = str(Report(failures=[*failures, '"7.png": its mask is thin', "the disk is full"]))
    assert text.splitlines() == [
        "failed: 01-02, 05: its mask is empty",
        "failed: 3-4: face 0: no",
        'failed: "7.png": its mask is thin',
        "failed: the disk is full",
    ]


@pytest.mark.parametrize(
    ("seconds", "took"),
    [(0.4, ""), (5, " in 5 s"), (600, " in 10 min"), (3 * 3600 + 300, " in 3 h 05 min")],
)
def test_the_ending_says_how_long_it_took_and_where_the_result_is(seconds, took, tmp_path):
    result = tmp_path / "my result.mp4"
    report = Report(made=[result], seconds=seconds)
    assert report.ending == f'Done{took}: "{result}"'
    report.failures.append("a frame is damaged")
    assert report.ending == f'Done{took}, but not everything worked: "{result}"'
    assert Report(verdict=8).ending == "Done."


def test_a_failure_fails_the_stage():
    report = Report(failures=['"a.png" is not a readable picture'])
    assert report.status is ExitStatus.FAILED
    assert "failed:" in str(report)


def test_a_console_without_the_character_shows_a_question_mark(monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="cp437"))
    console.say("漢字 done")
    sys.stdout.flush()
    assert raw.getvalue().strip() == b"?? done"


def test_progress_yields_everything_in_order():
    assert list(console.progress(iter(range(5)), 5, "counting")) == [0, 1, 2, 3, 4]


ACTIVE = "\x1b[2J\x07\r\x9b1m\u202egnp.exe\u2028"


def test_what_is_printed_cannot_command_the_terminal(capsys):
    console.say(f"two\nlines {ACTIVE}")
    console.warn(ACTIVE)
    console.error(ACTIVE)
    console.status(ACTIVE)
    said = "".join(capsys.readouterr())
    assert said.count("\n") == 5
    assert not set(ACTIVE) & set(said) - set("[2J1mgnp.exe")
    assert said.count(r"\x1b[2J\x07\r\x9b1m\u202egnp.exe\u2028") == 4


@pytest.mark.parametrize("text", ["[#000012]  71 min to target  " + "x" * 90, "顔" * 90, "short"])
def test_a_status_never_wraps(text, monkeypatch, capsys):
    """What a terminal of 40 columns shows of it is its beginning, in one line."""
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    console.status(text)
    shown = capsys.readouterr().out.removeprefix("\r\033[K")
    columns = sum(2 if char == "顔" else 1 for char in shown)
    assert text.startswith(shown)
    assert columns < 40
    assert shown == text or columns >= 38


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({"files": 1, "marked, unchanged and signed here": 1},
         "1 file, 1 marked, unchanged and signed here"),
        ({"frames without a face": 1, "faces": 0}, "1 frame without a face, 0 faces"),
        ({"other files left alone": 1, "groups": 2}, "1 other file left alone, 2 groups"),
        ({"passes": 21, "glass": 1}, "21 passes, 1 glass"),
    ],
)  # fmt: skip
def test_one_is_singular(counts, said):
    assert str(Report(counts)) == said


def test_text_out_of_a_file_is_quoted_on_one_line():
    assert console.quoted("漢字 é") == '"漢字 é"'
    assert console.quoted('a"b\\\nc') == r'"a\"b\\\nc"'
    assert len(console.quoted("x" * 10_000)) < 250
    assert console.quoted("mi\u200cravam") == '"mi\u200cravam"'  # scripts such as Persian need it


def test_a_name_with_a_line_feed_is_no_line_of_the_report():
    name = "a.png\nfailed: all is well"
    report = Report({"faces": 1}, {"left out": [name]}, failures=[f"{name} is damaged"])
    assert len(str(report).splitlines()) == 3
