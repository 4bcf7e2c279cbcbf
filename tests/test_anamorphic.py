"""Footage whose pixels are not square. Oracles: the same footage with square ones, PyAV, OpenCV."""

from dataclasses import replace
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
from support.conversion import INVERT, options
from support.synthetic import make_frames, make_info

from converters import convert
from converters.blending.occlusion import OcclusionMasks
from converters.footage import FacesByFrame, Footage
from converters.interactive.preview import PreviewRenderer, PreviewRequest
from converters.look import Look
from extractor.extract import run as extract_faces
from extractor.options import ExtractOptions
from facelib import geometry
from facelib.faceset import Faceset, write_face
from facelib.squaring import in_square_pixels
from tools.evaluate.evaluate import _clips
from tools.evaluate.observe import centers_in, pair_frames
from tools.evaluate.options import EvaluateOptions
from tools.video import extract, make
from tools.video.options import ExtractFramesOptions, MakeOptions
from utils.errors import InputError
from utils.images import read_image, write_image
from utils.video.aspect import square_size, to_square, write_back
from utils.video.io import open_source
from utils.video.seekable import open_random

WIDE, TALL = Fraction(64, 45), Fraction(8, 9)  # PAL 16:9, NTSC 4:3
EYES, BROWS_TO_CHIN = (slice(36, 42), slice(42, 48)), (27, 8)


def squashed(image, aspect):
    """What an anamorphic camera stores: fewer pixels on one axis."""
    height, width = image.shape[:2]
    size = (round(width / aspect), height) if aspect > 1 else (width, round(height * aspect))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def write_clip(path, images, aspect=None, codec="ffv1", pixels="bgr0"):
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = pixels
        if aspect:
            stream.codec_context.sample_aspect_ratio = aspect
        for image in images:
            frame = av.VideoFrame.from_ndarray(image, format="bgr24")
            container.mux(stream.encode(frame.reformat(format=pixels)))
        container.mux(stream.encode(None))
    return path


def proportions(points):
    """Distance of the eyes to the height of the face."""
    left, right = (points[place].mean(axis=0) for place in EYES)
    top, chin = (points[place] for place in BROWS_TO_CHIN)
    return np.hypot(*(right - left)) / np.hypot(*(chin - top))


@pytest.mark.parametrize("aspect", [WIDE, TALL])
def test_faces_are_found_and_aligned_in_square_pixels(astronaut, tmp_path, aspect):
    images = [astronaut[10:250, 60 + x : 380 + x] for x in (0, 4)]
    plain = write_clip(tmp_path / "plain.mp4", images)
    clip = write_clip(tmp_path / "clip.mp4", [squashed(image, aspect) for image in images], aspect)
    for source in (plain, clip):
        extract_faces(
            ExtractOptions(input_dir=source, output_dir=tmp_path / source.stem, ask=False)
        )
    pairs = zip(Faceset.open(tmp_path / "plain"), Faceset.open(tmp_path / "clip"), strict=True)
    for (path, wanted), (found_path, found) in pairs:
        assert proportions(found.landmarks) == pytest.approx(
            proportions(wanted.landmarks), rel=0.04
        )
        away = np.hypot(*(found.source_landmarks - wanted.source_landmarks).T)
        assert away.mean() < 1.5
        assert found.pixel_aspect == pytest.approx(float(aspect))
        assert wanted.pixel_aspect is None
        faces = [
            cv2.blur(read_image(each).astype(np.float32), (9, 9)) for each in (path, found_path)
        ]
        assert np.abs(faces[0] - faces[1]).mean() < 6
    with pytest.raises(InputError, match="pixel-aspect"):
        extract_faces(ExtractOptions(input_dir=plain, output_dir=tmp_path / "clip"))


@pytest.fixture(params=[WIDE, TALL], ids=["wide", "tall"])
def footage(request, tmp_path):
    """A clip of square pixels, the same anamorphic, and the faces of the latter, new and old."""
    aspect = request.param
    frames = make_frames(3, size=(192, 160))
    images = [cv2.GaussianBlur(image, (0, 0), 1.5) for image, _ in frames]
    own = [squashed(image, aspect) for image in images]
    write_clip(tmp_path / "plain.mp4", images)
    write_clip(tmp_path / "clip.mp4", own, aspect)
    height, width = own[0].shape[:2]
    for index, (image, points) in enumerate(frames):
        facts = {"source_name": f"{index:06d}.png", "frame_index": index, "source": "clip.mp4"}
        info = make_info(points, 64, pixel_aspect=float(aspect), **facts)
        face = geometry.warp_face(image, info.matrix, 64)
        write_face(tmp_path / "aligned" / f"{index}.png", face, info)
        scale = np.array([width / image.shape[1], height / image.shape[0]])
        old = make_info((points + 0.5) * scale - 0.5, 64, **facts)
        face = geometry.warp_face(own[index], old.matrix, 64)
        write_face(tmp_path / "old" / f"{index}.png", face, old)
    return tmp_path, aspect, own


