"""The workspace: short commands, where it is found, what is said to be next, status and run."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.synthetic import make_info, make_landmarks
from support.wrong_uses import everything_in, make_model

import main
from extractor import journal as extract_journal
from facelib.faceset import write_face
from tools import run, status
from tools.options import RunOptions, StatusOptions
from trainer import checks as train_checks
from utils import command_line, options, program, workspace
from utils.errors import InputError, Interrupted, ModelError, UsageError, UserError
from utils.lock import locked
from utils.stages import STAGES
from utils.workspace import Workspace

ROOT = Path(__file__).parent.parent
PNG = bytes.fromhex("89504e470d0a1a0a")


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A workspace with two clips, and the current folder."""
    folder = tmp_path / "my clips"
    folder.mkdir()
    for side in workspace.SIDES:
        (folder / f"data_{side}.mp4").write_bytes(b"a clip")
    monkeypatch.chdir(folder)
    return Workspace(folder)


def make_faces(home, *sides):
    for side in sides:
        home.faces(side).mkdir(parents=True)
        (home.faces(side) / "0.png").write_bytes(PNG)


def make_sorted(home, side):
    (home.faces(side) / ".sort").mkdir(exist_ok=True)
    (home.faces(side) / ".sort" / "undo-000001.json").touch()


def chosen(words):
    """The options that a command line comes to, without its checks."""
    name = main.find_stage(words.split())
    argv = words.split()[len(name.split()) :]
    cls = main._load(STAGES[name].options)
    cls = cls if isinstance(cls, type) else cls(argv)
    given = workspace.fill(cls, command_line.parse(name, "", cls, argv, {}))
    return options.resolve(cls, given, cls.saved(given))


def paths(words):
    """The folders that a command line comes to, by option."""
    given = chosen(words)
    return {o.name: getattr(given, o.name) for o in options.options_of(type(given)) if o.place}


# ------------------------------------------------------------------------------ short commands


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("extract src", {"input_dir": "data_src.mp4", "output_dir": "data_src/aligned"}),
        ("extract dst", {"input_dir": "data_dst.mp4", "output_dir": "data_dst/aligned"}),
        ("sort src --by hist", {"input_dir": "data_src/aligned"}),
        ("util pack dst", {"input_dir": "data_dst/aligned"}),
        (
            "train",
            {
                "training_data_src_dir": "data_src/aligned",
                "training_data_dst_dir": "data_dst/aligned",
                "model_dir": "model",
            },
        ),
        (
            "train --model mask",
            {
                "training_data_src_dir": "data_src/aligned",
                "training_data_dst_dir": "data_dst/aligned",
                "model_dir": "mask_model",
            },
        ),
        (
            "convert",
            {
                "input_dir": "data_dst.mp4",
                "output_dir": "result.mp4",
                "aligned_dir": "data_dst/aligned",
                "model_dir": "model",
            },
        ),
    ],
)
@pytest.mark.parametrize("where", ["in it", "inside it", "beside it", "named"])
def test_short_commands_take_the_folders_of_the_workspace(
    words, expected, where, home, monkeypatch
):
    folder = home.folder
    if where == "inside it":
        (folder / "data_src").mkdir()
        monkeypatch.chdir(folder / "data_src")
    elif where == "beside it":
        folder = folder.rename(folder.with_name("workspace"))
        monkeypatch.chdir(folder.parent)
    elif where == "named":
        folder = folder.rename(folder.with_name("elsewhere"))
        monkeypatch.chdir(folder.parent)
        words += f" --workspace {folder}"
    found = {name: path for name, path in paths(words).items() if path is not None}
    assert found == {name: folder / place for name, place in expected.items()}


def test_a_mask_model_counts_once_it_is_saved(home):
    commands = ("convert", "util draw-masks src")
    name = {"convert": "mask_model_dir"}
    before = home.next_step()
    home.mask_model.mkdir()
    (home.mask_model / ".train.lock").touch()
    found = [paths(words)[name.get(words, "model_dir")] for words in commands]
    assert found == [None, None], "its training has just begun"
    state = home.mask_model / "generations" / "0" / "state.json"
    state.parent.mkdir(parents=True)
    state.touch()
    found = [paths(words)[name.get(words, "model_dir")] for words in commands]
    assert found == [home.mask_model] * 2
    assert home.next_step() == before, "masks are no step of the way"


