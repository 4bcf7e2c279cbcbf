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
