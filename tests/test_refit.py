"""`util refit` gives what extraction gives, of another type and size, without a search."""

import shutil
from dataclasses import replace

import cv2
import numpy as np
import pytest
from support import deepfacelab
from support.synthetic import make_video

from extractor.extract import run as extract
from extractor.options import ExtractOptions
from facelib import geometry, mask_png
from facelib.faceset import Faceset, change_info, read_face, read_info, write_face
from facelib.mask_label import POLYGON, MaskLabel, Shape
from facelib.types import FaceType
from tools.util.import_dfl import run as import_dfl
from tools.util.options import ImportOptions, RefitOptions
from tools.util.refit import run
from utils.errors import InputError
from utils.images import read_image, write_image

COUNT = 5


@pytest.fixture(scope="module")
def clip(astronaut, tmp_path_factory):
    """A video and a folder of the same frames, in which a face wanders; their faces as FULL."""
    folder = tmp_path_factory.mktemp("made")
    frames = [astronaut[2 * i : 2 * i + 400, 3 * i : 3 * i + 400] for i in range(COUNT)]
    make_video(folder / "clip.mp4", frames)
    for index, frame in enumerate(frames):
        write_image(folder / "shots" / f"shot{index}.png", frame)
    for name in ("clip.mp4", "shots"):
        look(folder / name, folder / f"{name} full", FaceType.FULL, 128)
    return folder


def look(footage, out, kind, size):
    chosen = {"face_type": kind, "image_size": size, "rotated_search": False}
    return extract(ExtractOptions(input_dir=footage, output_dir=out, **chosen))


def cut(faces, footage, out=None, kind=FaceType.WHOLE, size=320):
    return run(
        RefitOptions(
            input_dir=faces, footage=footage, face_type=kind, image_size=size, output_dir=out
        )
    )


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.png"))}


@pytest.mark.parametrize(
    ("footage", "kind", "size"),
    [
        ("clip.mp4", FaceType.HEAD, 320),
        ("clip.mp4", FaceType.MARK_ONLY, 96),
        ("shots", FaceType.HALF, 96),
    ],
)
def test_faces_are_those_of_an_extraction_byte_for_byte(footage, kind, size, clip, tmp_path):
    look(clip / footage, tmp_path / "direct", kind, size)
    report = cut(clip / f"{footage} full", clip / footage, tmp_path / "refit", kind, size)
    assert report.counts == {"faces cut": COUNT}
    assert not report.failures
    assert contents(tmp_path / "refit") == contents(tmp_path / "direct")


def test_names_labels_and_unknown_keys_stay(clip, tmp_path):
    faces = tmp_path / "sorted"
    faces.mkdir()
    for rank, path in enumerate(sorted((clip / "clip.mp4 full").glob("*.png"), reverse=True)):
        shutil.copy(path, faces / f"{rank:05d}.png")
    points = np.array([(150.0, 80), (220, 80), (180, 160)])
    label = MaskLabel((Shape(POLYGON, True, points),))
    path = faces / "00003.png"
    old = change_info(path, read_info(path), mask_label=label, unknown={"later": [1, 2]})
    before = contents(faces)
    assert cut(faces, clip / "clip.mp4").made == [tmp_path / "sorted_whole_face"]
    assert contents(faces) == before
    new = read_info(tmp_path / "sorted_whole_face" / "00003.png")
    assert (new.source_name, new.time, new.unknown) == (old.source_name, old.time, old.unknown)
    np.testing.assert_allclose(new.mask_label.shapes[0].points, points)
    np.testing.assert_array_equal(new.source_iris, old.source_iris)
    names = [info.source_name for _, info in Faceset.open(tmp_path / "sorted_whole_face")]
    assert names == sorted(names, reverse=True)


def test_a_mask_is_cut_with_the_face_and_left_out_where_it_says_nothing(clip, tmp_path):
    faces = tmp_path / "faces"
    shutil.copytree(clip / "clip.mp4 full", faces)
    path = faces / "000002_0.png"
    info = read_info(path)
    eye = info.landmarks[36:42].mean(axis=0)
    mask = np.zeros((128, 128), np.float32)
    cv2.circle(mask, np.rint(eye).astype(int).tolist(), 9, 1, -1)
    change_info(path, info, mask=mask_png.encode(mask))
    cut(faces, clip / "clip.mp4", tmp_path / "half", FaceType.HALF, 96)
    _, new = read_face(tmp_path / "half" / path.name)
    shown = mask_png.decode(new.mask, "") > 0.5
    middle = np.argwhere(shown).mean(axis=0)[::-1] * 96 / len(shown)
    np.testing.assert_allclose(middle, new.landmarks[36:42].mean(axis=0), atol=1.5)
    report = cut(faces, clip / "clip.mp4", tmp_path / "head", FaceType.HEAD, 96)
    assert read_info(tmp_path / "head" / path.name).mask is None
    assert [names for title, names in report.notes.items() if "masks left out" in title] == [
        [path.name]
    ]