def test_a_flag_goes_before_the_workspace(home):
    found = paths("convert --output-dir other.mkv --model-dir old")
    assert found["output_dir"] == home.folder / "other.mkv"
    assert found["model_dir"] == home.folder / "old"
    assert found["input_dir"] == home.clip("dst")


def test_with_all_flags_no_workspace_is_looked_at(home, capsys):
    """What they meant before there were workspaces: `evaluate` compares no model."""
    make_faces(home, "src", "dst")
    make_model(home.model, 10, 60)
    found = paths("evaluate --dst a.mp4 --result b.mp4 --src-aligned c")
    optional = {found[name] for name in ("dst_aligned", "model_dir", "output")}
    assert optional == {None}
    assert not capsys.readouterr().out


def test_optional_folders_are_taken_when_they_are_there(home):
    assert paths("evaluate")["dst_aligned"] is None
    assert paths("evaluate")["output"] == home.evaluation
    make_faces(home, "dst")
    assert paths("evaluate")["dst_aligned"] == home.faces("dst")


def test_train_continues_the_model_of_the_workspace(home):
    make_model(home.model, 10, 60)
    assert chosen("train").model == "Quick96"


def test_footage_is_any_video_or_a_folder_of_frames(home):
    (home.folder / "data_src.mp4").rename(home.folder / "data_src.MOV")
    assert home.clip("src") == home.folder / "data_src.MOV"
    (home.folder / "data_src.MOV").unlink()
    (home.folder / "data_src").mkdir()
    (home.folder / "data_src" / "0.jpg").touch()
    assert home.clip("src") == home.folder / "data_src"
    (home.folder / "data_dst.mkv").touch()
    with pytest.raises(UsageError, match=r"data_dst\.mkv and data_dst\.mp4"):
        home.clip("dst")


def test_every_example_and_next_command_is_accepted(home):
    make_faces(home, "src", "dst")
    for name, stage in STAGES.items():
        for words in stage.examples:
            chosen(f"{name} {words}".replace("DIR", "."))
    for command in run.commands(home, 12.5):
        chosen(command.words)


# ------------------------------------------------------------------------------ what is next


def test_each_step_leads_to_the_next(home):
    clock = iter(range(1_000_000_000, 2_000_000_000, 100))

    def write(path, make=Path.touch):
        make(path)
        for each in (path, *path.rglob("state.json")):
            os.utime(each, (now := next(clock), now))

    def said():
        return home.next_step().words

    assert said() == "extract src"
    make_faces(home, "src")
    assert said() == "extract dst"
    make_faces(home, "dst")
    assert said() == "sort src --by hist"
    make_sorted(home, "src")
    assert said() == "train"
    write(home.model, lambda path: make_model(path, 10, 60))
    assert said() == "convert"
    write(home.result)
    assert said() == "evaluate"
    write(home.evaluation)
    assert said() == "train"
    write(home.model, lambda path: make_model(path, 20, 120))
    assert said() == "convert --overwrite"
    write(home.result)
    assert said() == "evaluate"


def log_conversion(home, iteration, *events):
    with (home.folder / workspace.LOG).open("a") as file:
        for event in events:
            facts = {"model": f"Quick96 at iteration {iteration}, mouth x 1.20"}
            record = {"event": event, **(facts if event == "begun" else {})}
            file.write(json.dumps(record) + "\n")
    (home.folder / workspace.SETTINGS).touch()


def make_trained(home, iteration=10):
    make_faces(home, "src", "dst")
    make_sorted(home, "src")
    make_model(home.model, iteration, 60)


def test_a_conversion_of_an_older_model_is_begun_again(home):
    make_trained(home)
    os.utime(home.model / "generations" / "000000010" / "state.json", (5, 5))
    (home.folder / workspace.SETTINGS).touch()
    os.utime(home.folder / workspace.SETTINGS, (9, 9))
    assert home.next_step().words == "convert"  # it goes on
    make_model(home.model, 20, 120)  # now, that is later
    assert home.next_step().words == "convert --overwrite"


def test_the_log_says_which_model_a_result_is_of(home):
    """A copy of a workspace has other times: here the model's is the later one."""
    make_trained(home)
    home.result.touch()
    log_conversion(home, 10, "begun", "finished")
    for name in (home.result.name, workspace.SETTINGS):
        os.utime(home.folder / name, (5, 5))
    assert home.next_step().words == "evaluate"
    assert "convert" not in [each.stage for each in run.commands(home, 30)]
    make_model(home.model, 20, 120)
    log_conversion(home, 20, "begun")  # and stopped: the result is still the earlier one
    assert home.next_step().words == "convert --overwrite"
    log_conversion(home, 20, "begun", "finished")
    assert not home.conversion()


