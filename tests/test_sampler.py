"""Training samples: DeepFaceLab's augmentation without its defects, reproducible by seed."""

import shutil
from dataclasses import replace

import cv2
import numpy as np
import pytest
import skimage.data
from scipy.interpolate import RegularGridInterpolator
from support.synthetic import make_faceset, make_info, make_landmarks

from facelib import landmarks as marks
from facelib.faceset import Faceset, read_face, write_face
from facelib.geometry import apply, crop_matrix, invert, warp_face
from facelib.types import FaceType
from trainer.data import augment
from trainer.data.loader import BatchLoader
from trainer.data.sampler import Sampler, SamplerSettings, part_of
from trainer.data.yaw_matching import YawMatcher
from utils.errors import InputError, UserError

HALF_64 = SamplerSettings(FaceType.HALF, 64)


@pytest.fixture
def folder(faceset, tmp_path):
    return shutil.copytree(faceset.folder, tmp_path / "aligned")


def photograph(tmp_path, size, face_type=FaceType.FULL):
    """A face file with real texture."""
    image = skimage.data.astronaut()[..., ::-1]
    landmarks = make_landmarks(center=(222, 125), width=120)
    info = make_info(landmarks, size, face_type)
    path = tmp_path / f"{size}.png"
    write_face(path, warp_face(image, info.matrix, size), info)
    return path


def draws(count=4000, size=256, **options):
    return [augment.draw(np.random.default_rng([3, i]), size, **options) for i in range(count)]


@pytest.mark.parametrize("size", [64, 200, 256, 500])
@pytest.mark.parametrize("kind", [FaceType.HALF, FaceType.FULL])
def test_an_unchanged_sample_is_the_crop_that_a_converter_would_cut(tmp_path, size, kind):
    path = photograph(tmp_path, size)
    sampler = Sampler(Faceset.open(tmp_path), SamplerSettings(kind, 64), (1,))
    image, info = read_face(path)
    expected = warp_face(image, crop_matrix(info.landmarks, 64, kind), 64).astype(float)
    inside = (slice(4, 60), slice(4, 60))  # outside the image one repeats the edge, one is black
    sampled = sampler.plain(0)[..., :3]
    assert np.sqrt(np.mean((sampled - expected)[inside] ** 2)) < 3.5


@pytest.mark.parametrize("size", [64, 200, 300])
def test_nothing_is_shifted_by_a_part_of_a_pixel(tmp_path, size):
    info = make_info(make_landmarks(center=(size / 2, size / 2), width=size / 2), size)
    rows, columns = np.indices((size, size)) * 255.0 / size
    dither = np.random.default_rng(0).random((size, size, 1))  # rounding must not favor a side
    ramps = (np.dstack([columns, rows, rows]) + dither).astype(np.uint8)
    write_face(tmp_path / "0.png", ramps, info)
    sampled = Sampler(Faceset.open(tmp_path), HALF_64, (1,)).plain(0)[..., :3].astype(float)
    crop = crop_matrix(info.landmarks, 64, FaceType.HALF)
    steps = np.indices((64, 64))[::-1].reshape(2, -1).T
    expected = apply(invert(crop), steps) * 255 / size
    shift = (sampled.reshape(-1, 3)[:, :2] - expected).mean(axis=0) * size / 255
    assert np.abs(shift).max() < 0.1  # pixels of the image; a mistake in the center makes 0.5


def test_a_finer_pattern_than_the_output_can_show_turns_gray(tmp_path):
    info = make_info(make_landmarks(center=(256, 256), width=260), 512)
    board = (np.indices((512, 512)).sum(axis=0) % 2 * 255).astype(np.uint8)
    write_face(tmp_path / "0.png", np.dstack([board] * 3), info)
    pixels = Sampler(Faceset.open(tmp_path), HALF_64, (1,)).plain(0)[..., :3]
    assert np.abs(pixels.astype(int) - 127).max() < 8


def test_all_outputs_share_their_geometry(faceset):
    sampler = Sampler(faceset, HALF_64, (1,))
    for index in range(8):
        image, info = read_face(faceset[index][0])
        jitter = augment.draw(np.random.default_rng(index), info.size)
        jitter = jitter._replace(flip=bool(index % 2))
        landmarks = info.landmarks
        moved = cv2.warpAffine(image, jitter.matrix, (info.size,) * 2, flags=cv2.INTER_CUBIC)
        points = apply(jitter.matrix, landmarks)
        if jitter.flip:
            moved, points = moved[:, ::-1], marks.mirror(points, info.size)
            landmarks = marks.mirror(landmarks, info.size)
        crop = crop_matrix(landmarks, 64, FaceType.HALF)
        expected = warp_face(moved, crop, 64)[4:60, 4:60]

        face = sampler._readable(index)
        matrix = augment.output_to_image(jitter, crop, info.size)
        still = np.zeros_like(jitter.nodes)
        warped, straight = augment.sample(face.pixels, matrix, still, 64, info.size)
        assert (warped == straight).all()
        inner = straight[4:60, 4:60].astype(int)
        assert np.median(np.abs(inner[..., :3] - expected)) <= 3

        hull = marks.hull_mask(apply(crop, points), (64, 64))[..., 0] > 0
        mask = straight[..., 3] > 127
        assert (hull & mask).sum() / (hull | mask).sum() > 0.97


