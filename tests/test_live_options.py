"""Options that change while a training runs, and the record of where each took effect."""

import json
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from support.training import make_people, quick_settings

from models import checkpoint
from trainer import option_changes, request_files, train
from trainer.live_options import LiveOptions, changed
from trainer.monitoring.monitor import Monitor, MonitorSettings
from trainer.monitoring.stop_rule import StopRule
from trainer.options import TrainOptions, options_class, saved_options
from trainer.session import TrainingSession
from utils.errors import UsageError
from utils.options import options_of


@pytest.fixture
def settings(tmp_path, monkeypatch):
    people = make_people(tmp_path, 6)
    return quick_settings(people, tmp_path / "model", monkeypatch, learning_rate=0.01)


def test_a_running_training_takes_options_and_the_model_remembers_where(
    settings, monkeypatch, capsys
):
    folder, rates = settings().model_dir, {}
    asked = {"target_iter": 6, "learning_rate": 0.02, "keep": 1, "cool_down": 0}
    after_step = LiveOptions.after_step

    def ask(live):
        session = live._session
        rates[session.iteration] = float(session.step.optimizer.rate.numpy())
        if session.iteration == 3:
            (folder / "options.request").write_text(json.dumps(asked))
        after_step(live)
        if session.iteration == 4:
            (folder / "options.request").write_text('{"batch_size": 3}')

    monkeypatch.setattr("trainer.request_files.LOOK_SECONDS", 0.0)
    monkeypatch.setattr(LiveOptions, "after_step", ask)
    train.run(settings())  # no target: without the request it would not end
    told = capsys.readouterr()
    assert rates == pytest.approx(dict.fromkeys((1, 2, 3), 0.01) | dict.fromkeys((4, 5, 6), 0.02))
    assert "from iteration 4: learning rate 0.02 (before: 0.01), " in told.out
    assert "target iter 6 (before: no limit)" in told.out
    assert "saved iteration 3" in told.out  # so that a kill does not undo it
    assert "nothing was changed: options.request: Expected one of" in told.err
    state = checkpoint.load_newest(folder).state
    changes = {"learning_rate": [0.01, 0.02], "target_iter": [0, 6], "keep": [3, 1]}
    assert state["changes"] == [{"iteration": 3, "options": changes | {"cool_down": [0.2, 0.0]}}]
    assert saved_options(folder)["learning_rate"] == 0.02
    assert list(folder.glob("*.request")) == []

    train.run(settings(batch_size=1, target_iter=7, learning_rate=0.02, keep=1, cool_down=0.0))
    assert "from iteration 7: batch size 1 (before: 2), target" in capsys.readouterr().out
    again = checkpoint.load_newest(folder).state["changes"]
    assert again[:1] == state["changes"]
    assert again[1:] == [{"iteration": 6, "options": {"batch_size": [2, 1], "target_iter": [0, 7]}}]


def test_what_is_asked_for_while_it_gets_ready_counts(settings, monkeypatch, capsys):
    folder, describe = settings().model_dir, train.describe

    def ask(*facts):
        assert not (folder / "options.request").exists()  # that was for the training before
        (folder / "options.request").write_text('{"target_iter": 2}')
        return describe(*facts)

    folder.mkdir()
    (folder / "options.request").write_text('{"target_iter": 1}')
    monkeypatch.setattr(train, "describe", ask)
    train.run(settings())
    assert "from iteration 2: target iter 2 (before: no limit)" in capsys.readouterr().out
    assert checkpoint.load_newest(folder).iteration == 2