def test_a_model_that_only_begins_is_not_trained(home):
    make_trained(home, iteration=0)
    assert home.next_step().words == "train"
    make_model(home.model, 5, 60)
    assert home.next_step().words == "convert"


def journal_of(home, side, *items, size=6, detector="yunet"):
    home.faces(side).mkdir(parents=True, exist_ok=True)
    records = [{"header": {"bytes": size, "detector": detector}}, *({"item": i} for i in items)]
    lines = "\n".join(map(json.dumps, records))
    (home.faces(side) / workspace.JOURNAL).write_text(f"{lines}\n")


@pytest.mark.parametrize("frames", [False, True])
def test_where_no_face_was_found_something_else_is_next(frames, home, capsys):
    items, size = ["0", "*"], 6
    if frames:
        home.clip("src").unlink()
        (home.folder / "data_src").mkdir()
        (home.folder / "data_src" / "0.png").write_bytes(PNG)
        items, size = ["0.png"], 0
    journal_of(home, "src", size=size)
    assert home.next_step().words == "extract src"  # it was only begun
    journal_of(home, "src", *items, size=size)
    words = home.next_step().words
    assert words == "extract src --detector mt --overwrite"
    assert chosen(words).detector == "mt"
    assert lines_of_status(home, capsys)[0]["src faces"] == "no face was found"
    assert next(run.commands(home, 30)).words == words
    journal_of(home, "src", *items, size=size, detector="mt")
    words, purpose = home.next_step()
    assert not words
    assert str(home.clip("src")) in purpose
    with pytest.raises(InputError, match="another clip of src"):
        next(run.commands(home, 30))


def test_faces_that_were_only_looked_at_are_not_sorted(home, capsys):
    """The page keeps what it measured in the folder of the sort's plans."""
    make_faces(home, "src", "dst")
    (home.faces("src") / ".sort").mkdir()
    (home.faces("src") / ".sort" / "faces.json").touch()
    assert home.next_step().words == "sort src --by hist"
    assert "sorted" not in lines_of_status(home, capsys)[0]["src faces"]
    assert "sort src --by hist" in [each.words for each in run.commands(home, 30)]
    (home.faces("src") / ".sort" / "plan.json").touch()  # a sort that was interrupted
    assert home.next_step().words == "train"
    assert "sorted" in lines_of_status(home, capsys)[0]["src faces"]


@pytest.mark.parametrize("restorable", [True, False])
def test_faces_that_were_all_deleted_are_not_looked_for_with_another_detector(
    restorable, home, capsys
):
    journal_of(home, "src", "0", "*")
    journal = home.faces("src") / workspace.JOURNAL
    lines = journal.read_text().replace('"item": "0"', '"item": "0", "faces": [[1, 2, 3, 4, 0.9]]')
    journal.write_text(lines)
    words = "extract src --overwrite"
    if restorable:
        make_sorted(home, "src")
        (home.faces("src") / ".sort" / "deleted-000001.json").touch()
        words = "util restore-faces src"
    step = home.next_step()
    assert step.words == words
    assert step.purpose.startswith("all faces of src were deleted: ")
    chosen(words)
    assert lines_of_status(home, capsys)[0]["src faces"] == "all were deleted"
    with pytest.raises(InputError, match=f"all faces of src were deleted.*{words}"):
        next(run.commands(home, 30))


def test_faces_in_groups_are_there(home):
    make_faces(home, "src", "dst")
    make_sorted(home, "src")
    journal_of(home, "src", "0", "*")
    group = home.faces("src") / "0"
    group.mkdir()
    (home.faces("src") / "0.png").rename(group / "0.png")
    step = home.next_step()
    assert step.words == "sort src --by origname"
    assert "groups of other people" in step.purpose
    chosen(step.words)
    with pytest.raises(InputError, match="groups of other people"):
        next(run.commands(home, 30))


def test_a_missing_clip_is_asked_for_by_its_path(home):
    home.clip("dst").unlink()
    make_faces(home, "src")
    words, purpose = home.next_step()
    assert not words
    assert str(home.folder / "data_dst.mp4") in purpose