def test_a_flipped_sample_is_the_sample_of_the_mirrored_face(tmp_path):
    path = photograph(tmp_path, 256)
    image, info = read_face(path)
    flipped = replace(info, landmarks=marks.mirror(info.landmarks, info.size))
    write_face(tmp_path / "mirrored.png", image[:, ::-1].copy(), flipped)
    sampler = Sampler(Faceset.open(tmp_path), HALF_64, (1,))
    face = sampler._readable(0)
    jitter = augment.IDENTITY._replace(flip=True)
    matrix = augment.output_to_image(jitter, face.mirrored_crop, 256)
    _, sampled = augment.sample(face.pixels, matrix, jitter.nodes, 64, 256)
    difference = np.abs(sampled.astype(int) - sampler.plain(1))
    assert difference[..., :3].max() <= 2
    assert difference[..., 3].mean() < 1  # filling a polygon is not quite symmetric


def test_jitter_has_the_distribution_of_deepfacelab():
    jitters = draws()
    a, b = (np.array([j.matrix[0, column] for j in jitters]) for column in (0, 1))
    angle, scale = np.degrees(np.arctan2(b, a)), np.hypot(a, b)
    middle = np.array([j.matrix @ [127.5, 127.5, 1] for j in jitters]) - 127.5
    for values, limit in ((angle, 10), (scale - 1, 0.05), (middle, 0.05 * 256)):
        assert np.abs(values).max() <= limit + 1e-9
        assert np.abs(values).max() > 0.98 * limit
        assert values.std() == pytest.approx(limit / np.sqrt(3), rel=0.05)  # uniform
    assert np.mean([j.flip for j in jitters]) == pytest.approx(0.4, abs=0.03)
    cells = np.array([len(j.nodes) + 1 for j in jitters])
    assert {n: (cells == n).mean().round(1) for n in set(cells)} == dict.fromkeys((2, 4, 8), 0.3)


def test_flipping_can_be_switched_off_and_src_scaled():
    jitters = draws(500, flip=False, scale_shift=-0.2)
    assert not any(j.flip for j in jitters)
    scales = np.array([np.hypot(*j.matrix[0, :2]) for j in jitters])
    assert 0.75 <= scales.min() < scales.max() <= 0.85


def test_nodes_move_by_a_truncated_normal_of_a_quarter_cell():
    moves = np.concatenate([(j.nodes / (256 / (len(j.nodes) + 1))).ravel() for j in draws(2000)])
    assert np.abs(moves).max() <= 0.24
    assert (moves / 0.24).std() == pytest.approx(0.3814, abs=0.005)


@pytest.mark.parametrize("cells", [2, 4, 8])
def test_the_warp_is_bilinear_between_nodes_and_still_at_the_border(cells):
    rng = np.random.default_rng(cells)
    nodes = rng.normal(0, 5, (cells - 1, cells - 1, 2)).astype(np.float32)
    turned = np.array([[4.3, 0.6, -20], [-0.6, 4.3, 15]])
    points = augment.grid_points(turned, 64)
    moved = augment.displacement(turned, nodes, 64, 256)
    edges = np.linspace(-0.5, 255.5, cells + 1)
    for axis in (0, 1):
        values = np.pad(nodes[..., axis], 1)
        oracle = RegularGridInterpolator((edges, edges), values, bounds_error=False, fill_value=0)
        np.testing.assert_allclose(moved[..., axis], oracle(points[..., ::-1]), atol=1e-3)
    assert np.abs(moved).max() <= np.abs(nodes).max() + 1e-3


def test_points_are_where_the_matrix_puts_output_pixels():
    matrix = np.array([[1.5, 0.25, -3], [-0.5, 2, 7]])
    points = augment.grid_points(matrix, 5)
    for row in range(5):
        for column in range(5):
            assert points[row, column] == pytest.approx(matrix @ [column, row, 1])