def test_it_goes_on_where_it_was_stopped_and_refuses_what_is_not_its_own(clip, tmp_path):
    faces, out = clip / "shots full", tmp_path / "out"
    cut(faces, clip / "shots", out)
    whole = contents(out)
    kept = sorted(out.glob("*.png"))
    for path in kept[2:]:
        path.unlink()
    report = cut(faces, clip / "shots", out)
    assert report.counts == {"faces cut": COUNT - 2, "faces there already": 2}
    assert contents(out) == whole
    for changed in ({"size": 96}, {"kind": FaceType.HEAD}):
        with pytest.raises(InputError, match=r"holds faces already.*choose another --output-dir"):
            cut(faces, clip / "shots", out, **changed)
    shutil.copy(kept[0], out / "stranger.png")
    with pytest.raises(InputError, match=r"stranger\.png"):
        cut(faces, clip / "shots", out)
    with pytest.raises(InputError, match="is what is to be read"):
        cut(faces, clip / "shots", faces)
    assert contents(out) == whole | {"stranger.png": kept[0].read_bytes()}


def test_faces_whose_frame_is_missing_or_damaged_are_named(clip, tmp_path):
    shots = tmp_path / "shots"
    shutil.copytree(clip / "shots", shots)
    (shots / "shot3.png").unlink()
    (shots / "shot4.png").write_bytes((shots / "shot4.png").read_bytes()[:2000])
    report = cut(clip / "shots full", shots, tmp_path / "out")
    assert report.counts == {"faces cut": COUNT - 2}
    assert sorted(sentence.split(":")[0] for sentence in report.failures) == [
        '"shot3_0.png"', '"shot4_0.png"',
    ]  # fmt: skip


def test_other_footage_is_refused_and_of_two_clips_each_gives_its_faces(clip, astronaut, tmp_path):
    mirrored = [np.ascontiguousarray(astronaut[:400, ::-1][:, i : i + 400]) for i in range(COUNT)]
    (tmp_path / "other").mkdir()
    other = make_video(tmp_path / "other" / "clip.mp4", mirrored)
    with pytest.raises(InputError, match=r"do not fit.*give the footage that they were extracted"):
        cut(clip / "clip.mp4 full", other, tmp_path / "out")
    assert not (tmp_path / "out").exists()

    second = make_video(tmp_path / "second.mp4", mirrored)
    both = tmp_path / "both"
    look(second, both, FaceType.FULL, 128)
    for path in (clip / "clip.mp4 full").glob("*.png"):
        shutil.copy(path, both / f"a{path.name}")
    report = cut(both, clip / "clip.mp4", tmp_path / "out")
    assert report.counts == {"faces cut": COUNT}
    assert len(report.notes["faces of other footage"]) == COUNT
    report = cut(both, second, tmp_path / "out")
    assert report.counts == {"faces cut": COUNT, "faces there already": COUNT}
    assert contents(tmp_path / "out").keys() == contents(both).keys()


def test_a_larger_original_gives_its_pixels(clip, tmp_path):
    faces = tmp_path / "faces"
    faces.mkdir()
    for stem in ("shot0", "shot4"):
        large = cv2.resize(read_image(clip / "shots" / f"{stem}.png"), (1200, 1200))
        write_image(tmp_path / "shots" / f"{stem}.png", large)
        shutil.copy(clip / "shots full" / f"{stem}_0.png", faces)
    cut(faces, tmp_path / "shots", tmp_path / "out", size=512)
    cut(faces, clip / "shots", tmp_path / "small", size=512)
    for path, info in Faceset.open(tmp_path / "out"):
        assert info.size == 512
        assert info.frame_size == (1200, 1200)
        small, there = read_face(tmp_path / "small" / path.name)
        assert there.size == 256  # it has no more pixels
        image = cv2.resize(read_face(path)[0], (256, 256), interpolation=cv2.INTER_AREA)
        assert np.abs(image.astype(float) - small)[4:-4, 4:-4].mean() < 3


def test_an_imported_face_of_deepfacelab_is_cut_from_its_frame(tmp_path):
    image, record = deepfacelab.make_later_face("full_face", pose=(20, 5, 30))
    points = np.array(record["source_landmarks"], np.float32)
    frame = deepfacelab.draw_face(points, deepfacelab.FRAME)
    write_image(tmp_path / "data_src" / "00007.png", frame)
    deepfacelab.write(tmp_path / "data_src" / "aligned", "00007_0.jpg", image, record)
    import_dfl(
        ImportOptions(input_dir=tmp_path / "data_src" / "aligned", output_dir=tmp_path / "ours")
    )
    report = cut(tmp_path / "ours", tmp_path / "data_src", tmp_path / "head", FaceType.HEAD, 256)
    assert report.counts == {"faces cut": 1}
    made, info = read_face(tmp_path / "head" / "00007_0.png")
    matrix = deepfacelab.later_matrix(points, 256, "head")
    np.testing.assert_allclose(info.matrix, matrix, atol=1e-2)
    np.testing.assert_array_equal(made, geometry.warp_face(frame, info.matrix, 256))
    assert info.fingerprint is not None


def test_a_face_that_cannot_be_cut_costs_only_itself(clip, tmp_path):
    faces = tmp_path / "faces"
    shutil.copytree(clip / "shots full", faces)
    image, info = read_face(faces / "shot1_0.png")
    flat = info.source_landmarks.copy()
    flat[17:] = flat[30]  # all but the jaw in one point
    write_face(faces / "shot1_0.png", image, replace(info, source_landmarks=flat))
    report = cut(faces, clip / "shots", tmp_path / "out")
    assert report.counts == {"faces cut": COUNT - 1}
    (sentence,) = report.failures
    assert sentence.startswith('"shot1_0.png": the landmarks')
