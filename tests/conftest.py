"""Fixtures that several test files use."""

import os
import tempfile

import pytest
import skimage.data
from support.screen import screen  # noqa: F401 - a fixture, for the tests of windows
from support.synthetic import make_faceset, make_landmarks

from facelib import people
from facelib.faceset import Faceset

# training recognizes so many faces of each new folder: all but tests/test_people.py need no more
people.SAMPLE = 1

# the key for signing results: not the one of the person who runs the tests
SETTINGS = tempfile.TemporaryDirectory(prefix="settings-")
os.environ["FACESWAP_CONFIG_DIR"] = SETTINGS.name


# else POT, which test_color compares with, loads TensorFlow
os.environ["POT_BACKEND_DISABLE_TENSORFLOW"] = "1"


@pytest.fixture(scope="session")
def astronaut():
    """A photograph with one frontal face near (222, 115): (512, 512, 3) uint8 BGR, read-only."""
    image = skimage.data.astronaut()[..., ::-1].copy()
    image.setflags(write=False)
    return image


@pytest.fixture(scope="session")
def face_landmarks():
    """Landmarks that lie on the face of the astronaut."""
    return make_landmarks(center=(222, 125), width=105)


@pytest.fixture(scope="session")
def _faceset_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("faces") / "aligned"
    make_faceset(folder, count=12)
    return folder


@pytest.fixture
def faceset(_faceset_folder):
    """Twelve synthetic full faces of one person, 128 px. The folder is shared: do not change it."""
    return Faceset.open(_faceset_folder)


def pytest_collection_modifyitems(items):
    """Give tests of windows two more tries: without a window manager Qt may not paint a window."""
    for item in items:
        if "screen" in item.fixturenames:
            item.add_marker(pytest.mark.flaky(reruns=2))
