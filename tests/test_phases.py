"""`--phase`: what it sets, of a new model and over the saved options of one; what it refuses."""

import pytest
from support.judged_toy import ENTRY, JudgedOptions, JudgedToy
from support.training import make_people, read_flags, register, save_model

from trainer import checks, train
from trainer.options import saved_options
from utils.errors import UsageError

SET = ("warp_off", "lr_dropout", "gan_power")


@pytest.fixture(autouse=True)
def judged(monkeypatch):
    register("JUDGED", ENTRY, monkeypatch)


def chosen(folder, *words, model="JUDGED"):
    sides = [f"--training-data-{side}-dir={folder / side}" for side in ("src", "dst")]
    known = "--model", model, "--model-dir", folder / "model", "--no-preview"
    return read_flags(*known, *sides, *words)


def values(given):
    return tuple(getattr(given, name, None) for name in SET)


@pytest.mark.parametrize(
    ("phase", "expected"),
    [("warp", (0, 0, 0)), ("refine", (1, 0.7, 0)), ("gan", (1, 0.7, 0.1))],
)
def test_what_a_phase_sets(tmp_path, phase, expected):
    assert values(chosen(tmp_path, "--phase", phase)) == expected
    without_gan = chosen(tmp_path, "--phase", phase, model="H64")
    assert values(without_gan) == (*expected[:2], None)


def test_phases_follow_each_other(tmp_path, capsys):
    people = make_people(tmp_path, 4)
    usual = "--preview-minutes=0", "--measure-minutes=0", "--batch-size=1", "--seed=1"
    train.run(chosen(people, *usual, "--target-iter=1", "--phase=warp"))
    said = capsys.readouterr().out
    assert "phase warp: --warp-off 0 --lr-dropout 0 --gan-power 0\n" in said
    last = *usual, "--target-iter=2", "--phase=gan", "--gan-power=0.3", "--gan-patch-size=7"
    given = chosen(people, *last)
    checks.check(given)
    train.run(given)
    said = capsys.readouterr().out
    assert "\nphase gan: --warp-off 1 --lr-dropout 0.7\n" in said
    assert "lr dropout 0.7 (before: off)" in said
    saved = saved_options(people / "model")
    assert (*(saved[name] for name in SET), "phase" in saved) == (1, 0.7, 0.3, False)
    assert values(chosen(people)) == (1, 0.7, 0.3)  # it stays without the flag
    assert values(chosen(people, "--phase=refine")) == (1, 0.7, 0)
    assert chosen(people, "--phase=gan").gan_patch_size == 7  # another one would need a new critic


def test_a_phase_that_cannot_be_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"because H64 has no GAN\. Received: gan$"):
        checks.check(chosen(tmp_path, "--phase=gan", model="H64"))
    for phase in ("refine", "gan"):
        with pytest.raises(UsageError, match=rf"--phase {phase} .* is none in .*--phase warp$"):
            checks.check(chosen(tmp_path, f"--phase={phase}"))
    checks.check(chosen(tmp_path, "--phase=warp"))
    save_model("JUDGED", JudgedToy(JudgedOptions()), tmp_path / "model")
    checks.check(chosen(tmp_path, "--phase=gan"))
    with pytest.raises(UsageError, match="did you mean gan"):
        chosen(tmp_path, "--phase=gam")


@pytest.mark.parametrize(
    ("words", "help"), [("--model saehd", "--model SAEHD --help"), ("", "--help")]
)
def test_what_is_wrong_with_an_option_names_the_help_that_has_it(words, help):
    with pytest.raises(UsageError, match=rf"train {help}' for the options"):
        read_flags(*words.split(), "--preset", "slow")