def test_a_sample_depends_only_on_the_seed_and_its_number(faceset):
    def load(seed, workers, first=0):
        settings = HALF_64._replace(with_priority=True, with_expression=True)
        src, dst = (Sampler(faceset, settings, (seed, side)) for side in (0, 1))
        with BatchLoader(src, dst, 3, first=first, workers=workers) as batches:
            return [batches.next() for _ in range(6)]

    one, other = load(7, workers=1), load(7, workers=3)
    continued = load(7, workers=2, first=4)
    for expected, batches in zip([*one, *one[4:]], [*other, *continued[:2]], strict=True):
        for side, side_expected in zip(batches, expected, strict=True):
            for array, array_expected in zip(side, side_expected, strict=True):
                assert (array == array_expected).all()
    assert (one[0][0].warped != load(8, workers=1)[0][0].warped).any()
    assert (one[0][0].warped != one[0][1].warped).any()
    assert (one[0][0].warped != one[1][0].warped).any()


@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_shares_are_the_slices_of_the_whole_batch(faceset, count):
    settings = HALF_64._replace(
        with_priority=True, with_expression=True, uniform_pose=True, color_transfer="rct"
    )
    dst = Sampler(faceset, settings, (7, 1))
    matched = YawMatcher(faceset, dst, (7, 0))
    src = Sampler(faceset, settings, (7, 0), picks=matched, partners=dst)

    def load(share):
        with BatchLoader(src, dst, 5, first=3, share=share) as loader:
            return [array for side in loader.next() + loader.next() for array in side]

    whole = load((0, 1))
    for rank in range(count):
        part = part_of(5, (rank, count))
        for array, expected in zip(load((rank, count)), whole, strict=True):
            assert np.array_equal(array, expected[part.start : part.stop])
    assert [i for rank in range(count) for i in part_of(5, (rank, count))] == list(range(5))


def test_every_face_is_shown_once_in_each_round(faceset):
    sampler = Sampler(faceset, HALF_64, (1,))
    shown = np.concatenate([sampler.picks(first, 5) for first in range(0, 60, 5)])[:, 0].astype(int)
    rounds = shown.reshape(5, 12)
    assert (np.sort(rounds, axis=1) == np.arange(12)).all()
    assert len({tuple(r) for r in rounds}) == 5


def test_batches_are_uint8_of_the_agreed_shapes(faceset):
    batch = Sampler(faceset, SamplerSettings(FaceType.FULL, 48), (1,)).batch(0, 5)
    assert batch.priority is batch.expression is None  # unless a model asks for them
    parts = batch[:4]
    assert [a.shape for a in parts] == [(5, 48, 48, 3), (5, 48, 48, 3), *[(5, 48, 48, 1)] * 2]
    assert {a.dtype for a in parts} == {np.dtype(np.uint8)}
    assert batch.mask.min() == 0
    assert batch.mask.max() == 255


def test_the_cache_changes_nothing_but_memory(faceset):
    kept, read = (Sampler(faceset, HALF_64, (1,), cache_bytes=room) for room in (1 << 30, 200_000))
    for number in range(3):
        for one, other in zip(kept.batch(number, 8), read.batch(number, 8), strict=True):
            assert np.array_equal(one, other)
    assert len(kept._cache) == 12
    assert 0 < len(read._cache) < 12
    assert sum(p.pixels.nbytes for p in read._cache.values()) <= 200_000


def test_narrower_faces_are_refused_with_a_way_out(tmp_path):
    make_faceset(tmp_path, 1, face_type=FaceType.HALF)
    with pytest.raises(UserError, match="--face-type full_face"):
        Sampler(Faceset.open(tmp_path), SamplerSettings(FaceType.FULL, 64), (1,))


def test_whole_frames_can_be_trained_on(tmp_path):
    make_faceset(tmp_path, 2, face_type=FaceType.MARK_ONLY)
    sampler = Sampler(Faceset.open(tmp_path), HALF_64, (1,))
    frame, info = read_face(sampler.faces[0][0])
    expected = warp_face(frame, crop_matrix(info.landmarks, 64, FaceType.HALF), 64)
    error = sampler.plain(0)[..., :3].astype(float) - expected
    assert np.sqrt(np.mean(error**2)) < 6


def test_faces_deleted_while_training_are_replaced_and_reported(folder):
    sampler = Sampler(Faceset.open(folder), HALF_64, (1,))
    for path, _ in sampler.faces[:11]:
        path.unlink()
    batch = sampler.batch(0, 24)
    assert len(batch.mask) == 24
    assert len(sampler.failures) == 11
    assert all("cannot read" in sentence for sentence in sampler.failures)


def test_a_failure_in_the_background_is_raised_where_the_batch_is_wanted(folder):
    src, dst = (Sampler(Faceset.open(folder), HALF_64, (side,)) for side in (0, 1))
    shutil.rmtree(folder)
    with (
        BatchLoader(src, dst, 4) as loader,
        pytest.raises(InputError, match="none of the 12 faces"),
    ):
        loader.next()