def decoded(path):
    with av.open(str(path)) as container:
        images = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
        return images, container.streams.video[0].sample_aspect_ratio


@pytest.mark.parametrize("faces", ["aligned", "old"])
def test_a_conversion_is_written_back_in_the_footages_own_pixels(footage, faces):
    folder, aspect, own = footage
    for name in ("plain", "clip"):
        chosen = options(
            folder, f"{name}_out.mp4", input_dir=folder / f"{name}.mp4", codec="ffv1",
            aligned_dir=folder / (faces if name == "clip" else "aligned"),
            mask_output=folder / f"{name}_mask.mp4",
        )  # fmt: skip
        convert.run(chosen, INVERT)
    images, written = decoded(folder / "clip_out.mp4")
    masks, _ = decoded(folder / "clip_mask.mp4")
    plain, _ = decoded(folder / "plain_out.mp4")
    assert written == aspect
    for image, mask, before, square in zip(images, masks, own, plain, strict=True):
        assert image.shape == before.shape == mask.shape
        outside = mask.max(axis=2) == 0
        assert 0.2 < outside.mean() < 0.95
        changed = (image != before).any(axis=2)
        assert not changed[cv2.erode(outside.astype(np.uint8), np.ones((5, 5))) > 0].any()
        inside = mask.min(axis=2) > 250
        assert changed[inside].mean() > 0.9
        wanted = squashed(square, aspect).astype(float)
        assert np.abs(image[inside] - wanted[inside]).mean() < 4
        assert np.abs(image - wanted).mean() < 2


def test_images_of_16_bits_are_written_back_too(footage):
    folder, _, own = footage
    (folder / "frames").mkdir()
    for index, image in enumerate(own):
        deep = image.astype(np.uint16) * 257 + 17
        cv2.imwrite(str(folder / "frames" / f"{index:06d}.png"), np.minimum(deep, 65535))
    extract.run(ExtractFramesOptions(input_file=folder / "clip.mp4", output_dir=folder / "x"))
    (folder / "x" / "timestamps.json").rename(folder / "frames" / "timestamps.json")
    convert.run(options(folder, "result"), INVERT)
    for path in sorted((folder / "result").glob("*.png")):
        before = cv2.imread(str(folder / "frames" / path.name), cv2.IMREAD_UNCHANGED)
        after = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        assert after.dtype == np.uint16
        assert after.shape == before.shape
        same = (after == before).all(axis=2)
        assert 0.2 < same.mean() < 0.95


def test_every_reader_sees_the_same_square_frames(footage):
    folder, aspect, own = footage
    source = open_source(folder / "clip.mp4", square_pixels=True)
    height, width = own[0].shape[:2]
    assert source.own_size == (width, height)
    assert source.size == square_size(width, height, aspect)
    one_by_one = list(source)
    assert all(frame.image.shape[1::-1] == source.size for frame in one_by_one)
    assert all(np.array_equal(f.own, image) for f, image in zip(one_by_one, own, strict=True))
    with open_random(source) as frames:
        assert all(np.array_equal(frames[f.index].image, f.image) for f in one_by_one)
    for frame in open_source(folder / "clip.mp4"):
        assert np.array_equal(frame.image, own[frame.index])
        assert frame.own is None


def test_images_of_anamorphic_footage_keep_its_aspect(footage):
    folder, aspect, own = footage
    extract.run(ExtractFramesOptions(input_file=folder / "clip.mp4", output_dir=folder / "frames"))
    for index, image in enumerate(own):
        assert np.array_equal(read_image(folder / "frames" / f"{index:06d}.png"), image)
    source = open_source(folder / "frames", square_pixels=True)
    video = open_source(folder / "clip.mp4", square_pixels=True)
    for one, other in zip(source, video, strict=True):
        assert np.array_equal(one.image, other.image)
    with open_random(source) as frames:
        assert np.array_equal(frames[1].image, list(video)[1].image)
    make.run(MakeOptions(input_dir=folder / "frames", output_file=folder / "again.mp4"))
    assert decoded(folder / "again.mp4")[1] == aspect
    convert.run(options(folder, "result.mp4", codec="ffv1"), INVERT)
    convert.run(options(folder, "video.mp4", codec="ffv1", input_dir=folder / "clip.mp4"), INVERT)
    one, other = decoded(folder / "result.mp4"), decoded(folder / "video.mp4")
    assert one[1] == other[1] == aspect
    assert all(map(np.array_equal, one[0], other[0]))