def test_commands_name_a_workspace_that_would_not_be_found(home, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/usr/bin/faceswap-toolkit"])
    assert home.typed("train") == "faceswap-toolkit train"
    monkeypatch.chdir(home.folder.parent)
    assert home.typed("train") == f"faceswap-toolkit train --workspace '{home.folder}'"


def test_a_path_leads_back_to_its_workspace(home):
    for path in (home.clip("src"), home.faces("dst"), home.model, home.result, home.evaluation):
        assert workspace.holding(path) == home
    assert workspace.holding(Path("data_src/aligned")) == home
    other = home.clip("dst").rename(home.folder / "data_dst.MOV")
    assert workspace.holding(other) == home
    for path in (home.folder, home.folder / "other.mp4", home.folder.parent / "model", Path("/")):
        assert workspace.holding(path) is None


# ------------------------------------------------------------------------------ status


def lines_of_status(home, capsys):
    status.run(StatusOptions(workspace=home.folder))
    lines = capsys.readouterr().out.splitlines()
    return {line[:16].strip(): line[16:].strip() for line in lines if line.startswith("  ")}, lines


def test_status_says_what_is_there(home, capsys):
    rows, lines = lines_of_status(home, capsys)
    assert rows["src footage"] == "data_src.mp4"
    assert {
        rows[name] for name in ("src faces", "dst faces", "model", "result", "how good it is")
    } == {"-"}
    assert lines[-1].endswith("extract src")
    make_faces(home, "src", "dst")
    make_sorted(home, "src")
    make_model(home.model, 1234, 600)
    home.result.touch()
    home.evaluation.write_text(json.dumps({"version": 1, "verdict": ["It is src.", "Train on."]}))
    rows, lines = lines_of_status(home, capsys)
    assert rows["src faces"] == "1, sorted"
    assert rows["model"].startswith("Quick96, iteration 1,234, 10 minutes of training")
    assert rows["result"].startswith("result.mp4")
    at = next(n for n, line in enumerate(lines) if "how good it is" in line)
    assert [line[16:].strip() for line in lines[at : at + 2]] == ["It is src.", "Train on."]


def test_status_goes_on_to_a_target_first(home, capsys):
    make_faces(home, "src", "dst")
    make_sorted(home, "src")
    make_model(home.model, 1234, 600, target={"target_iter": 2000, "target_minutes": 0.0})

    def advised():
        return [
            line
            for line in lines_of_status(home, capsys)[1]
            if line[:4] in ("Next", "Or s", "Or m")
        ]

    go_on = "Next: go on to the target of 2,000 iterations"
    assert advised() == [go_on, "Or see how far it is"]
    home.result.touch()
    assert advised() == [go_on, "Or measure how good the result is"]
    home.evaluation.write_text(json.dumps({"version": 1, "verdict": []}))
    assert advised() == [go_on]
    assert home.next_step().words == "train"


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"verdict": 3}', '{"version": 99}'])
def test_status_survives_a_damaged_evaluation(content, home, capsys):
    home.evaluation.write_text(content)
    rows, _ = lines_of_status(home, capsys)
    assert "cannot be read" in rows["how good it is"]


@pytest.mark.parametrize(
    ("items", "size", "interrupted"),
    [(["1"], 6, True), (["1", "*"], 6, False), (["1"], 0, False), ([], 6, True)],
)
def test_status_knows_an_interrupted_extraction(items, size, interrupted, home, capsys):
    make_faces(home, "src")
    records = [{"header": {"bytes": size}}, *({"item": item} for item in items)]
    journal = home.faces("src") / ".extract.jsonl"
    journal.write_text("".join(f"{json.dumps(record)}\n\n" for record in records))
    rows, _ = lines_of_status(home, capsys)
    assert ("not come to its end" in rows["src faces"]) is interrupted


def test_an_extraction_that_was_repeated_has_ended(home, capsys):
    """Each run begins with an empty line, and faces marked manually follow the end."""
    make_faces(home, "src")
    journal = home.faces("src") / ".extract.jsonl"
    records = [{"header": {"bytes": 6}}, {"item": "1"}, {"item": "*"}, {"item": "1"}]
    journal.write_text("".join(f"{json.dumps(record)}\n" for record in records) + 5 * "\n")
    assert "not come to its end" not in lines_of_status(home, capsys)[0]["src faces"]
    done = [command.words for command in run.commands(home, 30)]
    assert "extract src" not in done
    assert "extract dst" in done
    journal.write_text(f"{json.dumps(records[0])}\n{json.dumps(records[1])}\n")
    assert "extract src" in [command.words for command in run.commands(home, 30)]
    assert home.next_step().words == "extract src"


