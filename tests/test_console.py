"""What is printed: reports in words, and no crash on a narrow console."""

import io
import sys

from utils import console
from utils.console import Report
from utils.errors import ExitStatus


def test_report_words_counts_names_and_failures():
    names = [f"{number:04d}.png" for number in range(25)]
    report = Report({"frames": 142, "faces": 139}, {"frames without a face": names, "none": []})
    text = str(report)
    assert text.startswith("142 frames, 139 faces\n")
    assert "frames without a face (25): 0000.png" in text
    assert "and 5 more" in text
    assert "none" not in text
    assert report.status is ExitStatus.DONE


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


def test_text_out_of_a_file_is_quoted_on_one_line():
    assert console.quoted("漢字 é") == '"漢字 é"'
    assert console.quoted('a"b\\\nc') == r'"a\"b\\\nc"'
    assert len(console.quoted("x" * 10_000)) < 250
    assert console.quoted("mi\u200cravam") == '"mi\u200cravam"'  # scripts such as Persian need it


def test_a_name_with_a_line_feed_is_no_line_of_the_report():
    name = "a.png\nfailed: all is well"
    report = Report({"faces": 1}, {"left out": [name]}, failures=[f"{name} is damaged"])
    assert len(str(report).splitlines()) == 3
