"""The verdict: what is said of measurements, by the rules that docs/evaluation.md prints."""

import re
from pathlib import Path

import numpy as np
import pytest

from facelib import coverage, verdict
from facelib.coverage import DirectionGap
from facelib.validation_log import COLUMNS
from facelib.verdict import training_verdict

DOCS = Path(__file__).parent.parent / "docs" / "evaluation.md"
GOOD = {
    "taken_for_src": 1.0, "face_found": 1.0, "mouth_correlation": 0.98, "mouth_gain": 0.9,
    "eye_correlation": 0.9, "eye_gain": 0.8, "gaze_correlation": np.nan, "gaze_gain": np.nan,
    "sharpness": 0.95, "jitter_excess": -0.02, "flicker_excess": 0.05,
}  # fmt: skip


def rows(*qualities, **last):
    """A log with a measurement every five minutes; `last` is what the newest one says besides."""
    log = [
        dict.fromkeys(COLUMNS, np.nan)
        | {"iteration": 100.0 * i, "seconds": 300.0 * i, "swap_quality": quality}
        for i, quality in enumerate(qualities, 1)
    ]
    log[-1] |= last
    return log


RISING = rows(*np.arange(0.05, 0.7, 0.05))
STILL = rows(*np.arange(0.05, 0.7, 0.05), *[0.7] * 8)


def said(log=(), gaps=(), **changes):
    return verdict.verdict(GOOD | changes, log, gaps).splitlines()


def test_a_model_that_was_hardly_trained_is_to_be_trained_on():
    assert said((), sharpness=0.3)[-1].startswith("Train on: this training was too short")
    assert said(None, sharpness=0.3)[-1].startswith("For more detail")  # the model is not known


def test_a_smear_like_no_one_is_said():
    (first, *_) = said(taken_for_src=0.0, identity_to_src=0.95, identity_to_src_before=0.9)
    assert first == (
        "The face is never taken for src, and looks even less like src than the footage itself."
    )
    assert said(identity_to_src=0.5, identity_to_src_before=0.9)[0].endswith("taken for src.")


def test_a_good_swap():
    assert said(STILL) == [
        "The face is always taken for src.",
        "The mouth and the eyelids follow dst well.",
        "It is as sharp as the footage.",
        "The swap quality, 0.70 of 1, has not risen in the last 35 min: more time alone will "
        "hardly help.",
        verdict.NOTHING,
    ]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"taken_for_src": 0.98}, "The face is nearly always taken for src."),
        ({"taken_for_src": 0.6}, "The face is mostly taken for src."),
        ({"taken_for_src": 0.3}, "The face is sometimes taken for src."),
        ({"taken_for_src": 0.05}, "The face is hardly ever taken for src."),
        ({"taken_for_src": 0.0}, "The face is never taken for src."),
        ({"eye_gain": 0.4}, "The mouth follows dst well, the eyelids weakly."),
        ({"eye_gain": 2.5}, "The mouth follows dst well, the eyelids weakly."),
        ({"eye_correlation": -0.9}, "The mouth follows dst well, the eyelids hardly at all."),
        ({"mouth_gain": np.nan, "mouth_correlation": np.nan}, "The eyelids follow dst well."),
        (
            {"gaze_correlation": 0.9, "gaze_gain": 1.0},
            "The mouth, the eyelids and the gaze follow dst well.",
        ),
        (
            {"gaze_correlation": 0.1, "gaze_gain": 1.0, "eye_gain": 0.1},
            "The mouth follows dst well, the eyelids and the gaze hardly at all.",
        ),
        ({"face_found": 0.9}, "10 % of the frames show no face."),
        ({"sharpness": 0.65}, "It is softer than the footage by about a third."),
        ({"sharpness": 0.55}, "It is softer than the footage by about half."),
        ({"jitter_excess": 0.2}, "It trembles more than the footage."),
        (
            {"jitter_excess": 0.2, "flicker_excess": 0.4},
            "It trembles and changes color more than the footage.",
        ),
    ],
)
def test_what_a_viewer_sees(changes, sentence):
    assert sentence in said(**changes)


