"""Faces of other footage are refused, those of the same footage at another size are scaled.

Oracles: means in float64 for fingerprints, arithmetic for scales, and where a predictor that
inverts faces has changed the frames.
"""

import json
import shutil
from dataclasses import replace
from fractions import Fraction
from functools import cache

import av
import cv2
import numpy as np
import pytest
import skimage.data
from support.conversion import IDENTITY, INVERT, options, read_folder
from support.synthetic import make_info, make_landmarks, make_video

from converters import convert
from converters.footage import FacesByFrame, Footage
from extractor.frames import Pending
from extractor.writer import FaceWriter
from facelib import geometry
from facelib.faceinfo import from_json, to_json
from facelib.faceset import Faceset, read_face, read_info, write_face
from facelib.fingerprint import CELLS, around, compare, fingerprint
from facelib.footage_match import find_mismatch
from facelib.frame_scale import fit_to_frames, scaled
from facelib.types import Face, FaceType, Rect
from utils.errors import InputError
from utils.images import read_image, write_image
from utils.video.frame import Span
from utils.video.io import open_source

COUNT = 36
SIZE = (320, 240)


@cache
def scene(moment, mirrored=False):
    """A frame of a head that sways, and its landmarks; a moment is a frame's number."""
    photograph = skimage.data.astronaut()[:, :: -1 if mirrored else 1, ::-1]
    x = 512 - 222 if mirrored else 222
    wander = [40 * np.sin(moment / 21) + 8 * np.sin(moment / 5), 12 * np.cos(moment / 9)]
    matrix = np.array([[0.9, 0, 0], [0, 0.9, 0]])
    matrix[:, 2] = np.array([160, 130]) + wander - 0.9 * np.array([x, 125])
    frame = cv2.warpAffine(np.ascontiguousarray(photograph), matrix, SIZE, flags=cv2.INTER_AREA)
    points = geometry.apply(matrix, make_landmarks(center=(x, 125), width=105))
    return frame, points


def write_clip(path, moments, size=SIZE, crf="12", mirrored=False, rate=25):
    path.parent.mkdir(exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(rate))
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.options = {"crf": crf, "preset": "ultrafast"}
        for moment in moments:
            frame = cv2.resize(scene(moment, mirrored)[0], size, interpolation=cv2.INTER_AREA)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="bgr24")))
        container.mux(stream.encode())
    return path


def write_faces(folder, clip, mirrored=False, first=0, face_type=FaceType.FULL, old=False):
    """Write the face of each frame as `extract` does; `old`, as it did before fingerprints."""
    folder.mkdir(parents=True, exist_ok=True)
    writer = FaceWriter(folder, clip.name, face_type, 96, "yunet", "mesh", debug=False)
    for frame in open_source(clip):
        points = scene(frame.index, mirrored)[1]
        face = make_face(points)
        name = f"{frame.index + first:06d}.png"
        pending = Pending(frame.image, frame.index, name, frame.time)
        for path in writer.write(pending, frame.image, [face]):
            if old:
                image, info = read_face(path)
                write_face(path, image, replace(info, frame_size=None, fingerprint=None))
    return folder