def test_a_request_that_comes_while_another_is_read_is_the_next(tmp_path, monkeypatch):
    path, read = tmp_path / "options.request", request_files._read

    def be_overtaken(file):
        content = read(file)
        path.write_text("second")
        monkeypatch.setattr(request_files, "_read", read)
        return content

    monkeypatch.setattr(request_files, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(request_files, "_read", be_overtaken)
    files = request_files.RequestFiles(tmp_path, "options", "save")
    path.write_text("first")
    assert [files.taken() for _ in range(3)] == [{"options": b"first"}, {"options": b"second"}, {}]
    assert list(tmp_path.iterdir()) == []


def test_what_ends_a_training_stays_known_until_the_rule_changes(tmp_path):
    settings = MonitorSettings(tmp_path, False, 0.0, False, 0.0, False, StopRule.parse("0.5"))
    session = SimpleNamespace(iteration=9, seconds=9.0, output_model=SimpleNamespace(resolution=16))
    monitor = Monitor(session, None, None, object(), settings)
    monitor.stop_reason = "stopped because it is good"
    monitor.change(replace(settings, preview_minutes=5.0))
    assert monitor.stop_reason == "stopped because it is good"
    monitor.change(replace(settings, stop_rule=StopRule.parse("0.9")))
    assert monitor.stop_reason == ""


def test_what_changed_holds_from_where_a_training_went_back_to(tmp_path):
    changes = [{"iteration": 3}, {"iteration": 9}]
    files = SimpleNamespace(model_dir=tmp_path)
    session = SimpleNamespace(iteration=4, healthy=0, changes=changes, save_settings=files)
    TrainingSession.forget_newer(session)
    assert changes == [{"iteration": 3}, {"iteration": 4}]


@pytest.mark.parametrize(
    "content",
    [
        b"", b"[1]", b"\xff", b"[" * 10_000, b'{"batch_size": 3}', b'{"nothing": 1}',
        b'{"target_iter": "many"}', b'{"target_iter": 1.5}', b'{"keep": 0}', b'{"keep": [1]}',
        b'{"save_minutes": NaN}', b'{"stop_when": "soon"}', b'{"keep": 2, "model": "H64"}',
    ],
)  # fmt: skip
def test_a_request_that_makes_no_sense_changes_nothing(settings, content):
    with pytest.raises(UsageError, match="Expected"):
        changed(settings(), content)


def test_a_power_that_a_variant_cannot_have_sends_no_one_to_a_new_start(tmp_path):
    folders = dict.fromkeys(
        ("training_data_src_dir", "training_data_dst_dir", "model_dir"), tmp_path
    )
    liae = options_class("SAEHD")(**folders)
    with pytest.raises(UsageError, match="--true-face-power needs a df variant"):
        changed(liae, b'{"true_face_power": 0.1}')


def test_a_request_may_say_a_value_as_the_command_line_does(settings):
    content = b'{"target_iter": "no limit", "preview_history": "yes", "stop_when": null}'
    new = changed(settings(target_iter=5, stop_when="0.5"), content)
    assert (new.target_iter, new.preview_history, new.stop_when) == (0, True, None)


def test_what_shapes_network_step_or_samples_is_not_taken_live():
    live = {option.name for option in options_of(TrainOptions) if option.meta["live"]}
    assert not live & {"model", "batch_size", "lr_dropout", "optimizer", "random_flip", "preset"}
    told = (
        (Path(__file__).parents[1] / "docs" / "training.md")
        .read_text()
        .partition("takes effect with the next one: ")[2]
    )
    assert set(re.findall("`([a-z_]+)`", told.partition(". ")[0])) == live
    own = {option.name for option in options_of(options_class("SAE")) if option.meta["live"]}
    assert own == live  # what a model declares is in its networks and losses


@pytest.mark.parametrize(
    "damaged", [None, {}, [1], [{"iteration": "3", "options": {}}], [{"iteration": 3}],
                [{"iteration": 3, "options": {"keep": [1]}}]],
)  # fmt: skip
def test_damaged_changes_are_passed_over(damaged):
    assert option_changes.sound(damaged) == []
    whole = {"iteration": 3, "options": {"keep": [1, 2]}}
    assert option_changes.sound([*(damaged or []), whole]) == [whole]