@pytest.mark.parametrize(
    ("changes", "advice"),
    [
        ({"face_found": 0.9}, "Look first at the frames"),
        ({"taken_for_src": 0.8}, "more varied faces of src"),
        ({"eye_gain": 0.4}, "--expression-head"),
        ({"sharpness": 0.6}, "higher resolution"),
        ({"jitter_excess": 0.2}, "--smooth"),
        ({"flicker_excess": 0.3}, "--input-jitter"),
        ({"taken_for_src": 0.5, "eye_gain": 0.1, "sharpness": 0.2}, "more varied faces of src"),
    ],
)
def test_what_helps_most_is_the_first_of_the_table(changes, advice):
    assert advice in said(STILL, **changes)[-1]
    late = said(RISING, **changes)
    assert late[-1].startswith("Train on") or advice == "Look first at the frames"


def test_more_training_is_advised_while_the_quality_rises():
    assert said(RISING)[-1] == (
        "Train on: the swap quality, 0.65 of 1, rose by 0.35 in the last 35 min."
    )
    assert "measured only 2 times" in said(rows(0.1, 0.2))[-1]


def test_what_time_does_not_mend_is_said_while_the_quality_rises():
    gaps = [DirectionGap("to the left", 0.08), DirectionGap("up", 0.03)]
    advice = said(RISING, gaps)
    assert advice[-2].startswith("Train on")
    assert advice[-1] == (
        "Add faces of src that look farther to the left: 8 % of dst's do, by more than 10 degrees."
    )
    lost = said(rows(*np.arange(0.05, 0.7, 0.05), taken_for_src=1.0), taken_for_src=0.3)
    assert "The model's own faces are taken for src far more often" in lost[-1]


def test_what_was_not_measured_is_not_said():
    assert verdict.verdict({}) == verdict.verdict(dict.fromkeys(GOOD, np.nan)) == ""
    assert training_verdict([]) == training_verdict(rows(np.nan)) == ""
    assert training_verdict(rows(*[0.5] * 5)).count("\n") == 0  # the quality only


def test_a_training_is_judged_by_its_last_measured_swap():
    measured = rows(*[0.5] * 8, taken_for_src=0.97, mouth_correlation=0.9, mouth_gain=0.9)
    text = training_verdict([*measured, *rows(np.nan)])
    assert text.splitlines()[:2] == [
        "The face is nearly always taken for src.",
        "The mouth follows dst well.",
    ]


def documented(words, column=1):
    """The numbers in the other column of the row of a table in the docs that has these words."""
    [row] = [
        cells
        for line in DOCS.read_text(encoding="utf-8").splitlines()
        if line.startswith("|") and words in (cells := line.split("|"))[column]
    ]
    return [float(number) for number in re.findall(r"\d+(?:\.\d+)?", row[3 - column])]


def test_the_docs_print_the_thresholds():
    for least, word in verdict.TAKEN_FOR_SRC[:-1]:
        assert documented(f"{word} taken for src" if least > 0.99 else f" {word} ") == [least]
    for least, word in verdict.FOLLOWING[:-1]:
        assert documented(f" {word} " if least < 0.5 else f"dst {word} ") == [least]
    expected = {
        "show no face": verdict.LEAST_FOUND,
        "softer than": verdict.LEAST_SHARP,
        "as sharp": verdict.LEAST_SHARP,
        "trembles": verdict.MOST_JITTER,
        "changes color": verdict.MOST_FLICKER,
        "measured only": verdict.FEWEST,
        "the frames without a face": verdict.LEAST_FOUND,
        "conversion: mask": verdict.LOST,
        "more varied faces": verdict.LEAST_TAKEN,
        "--expression-head": verdict.LEAST_FOLLOWING,
        "a higher resolution": verdict.LEAST_SHARP,
        "extract --smooth": verdict.MOST_JITTER,
        "`--input-jitter`": verdict.MOST_FLICKER,
    }
    for words, value in expected.items():
        assert documented(words)[0] == value, words
    assert documented("the quality rose") == [verdict.MARGIN, verdict.RECENT]
    assert documented("look farther") == [100 * coverage.LEAST_SHARE, coverage.REACH]