def make_face(points):
    return Face(make_info(points).source_rect, points, score=0.9, quality=4.0)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A clip, its faces as extracted today and by an older build, and other clips of its name."""
    folder = tmp_path_factory.mktemp("made")
    clip = write_clip(folder / "clip.mp4", range(COUNT))
    return {
        "clip": clip,
        "new": write_faces(folder / "new", clip),
        "old": write_faces(folder / "old", clip, old=True),
        "poor": write_clip(folder / "poor" / "clip.mp4", range(COUNT), crf="40"),
        "other": write_clip(folder / "other" / "clip.mp4", range(COUNT), mirrored=True),
    }


def refused(clip, faces):
    """The reason why faces are refused, or None."""
    return find_mismatch(Faceset.open(faces), open_source(clip))


# ---------------------------------------------------------------------------------- fingerprint


def test_a_cell_is_the_mean_of_its_pixels():
    """Edges between pixels: float64 means of the image enlarged by 4 are exact."""
    image = np.random.default_rng(0).integers(0, 256, (120, 150, 3), dtype=np.uint8)
    # edges of pixels here, centers in a Rect
    cells = fingerprint(image, Rect(20.25 - 0.5, 10.75 - 0.5, 92.25 - 0.5, 91.5 - 0.5))
    gray = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(np.float64)
    inside = np.kron(gray, np.ones((4, 4)))[43:366, 81:369]
    rows = inside.repeat(CELLS, axis=0).reshape(CELLS, 323, 288).mean(axis=1)
    expected = rows.reshape(CELLS, CELLS, 12).mean(axis=2)
    np.testing.assert_allclose(cells, expected, atol=1e-3)


def test_cells_beyond_the_frame_show_nothing():
    image = np.random.default_rng(0).integers(0, 256, (100, 100, 3), dtype=np.uint8)
    cells = fingerprint(image, Rect(-48.5, -0.5, 47.5, 95.5))
    assert np.isnan(cells[:, :12]).all()
    assert np.isfinite(cells[:, 12:]).all()
    assert np.isnan(fingerprint(image, Rect(300, 300, 400, 400))).all()
    assert compare(cells, fingerprint(image, Rect(300, 300, 400, 400))) is None
    assert compare(np.full((CELLS, CELLS), 90.0), cells) is None  # flat: it shows nothing


# ------------------------------------------------------------------------------------- metadata


def test_faces_record_the_size_of_the_frame_and_what_is_around_them(made):
    path, info = Faceset.open(made["new"])[7]
    assert info.frame_size == SIZE
    shown = next(frame for frame in open_source(made["clip"]) if frame.index == 7)
    expected = fingerprint(shown.image, around(info.source_landmarks))
    assert np.abs(np.nan_to_num(expected) - info.fingerprint).max() <= 1
    assert len(to_json(info, path.name)) < 5000


def test_keys_of_a_later_build_are_written_again():
    record = json.loads(to_json(make_info(make_landmarks()), "a face"))
    info = from_json(json.dumps({**record, "mood": ["cheerful", 1]}).encode(), "a face")
    again = json.loads(to_json(replace(info, size=64), "a face"))
    assert again == {**record, "size": 64, "mood": ["cheerful", 1]}
    assert record.keys().isdisjoint({"frame_size", "fingerprint"})


@pytest.mark.parametrize(
    "changes",
    [
        {"frame_size": [0, 100]}, {"frame_size": [True, 100]}, {"frame_size": [100]},
        {"frame_size": "100x100"}, {"frame_size": [10**100, 1]}, {"fingerprint": 3},
        {"fingerprint": "AAAA"}, {"fingerprint": "?" * 768}, {"fingerprint": "é" * 768},
        {"fingerprint": "A" * 10_000},
    ],
)  # fmt: skip
def test_damaged_sizes_and_fingerprints_are_refused(changes):
    record = json.loads(to_json(make_info(make_landmarks()), "a face"))
    with pytest.raises(InputError, match=f"damaged .{next(iter(changes))}"):
        from_json(json.dumps(record | changes).encode(), "a face")


# -------------------------------------------------------------------------------- what is the same


@pytest.mark.parametrize("faces", ["new", "old"])
def test_the_same_footage_and_a_poor_encode_of_it_fit(faces, made, tmp_path):
    assert refused(made["clip"], made[faces]) is None
    assert refused(made["poor"], made[faces]) is None
    graded = tmp_path / "graded"  # brighter, with less contrast
    for frame in open_source(made["clip"]).frames(Span(0, 9)):
        write_image(graded / frame.name, np.uint8(255 * (0.1 + 0.8 * (frame.image / 255) ** 0.8)))
    assert refused(graded, made[faces]) is None


@pytest.mark.parametrize("size", [(160, 120), (480, 360), (214, 160)])
def test_the_same_footage_at_another_size_is_scaled(size, made, tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", range(COUNT), size, "40")
    source = open_source(clip)
    faces = Faceset.open(made["new"])
    assert find_mismatch(faces, source) is None
    share = np.array(size) / SIZE
    for (path, before), (_, after) in zip(faces, fit_to_frames(faces, source), strict=True):
        expected = (before.source_landmarks + 0.5) * share - 0.5
        np.testing.assert_allclose(after.source_landmarks, expected, atol=1e-3)
        corners = np.reshape(before.source_rect, (2, 2))
        np.testing.assert_allclose(
            np.reshape(after.source_rect, (2, 2)), (corners + 0.5) * share - 0.5, atol=1e-3
        )
        assert after.frame_size == size
        # from the scaled frame, the matrix leads to the same place of the aligned image
        np.testing.assert_allclose(
            geometry.apply(after.matrix, after.source_landmarks), before.landmarks, atol=0.01
        )
        assert read_info(path).frame_size == SIZE  # the file is as it was


def test_a_proxy_is_changed_where_its_face_is(made, tmp_path):
    write_clip(tmp_path / "clip.mp4", range(COUNT), (160, 120), "40")
    chosen = options(
        tmp_path, input_dir=tmp_path / "clip.mp4", aligned_dir=made["new"], to="9", mode="overlay"
    )
    report = convert.run(chosen, INVERT)
    assert report.counts["converted faces"] == 10
    before = [frame.image for frame in open_source(tmp_path / "clip.mp4")][:10]
    for number, (old, new) in enumerate(zip(before, read_folder(tmp_path / "result"), strict=True)):
        changed = np.argwhere(np.abs(old.astype(int) - new).max(axis=2) > 40)[:, ::-1]
        middle = scene(number)[1].mean(axis=0) / 2
        assert np.abs(changed.mean(axis=0) - middle).max() < 8


def test_images_of_several_sizes_keep_theirs(tmp_path):
    """Photographs in a folder: each face has the size of its own, read by its header."""
    folder, faces = tmp_path / "photographs", tmp_path / "aligned"
    writer = FaceWriter(faces, "photographs", FaceType.FULL, 96, "yunet", "mesh", debug=False)
    for number, share in enumerate((1, 0.5, 1.5)):
        frame, points = scene(number)
        frame = cv2.resize(frame, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
        write_image(folder / f"{number}.png", frame)
        points = np.float32((points + 0.5) * share - 0.5)
        writer.write(Pending(frame, number, f"{number}.png", None), frame, [make_face(points)])
    found, source = Faceset.open(faces), open_source(folder)
    assert find_mismatch(found, source) is None
    for (_, before), (_, after) in zip(found, fit_to_frames(found, source), strict=True):
        assert after is before


def test_a_whole_frame_is_not_mapped_when_it_is_scaled():
    info = make_info(make_landmarks(), 256, FaceType.MARK_ONLY, frame_size=(256, 256))
    half = scaled(info, (0.5, 0.5))
    np.testing.assert_array_equal(half.matrix, np.eye(2, 3))
    np.testing.assert_allclose(half.source_landmarks, (info.source_landmarks - 0.5) / 2, atol=1e-4)


def test_irises_lie_in_the_scaled_frame_and_where_they_were_in_the_face():
    points = make_landmarks(20, 5, 10)
    info = make_info(points, frame_size=(256, 256), source_iris=points[[37, 44]])
    half = scaled(info, (0.5, 0.25))
    expected = (points[[37, 44]] + 0.5) * (0.5, 0.25) - 0.5
    np.testing.assert_allclose(half.source_iris, expected, atol=1e-4)
    np.testing.assert_allclose(half.iris, info.iris, atol=1e-3)


# ------------------------------------------------------------------------------- what is not


@pytest.mark.parametrize("faces", ["new", "old"])
def test_other_footage_of_the_same_name_is_refused(faces, made):
    assert "show something else" in refused(made["other"], made[faces])


def test_footage_that_was_cropped_is_refused_with_both_sizes(made, tmp_path):
    cropped = tmp_path / "clip.mp4"
    make_video(cropped, [scene(n)[0][60:180, 80:240] for n in range(COUNT)], audio=False)
    reason = refused(cropped, made["new"])
    assert "320 x 240" in reason
    assert "160 x 120" in reason


@pytest.mark.parametrize(("faces", "crf"), [("new", "32"), ("old", "12")])
def test_footage_cut_at_the_start_is_refused_with_the_offset(faces, crf, made, tmp_path):
    cut = write_clip(tmp_path / "clip.mp4", range(13, COUNT), crf=crf)
    assert "13 frames earlier" in refused(cut, made[faces])


def test_twice_the_frame_rate_is_refused_with_both_frames(made, tmp_path):
    smooth = write_clip(tmp_path / "clip.mp4", np.arange(0, COUNT, 0.5).tolist(), rate=50)
    reason = refused(smooth, made["new"])
    assert "frame rate differs" in reason
    numbers = [int(word.strip(",")) for word in reason.split() if word.strip(",").isdigit()]
    first, last, now, then = numbers
    assert (now, then) == (2 * first, 2 * last)


def test_frames_numbered_from_1_are_one_off_in_a_video(made, tmp_path):
    faces = write_faces(tmp_path / "aligned", made["clip"], first=1)
    assert "1 frame earlier" in refused(made["clip"], faces)


def test_two_clips_in_one_folder_are_refused_by_name(made, tmp_path):
    other = shutil.copy(made["other"], tmp_path / "other.mp4")
    faces = shutil.copytree(made["new"], tmp_path / "aligned")
    write_faces(faces, other, mirrored=True)
    assert 'the faces from "other.mp4"' in refused(made["clip"], faces)
    assert 'the faces from "clip.mp4"' in refused(other, faces)


def test_two_clips_of_one_name_in_one_folder_are_refused(made, tmp_path):
    other = made["other"]
    faces = shutil.copytree(made["new"], tmp_path / "aligned")
    for path in sorted(write_faces(tmp_path / "more", other, mirrored=True).iterdir()):
        path.rename(faces / f"z_{path.name}")
    assert "show something else" in refused(made["clip"], faces)
    assert "show something else" in refused(other, faces)


def test_a_large_file_is_read_from_its_start_only(made, monkeypatch):
    monkeypatch.setattr("facelib.frame_reader.LARGEST", 1000)
    monkeypatch.setattr("facelib.frame_reader.open_sought", pytest.fail)
    assert refused(made["clip"], made["new"]) is None
    assert "show something else" in refused(made["other"], made["new"])


def test_a_folder_that_was_renumbered_is_refused(tmp_path):
    frames = tmp_path / "frames"
    for number in range(30):
        write_image(frames / f"{number:04d}.png", scene(number)[0])
    faces = write_faces_of_folder(tmp_path / "aligned", frames)
    assert refused(frames, faces) is None
    (frames / "0000.png").unlink()
    for number in range(1, 30):
        (frames / f"{number:04d}.png").rename(frames / f"{number - 1:04d}.png")
    assert "1 frame earlier" in refused(frames, faces)


def write_faces_of_folder(folder, frames):
    writer = FaceWriter(folder, frames.name, FaceType.FULL, 96, "yunet", "mesh", debug=False)
    for frame in open_source(frames):
        pending = Pending(frame.image, frame.index, frame.name, None)
        writer.write(pending, frame.image, [make_face(scene(frame.index)[1])])
    return folder


def test_it_is_refused_before_the_model_loads_and_can_be_forced(made, tmp_path):
    chosen = {"input_dir": made["other"], "aligned_dir": made["new"], "to": "3"}
    # there is no model
    with pytest.raises(InputError, match=r"faces in .* do not fit .*clip.mp4.*--no-check-faces"):
        convert.run(options(tmp_path, **chosen))
    assert not (tmp_path / "result").exists()
    report = convert.run(options(tmp_path, check_faces=False, **chosen), IDENTITY)
    assert report.counts["converted faces"] == 4


def test_video_without_random_access_is_checked_too(made, tmp_path):
    """MPEG-2 in a program stream: packets do not tell which frame is which."""
    path = tmp_path / "clip.mpg"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg2video", rate=25)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        stream.bit_rate = 4_000_000
        for number in range(COUNT):
            frame = av.VideoFrame.from_ndarray(scene(number)[0], format="bgr24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    assert refused(path, made["new"]) is None
    assert "5 frames" in refused(path, write_faces(tmp_path / "late", made["clip"], first=5))


def test_damaged_faces_and_flat_frames_say_nothing(made, tmp_path):
    faces = tmp_path / "aligned"
    faces.mkdir()
    info = make_info(make_landmarks(center=(160, 130), width=90), 96)
    write_face(faces / "a.png", np.zeros((96, 96, 3), np.uint8), info)
    assert refused(made["clip"], faces) is None
    data = bytearray((faces / "a.png").read_bytes())
    data[-20] ^= 255
    (faces / "a.png").write_bytes(data)
    footage = Footage.open(made["clip"])
    assert list(FacesByFrame.open(faces, footage).by_frame) == ["000000"]
    assert read_image(made["new"] / "000000_0.png").shape == (96, 96, 3)