@pytest.mark.parametrize("result", ["result", "result.mp4"])
def test_evaluation_compares_square_frames(footage, result):
    folder, aspect, _ = footage
    convert.run(options(folder, result, codec="ffv1", input_dir=folder / "clip.mp4"), INVERT)
    chosen = EvaluateOptions(
        dst=folder / "clip.mp4", result=folder / result, src_aligned=folder / "aligned"
    )
    dst, other = _clips(chosen)
    square = square_size(*dst.own_size, aspect)
    for pair in pair_frames(dst, other, 1):
        assert pair.dst.image.shape[1::-1] == pair.result.shape[1::-1] == square
    clip = open_source(folder / "clip.mp4", square_pixels=True)
    new, old = (centers_in(Faceset.open(folder / name), clip) for name in ("aligned", "old"))
    assert new.keys() == old.keys() == {"000000", "000001", "000002"}
    assert all(np.abs(new[stem] - old[stem]).max() < 0.6 for stem in new)


def test_the_window_shows_square_frames(footage):
    folder, _, _ = footage
    clip = Footage.open(folder / "clip.mp4")
    faces = FacesByFrame.open(folder / "aligned", clip)
    with open_random(clip.source) as frames:
        renderer = PreviewRenderer(frames, faces.by_frame, INVERT)
        for view in ("original", "result", "mask"):
            shown = renderer(PreviewRequest(1, (Look(),), view))
            assert shown.image.shape[1::-1] == clip.source.size
            assert (shown.image != frames[1].image).any() == (view != "original")


def test_masks_of_occlusions_fit_in_either_size(footage):
    folder, _, own = footage
    frame = next(iter(Footage.open(folder / "clip.mp4").source))
    for size, name in ((own[0].shape[:2], "own"), (frame.image.shape[:2], "square")):
        write_image(folder / name / "000000.png", np.full((*size, 3), 255, np.uint8))
        assert OcclusionMasks(folder / name)(frame).shape == frame.image.shape[:2]
    write_image(folder / "other" / "000000.png", np.full((50, 50, 3), 255, np.uint8))
    with pytest.raises(InputError, match="50 x 50"):
        OcclusionMasks(folder / "other")(frame)


def test_old_faces_of_square_footage_stay_where_they_are(footage):
    folder, aspect, _ = footage
    [_, info], *_ = Faceset.open(folder / "old")
    assert in_square_pixels(info, None) is info
    info = replace(info, source_iris=info.source_landmarks[[37, 44]])
    again = in_square_pixels(info, aspect)
    np.testing.assert_allclose(again.source_iris, again.source_landmarks[[37, 44]], atol=1e-4)
    assert in_square_pixels(again, aspect) is again
    clip = Footage.open(folder / "clip.mp4")
    assert all(
        info.pixel_aspect == pytest.approx(float(aspect))
        for infos in FacesByFrame.open(folder / "old", clip).by_frame.values()
        for info in infos
    )


@pytest.mark.parametrize("aspect", [WIDE, TALL])
def test_what_has_not_changed_is_written_back_exactly(aspect):
    rng = np.random.default_rng(0)
    own = rng.integers(0, 256, (90, 120, 3), np.uint8)
    before = to_square(own, aspect)
    assert write_back(own, before, before.copy()) is own
    after = before.copy()
    after[30:60, 40:80] = (10, 200, 30)
    back = write_back(own, before, after)
    share = cv2.resize(
        (before != after).any(axis=2).astype(np.float32), (120, 90), interpolation=cv2.INTER_AREA
    )
    assert np.array_equal(back[share == 0], own[share == 0])
    wanted = squashed(after, aspect).astype(int)
    strong = np.abs(wanted - squashed(before, aspect)).max(axis=2) >= 16
    assert np.abs(back - wanted)[strong].max() <= 1
    alpha = np.dstack([after, np.full(after.shape[:2], 77, np.uint8)])
    assert (write_back(own, before, alpha)[..., 3] == 77).all()
