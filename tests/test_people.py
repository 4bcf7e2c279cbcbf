"""Whose faces a model was trained on: what is remembered, what is refused, and what is not.

Two people are at hand: the astronaut and the drawn faces, which the recognizer takes for one.
"""

import json
import shutil

import cv2
import numpy as np
import pytest
from support import synthetic

from facelib import geometry, people
from facelib.faceset import Faceset, read_face, write_face
from facelib.people import write_people
from facelib.recognizers import RECOGNIZERS
from models import MODELS
from models.base import SWAP
from trainer import train
from trainer.options import options_class
from trainer.people import check_people
from utils.errors import InputError

COUNT = 4
SWAPPING = [name for name in MODELS if MODELS.load(name).task == SWAP]


@pytest.fixture(scope="module", autouse=True)
def _as_it_is():
    """Undo what conftest.py shortens."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(people, "SAMPLE", 24)
        patch.setattr(people, "_recognizer", people._recognizer.__wrapped__)
        yield


def gray(image):
    return cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)


def dark_and_soft(image):
    return cv2.GaussianBlur(image, (0, 0), 1.5) // 3


def write_photographs(folder, image, landmarks, change=lambda face: face, count=COUNT):
    """Aligned faces of a photograph, each cut a little differently and changed in its look."""
    folder.mkdir()
    rng = np.random.default_rng(3)
    for index in range(count):
        points = landmarks + rng.normal(0, 1, 2).astype(np.float32)
        info = synthetic.make_info(points, 128, source_name=f"{index}.png", source=folder.name)
        face = change(geometry.warp_face(image, info.matrix, 128))
        write_face(folder / f"{index}.png", face, info)
    return folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory, astronaut, face_landmarks):
    """Facesets: `astronaut`, the same in a `new` look, and `drawn` ones."""
    parent = tmp_path_factory.mktemp("people")
    look = {"astronaut": lambda face: face, "new": lambda face: dark_and_soft(gray(face))}
    made = {
        name: write_photographs(parent / name, astronaut, face_landmarks, change)
        for name, change in look.items()
    }
    made["drawn"] = parent / "drawn"
    synthetic.make_faceset(made["drawn"], COUNT)
    return made


@pytest.fixture
def check(folders, tmp_path):
    """Checks two facesets, by name, against the model in `tmp_path`."""

    def check(src, dst, **changes):
        sets = (Faceset.open(folders[name]) for name in (src, dst))
        learn(tmp_path, *sets, **changes)

    return check


def learn(model_dir, *sets, new_faces=False):
    """Check facesets, and remember what `train` remembers when it begins."""
    people = check_people(model_dir, *sets, new_faces=new_faces)
    if people is not None:
        write_people(model_dir, people)


@pytest.fixture(scope="module")
def both(folders):
    """The people of the model in `trained`."""
    return [people.recognize(Faceset.open(folders[name])) for name in ("astronaut", "drawn")]


@pytest.fixture
def trained(both, tmp_path):
    """A folder with a model that was trained on the astronaut as src and drawn faces as dst."""
    people.write_people(tmp_path, people.People(*both))
    (tmp_path / "generations" / "000000005").mkdir(parents=True)
    return tmp_path


def test_the_vector_is_the_mean_of_the_sampled_faces(folders):
    faces = Faceset.open(folders["drawn"])
    person = people.recognize(faces)
    recognizer = RECOGNIZERS.load("sface")()
    pictures = [read_face(path) for path, _ in faces]
    mean = np.mean([recognizer.embed(p, i.landmarks).astype(float) for p, i in pictures], axis=0)
    np.testing.assert_allclose(person.vector, mean / np.sqrt((mean**2).sum()), atol=1e-5)
    assert person.faces == COUNT
    assert len(person.checksums) == COUNT


def test_people_are_read_as_they_were_written(both, trained):
    for read, written in zip(people.read_people(trained), both, strict=True):
        np.testing.assert_allclose(read.vector, written.vector, atol=1e-3)
        assert (read.faces, read.checksums) == (written.faces, written.checksums)


@pytest.mark.parametrize(
    ("model", "src", "dst", "said"),
    [
        *((model, "drawn", "astronaut", "src and dst are exchanged") for model in SWAPPING),
        ("H64", "drawn", "new", "src and dst are exchanged"),
        ("DF", "drawn", "drawn", "does not show the src that this model was trained on but its"),
        ("SAE", "astronaut", "new", "does not show the dst that this model was trained on but its"),
    ],
)
def test_other_faces_stop_any_model_before_it_is_built(
    model, src, dst, said, folders, trained, monkeypatch
):
    def stop(*_):
        raise AssertionError("TensorFlow is loaded before the faces are checked")

    monkeypatch.setattr(train, "engine", stop)
    before = sorted(trained.rglob("*")), (trained / people.FILE).read_bytes()
    options = options_class(model)(
        training_data_src_dir=folders[src], training_data_dst_dir=folders[dst], model_dir=trained,
        model=model, preview=False,
    )  # fmt: skip
    with pytest.raises(InputError, match=said) as problem:
        train.run(options)
    assert "--new-faces" in str(problem.value)
    assert "another --model-dir" in str(problem.value)
    assert f'"{folders[src]}"' in str(problem.value) or f'"{folders[dst]}"' in str(problem.value)
    ours = sorted(path for path in trained.rglob("*") if path.name != ".train.lock")
    assert (ours, (trained / people.FILE).read_bytes()) == before


def test_a_stranger_in_both_folders_names_both(trained, check):
    record = json.loads((trained / people.FILE).read_text())
    for side, sign in (("src", 1), ("dst", -1)):  # two people that nothing here resembles
        vector = sign * np.eye(128)[7]
        record[side] = {"vector": vector.tolist(), "faces": 9, "checksums": []}
    (trained / people.FILE).write_text(json.dumps(record))
    with pytest.raises(InputError, match=r'astronaut" does not show the src .*, and .*drawn" does'):
        check("astronaut", "drawn")


def test_new_footage_of_the_same_person_is_recognized_and_remembered(trained, check, capsys):
    before = people.read_people(trained)
    check("new", "drawn")
    after = people.read_people(trained)
    assert capsys.readouterr().err == ""
    assert after.src.checksums.isdisjoint(before.src.checksums)
    assert people.distance(before.src, after.src) < 0.2  # of both sets, not only the newer
    assert people.distance(before.dst, after.dst) < 1e-3
    check("astronaut", "drawn")


def test_with_new_faces_it_goes_on_and_learns_them(trained, check):
    check("drawn", "astronaut", new_faces=True)
    check("drawn", "astronaut")
    with pytest.raises(InputError, match="are exchanged"):
        check("astronaut", "drawn")


def test_a_model_of_an_older_build_learns_its_people(trained, check):
    (trained / people.FILE).unlink()
    check("drawn", "astronaut")
    with pytest.raises(InputError, match="are exchanged"):
        check("astronaut", "drawn")


def test_a_model_that_has_not_begun_has_no_people_yet(trained, check):
    begun = trained / "generations" / "000000005"
    begun.rename(begun.with_name("000000000"))
    check("drawn", "astronaut")
    begun.with_name("000000000").rename(begun)
    check("drawn", "astronaut")
    with pytest.raises(InputError, match="are exchanged"):
        check("astronaut", "drawn")


def test_nothing_is_recognized_or_written_when_nothing_changed(
    trained, check, folders, tmp_path, monkeypatch
):
    def stop(*_):
        raise AssertionError("recognized again")

    monkeypatch.setattr(people, "_recognizer", stop)
    before = (trained / people.FILE).stat()
    check("astronaut", "drawn")
    with pytest.raises(InputError, match="are exchanged"):  # that is known without, too
        check("drawn", "astronaut")
    renamed = tmp_path / "renamed"
    shutil.copytree(folders["astronaut"], renamed)
    for path in list(renamed.iterdir()):  # as sort does
        path.rename(renamed / f"{9 - int(path.stem):05d}_{path.name}")
    monkeypatch.setitem(folders, "renamed", renamed)
    check("renamed", "drawn")
    assert (trained / people.FILE).stat() == before


def test_one_person_on_both_sides_is_said_but_not_refused(check, capsys):
    check("astronaut", "new")
    assert "src and dst look like one person" in capsys.readouterr().err


def test_shared_files_are_said_once(check, capsys):
    check("drawn", "drawn")
    assert capsys.readouterr().err.count("warning") == 1


def test_drawn_people_are_never_refused(tmp_path):
    """What tests train on are different drawings; a recognizer of people takes them for one."""
    (tmp_path / "generations" / "000000005").mkdir(parents=True)
    for index in range(2):
        sides = []
        for side in (0, 1):
            folder = tmp_path / f"{index}{side}"
            synthetic.make_faceset(folder, 3, seed=index, identity=2 * index + side)
            sides.append(Faceset.open(folder))
        learn(tmp_path, *sides)
        learn(tmp_path, *sides[::-1])


def test_without_weights_nothing_is_checked_and_that_is_said(
    trained, check, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("FACESWAP_WEIGHTS", str(tmp_path / "nothing"))
    check("astronaut", "drawn")  # known files need none
    assert capsys.readouterr().err == ""
    check("drawn", "new")
    said = capsys.readouterr().err
    assert "it is not checked whose faces these are" in said
    assert "weights" in said
    assert people.read_people(trained).src.faces == COUNT


def test_a_damaged_face_in_the_sample_costs_only_itself(folders, tmp_path):
    copies = shutil.copytree(folders["astronaut"], tmp_path / "copies")
    faces = Faceset.open(copies)
    whole = people.recognize(faces)
    data = (copies / "0.png").read_bytes()
    (copies / "0.png").write_bytes(data[: len(data) // 2])
    assert people.distance(whole, people.recognize(faces)) < 0.05


@pytest.mark.parametrize(
    "change",
    [
        {"src": None},
        {"src": {"vector": [], "faces": 1, "checksums": []}},
        {"src": {"vector": ["nan"] * 128, "faces": 1, "checksums": []}},
        {"src": {"vector": [1.0] * 127, "faces": 1, "checksums": []}},
        {"dst": {"vector": [1.0] * 128, "faces": "many", "checksums": []}},
        {"dst": {"vector": [1.0] * 128, "faces": 1, "checksums": 3}},
    ],
)
def test_a_damaged_record_is_named(trained, change):
    record = json.loads((trained / people.FILE).read_text()) | change
    (trained / people.FILE).write_text(json.dumps(record))
    with pytest.raises(InputError, match=r"people\.json.* is damaged; .*move it away"):
        people.read_people(trained)


def test_vectors_of_another_recognizer_are_not_compared(trained):
    record = json.loads((trained / people.FILE).read_text())
    (trained / people.FILE).write_text(json.dumps(record | {"recognizer": "another"}))
    assert people.read_people(trained) is None
