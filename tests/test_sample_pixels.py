"""The pixels of samples, against float64 arithmetic and what an ideal camera would see."""

import cv2
import numpy as np
import pytest
import skimage.data
from scipy.interpolate import RegularGridInterpolator
from scipy.ndimage import map_coordinates
from support.synthetic import make_info, make_landmarks

from facelib.faceset import Faceset, write_face
from facelib.geometry import invert
from facelib.types import FaceType
from trainer.data import augment
from trainer.data.prepared_face import prepare
from trainer.data.sampler import CHANGE, Sampler, SamplerSettings


@pytest.fixture
def photograph(tmp_path):
    """Writes a face file with real texture and returns its path."""

    def write(size):
        image = cv2.resize(
            skimage.data.astronaut()[..., ::-1], (size, size), interpolation=cv2.INTER_AREA
        )
        landmarks = make_landmarks(center=(size / 2, size * 0.6), width=size / 2)
        path = tmp_path / "0.png"
        write_face(path, image, make_info(landmarks, size))
        return path

    return write


def read(image, places):
    """Read a (H, W, C) image linearly at (x, y) places, (2, R, R), in float64."""
    channels = [
        map_coordinates(channel.astype(float), places[::-1], order=1, mode="nearest")
        for channel in np.moveaxis(image, -1, 0)
    ]
    return np.dstack(channels)


def mapped(matrix, x, y):
    """Return the places of pixels under a (2, 3) or (3, 3) matrix, (2, R, R)."""
    return np.einsum("ij,jrc->irc", matrix, np.stack([x, y, np.ones_like(x)]))[:2]


def homogeneous(matrix):
    return np.vstack([matrix, [0, 0, 1]])


def displaced(places, nodes, size):
    """Move places by a grid of nodes that stand still at the image's edge."""
    edges = np.linspace(-0.5, size - 0.5, len(nodes) + 2)
    values = np.pad(nodes.astype(float), ((1, 1), (1, 1), (0, 0)))
    surface = RegularGridInterpolator((edges, edges), values, bounds_error=False, fill_value=0)
    return places + np.moveaxis(surface(np.moveaxis(places[::-1], 0, -1)), -1, 0)


@pytest.mark.parametrize("size", [256, 500])
def test_a_batch_is_the_composed_map_of_the_image(photograph, size):
    settings = SamplerSettings(FaceType.HALF, 48)
    sampler = Sampler(Faceset.open(photograph(size).parent), settings, (1,))
    batch, face = sampler.batch(0, 6), sampler._readable(0)
    y, x = np.indices((48, 48), float)
    flips = set()
    for i in range(6):
        jitter = augment.draw(sampler._rng(CHANGE, i), size)
        flips.add(jitter.flip)
        crop, mirror = homogeneous(face.crop), np.eye(3)
        if jitter.flip:
            crop = homogeneous(face.mirrored_crop)
            mirror = np.array([[-1, 0, size - 1], [0, 1, 0], [0, 0, 1]])
        inverse = np.linalg.inv(crop @ mirror @ homogeneous(jitter.matrix))
        straight = mapped(inverse, x, y)
        bent = displaced(straight, jitter.nodes, size)
        reduction = len(face.pixels) / size
        for places, found in (
            (straight, np.dstack([batch.target[i], batch.mask[i]])),
            (bent, batch.warped[i]),
        ):
            expected = read(face.pixels, (places + 0.5) * reduction - 0.5)[..., : found.shape[-1]]
            assert np.abs(found - expected).max() < 1
    assert flips == {True, False}


def ideal(image, matrix, resolution):
    """What an ideal camera of this resolution would see: the mean over each output pixel."""
    fine = 6
    steps = (np.arange(resolution * fine) + 0.5) / fine - 0.5
    values = read(image, mapped(matrix, *np.meshgrid(steps, steps)))
    return values.reshape(resolution, fine, resolution, fine, -1).mean(axis=(1, 3))


def detail(image):
    return np.abs(np.diff(image, axis=1)).mean()


@pytest.mark.parametrize("resolution", [64, 128])
def test_linear_reading_is_as_near_to_the_ideal_as_a_cubic_kernel(photograph, resolution):
    path = photograph(512)
    image = skimage.data.astronaut()[..., ::-1]
    settings = SamplerSettings(FaceType.HALF, resolution)
    cubic = prepare(path, settings)
    linear = Sampler(Faceset.open(path.parent), settings, (1,))._readable(0)
    assert (linear.interpolation, linear.nbytes) == (cv2.INTER_LINEAR, cubic.nbytes)
    for number in range(3):
        jitter = augment.draw(np.random.default_rng([2, number]), 512, flip=False)
        matrix = augment.output_to_image(jitter, linear.crop, 512)
        expected = ideal(image, matrix, resolution)
        new, old = (
            augment.sample(
                face.pixels,
                matrix,
                jitter.nodes,
                resolution,
                512,
                interpolation=face.interpolation,
            )[1][..., :3].astype(float)
            for face in (linear, cubic)
        )
        error = np.abs(old - expected).mean()
        assert np.abs(new - expected).mean() < error
        assert np.abs(new - old).mean() < 0.7 * error
        assert abs((new - old).mean()) < 0.1
        assert detail(expected) < detail(new) < detail(old)


def test_magnified_faces_are_read_with_a_cubic_kernel(photograph):
    path = photograph(100)
    settings = SamplerSettings(FaceType.HALF, 96)
    sampler = Sampler(Faceset.open(path.parent), settings, (1,))
    pixels, crop = prepare(path, settings).pixels, sampler._readable(0).crop
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    border = cv2.BORDER_REPLICATE
    expected = cv2.warpAffine(pixels, invert(crop), (96, 96), flags=flags, borderMode=border)
    assert np.abs(sampler.plain(0).astype(int) - expected).max() <= 1