def test_status_waits_for_a_training_that_is_running(home, capsys):
    """A lock that is held says so; the file that a kill leaves does not."""
    make_faces(home, "src", "dst")
    lock = home.model / train_checks.LOCK
    lock.parent.mkdir()
    with locked(lock, UserError("taken")):
        rows, lines = lines_of_status(home, capsys)
        assert rows["model"] == "being trained now"
        assert lines[-1].startswith("Next: wait for the training")
        assert "preview.png" not in lines[-1]
        make_model(home.model, 1234, 60)
        (home.model / "preview.png").touch()
        rows, lines = lines_of_status(home, capsys)
        assert rows["model"].startswith("Quick96, iteration 1,234, 1 minute of training")
        assert rows["model"].endswith("being trained now")
        assert str(home.model / "preview.png") in lines[-1]
    lock.touch()
    rows, lines = lines_of_status(home, capsys)
    assert "now" not in rows["model"]
    assert lines[-1].endswith("convert")
    assert lock.exists()


def test_status_waits_for_an_extraction_that_is_running(home, capsys):
    make_faces(home, "src")
    header = {"header": {"bytes": 6}}
    (home.faces("src") / extract_journal.JOURNAL).write_text(f"{json.dumps(header)}\n")
    with locked(home.faces("src") / extract_journal.LOCK, UserError("taken")):
        rows, lines = lines_of_status(home, capsys)
    assert rows["src faces"] == "1, being extracted now"
    assert lines[-1] == "Next: wait until the faces of src are found"
    rows, lines = lines_of_status(home, capsys)
    assert "not come to its end" in rows["src faces"]
    assert lines[-1].endswith("extract src")
    journal_of(home, "src", "*")
    with locked(home.faces("src") / extract_journal.LOCK, UserError("taken")):
        _, lines = lines_of_status(home, capsys)
    assert lines[-1].startswith("Next: wait until src's faces are corrected")


def test_the_advice_on_bad_faces_names_a_picture_that_is_there(home):
    make_faces(home, "src", "dst")
    make_sorted(home, "src")
    picture = Path(re.search('which: "(.+?)"', home.next_step().purpose)[1])
    with Image.open(picture) as image:
        assert image.width > 500


@pytest.mark.parametrize("state", [{"seconds": "x", "iteration": 3}, {"seconds": 3}, {}])
def test_status_survives_a_damaged_state(state, home, capsys):
    folder = home.model / "generations" / "000000003"
    folder.mkdir(parents=True)
    (folder / "state.json").write_text(json.dumps(state))
    assert lines_of_status(home, capsys)[0]["model"] == "-"


def test_status_loads_nothing_heavy_and_changes_nothing(home):
    make_faces(home, "src", "dst")
    make_model(home.model, 10, 60)
    before = everything_in(home.folder)
    code = "import main, sys; main.main(['status']); print('MODULES', *sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=home.folder,
    )
    said, _, modules = done.stdout.partition("MODULES")
    assert "Quick96" in said
    # NumPy and OpenCV: for the directions of the faces
    loaded = {"tensorflow.python", "keras.src", "scipy", "skimage", "av.container"}
    assert not loaded & set(modules.split())
    assert everything_in(home.folder) == before


@pytest.mark.parametrize(
    ("src", "dst", "flip", "said"),
    [
        (0, 0, True, "src's faces look everywhere that dst's do"),
        (0, 40, True, "100 % of dst's faces look more than 10 degrees farther to the left"),
        (-40, 40, True, "src's faces look everywhere that dst's do"),
        (-40, 40, False, "100 % of dst's faces look more than 10 degrees farther to the left"),
    ],
)
def test_status_says_which_directions_src_lacks(src, dst, flip, said, home, capsys):
    for side, yaw in (("src", src), ("dst", dst)):
        for number in range(3):
            info = make_info(make_landmarks(yaw))
            image = np.zeros((info.size, info.size, 3), np.uint8)
            write_face(home.faces(side) / f"{number}.png", image, info)
    (home.faces("dst") / "9.png").write_bytes(PNG)  # a damaged one is passed over
    make_model(home.model, 10, 60)
    [generation] = (home.model / "generations").iterdir()
    (generation / "options.json").write_text(json.dumps({"random_flip": flip}))
    assert lines_of_status(home, capsys)[0]["src for dst"].startswith(said)


def test_status_of_faces_that_cannot_be_read_says_nothing_of_their_directions(home, capsys):
    make_faces(home, "src")
    assert "src for dst" not in lines_of_status(home, capsys)[0]
    make_faces(home, "dst")
    assert "src for dst" not in lines_of_status(home, capsys)[0]


# ------------------------------------------------------------------------------ run


def test_run_decides_on_each_command_when_those_before_it_are_done(home):
    done = []
    for command in run.commands(home, 30):
        done.append(command.words)
        if command.stage == "extract":
            make_faces(home, command.words.split()[1])
        elif command.stage == "train":
            make_model(home.model, 10, 60)
        elif command.stage == "convert":
            (home.folder / workspace.SETTINGS).touch()
            home.result.touch()
    assert done == [
        "extract src",
        "extract dst",
        "sort src --by hist",
        "train --target-minutes 30",
        "convert",
        "evaluate",
    ]


def test_a_second_run_makes_only_what_is_out_of_date(home):
    make_faces(home, "src", "dst")
    make_sorted(home, "src")
    make_model(home.model, 10, 60)
    for path in (home.folder / workspace.SETTINGS, home.result, home.evaluation):
        path.touch()
    always = ["extract src", "extract dst", "train --target-minutes 30"]
    assert [command.words for command in run.commands(home, 30)] == always
    os.utime(home.result.with_name(workspace.SETTINGS), (0, 1))  # before the model was trained on
    os.utime(home.evaluation, (0, 1))
    assert [command.words for command in run.commands(home, 30)][3:] == [
        "convert --overwrite",
        "evaluate",
    ]
    home.result.unlink()  # a conversion that was interrupted is continued
    (home.folder / workspace.SETTINGS).touch()
    assert [command.words for command in run.commands(home, 30)][3:4] == ["convert"]


def test_a_result_of_someone_else_is_not_overwritten(home):
    make_faces(home, "src", "dst")
    home.result.touch()
    os.utime(home.result, (0, 1))
    make_model(home.model, 10, 60)
    assert "convert" in [command.words for command in run.commands(home, 30)]


def program_that(monkeypatch, code):
    """Let another program take the place of ours."""
    monkeypatch.setattr(program, "start", lambda: [sys.executable, "-c", code])


def test_run_begins_only_with_both_clips_and_the_model_that_is_there(home, monkeypatch):
    program_that(monkeypatch, "raise SystemExit('nothing is to begin')")
    make_model(home.model, 10, 60)
    with pytest.raises(ModelError, match="holds a Quick96 model, not SAE"):
        run.run(RunOptions(workspace=home.folder, model="SAE"))
    home.clip("dst").unlink()
    with pytest.raises(InputError, match=r"copy the clip of dst.*data_dst\.mp4"):
        run.run(RunOptions(workspace=home.folder))


def test_run_stops_at_what_fails_and_names_it(home, monkeypatch, capsys):
    program_that(monkeypatch, "import sys; sys.exit('sort' in sys.argv)")
    with pytest.raises(UserError, match='"sort" failed'):
        run.run(RunOptions(workspace=home.folder))
    said = capsys.readouterr().out
    assert "main.py extract dst\n" in said
    assert "train" not in said


def test_run_hands_on_debug(home, monkeypatch, capsys):
    program_that(monkeypatch, "import sys; sys.exit('--debug' not in sys.argv)")
    monkeypatch.setattr(run, "commands", lambda *_: [run.Command("train", "train")])
    run.run(RunOptions(workspace=home.folder, debug=True))
    with pytest.raises(UserError, match='"train" failed'):
        run.run(RunOptions(workspace=home.folder))


def test_a_command_that_was_stopped_stops_the_run(home, monkeypatch):
    program_that(monkeypatch, "import sys; sys.exit(130)")
    with pytest.raises(Interrupted, match="run this again"):
        run.execute(run.Command("train", "train"), home)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_request_to_stop_reaches_the_command(name, home, monkeypatch):
    number = getattr(signal, name)
    code = (
        "import os, signal, sys, time\n"
        f"signal.signal({number:d}, lambda *_: sys.exit(130))\n"
        f"os.kill(os.getppid(), {number:d})\n"
        "time.sleep(20)\n"  # then it ends as if nothing had been asked
    )
    program_that(monkeypatch, code)
    before = signal.getsignal(number)
    with pytest.raises(Interrupted):
        run.execute(run.Command("train", "train"), home)
    assert signal.getsignal(number) == before
