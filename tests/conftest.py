"""Fixtures that several test files use."""

import functools
import gc
import os
import tempfile

import pytest
import skimage.data
from support.screen import screen  # noqa: F401 - a fixture, for the tests of windows
from support.synthetic import make_faceset, make_landmarks

from facelib import people
from facelib.faceset import Faceset

gc.disable()  # while everything is loaded

# training recognizes so many faces of each new folder: all but tests/test_people.py need no more,
# and its network is loaded once
people.SAMPLE = 1
people._recognizer = functools.cache(people._recognizer)

# else POT, which test_color compares with, loads TensorFlow and PyTorch
os.environ |= {"POT_BACKEND_DISABLE_TENSORFLOW": "1", "POT_BACKEND_DISABLE_PYTORCH": "1"}

LONGEST = ("convert", "evaluate", "extract", "extract_search", "models", "monitor", "pipeline",
           "saving", "straight_way", "supervisor", "trainer", "training_kill", "video_output",
           "workbench_kill")  # fmt: skip


@pytest.fixture(scope="session", autouse=True)
def _apart(tmp_path_factory):
    """Keep settings and temporary files, and those of processes, in the folder of this session.

    pytest removes it later, also what a killed process left there. The key for signing results is
    thus not the one of the person who runs the tests.
    """
    folder = str(tmp_path_factory.mktemp("own"))
    with pytest.MonkeyPatch.context() as patch:
        for variable in ("FACESWAP_CONFIG_DIR", "TMPDIR", "TEMP", "TMP"):
            patch.setenv(variable, folder)
        patch.setattr(tempfile, "tempdir", folder)
        yield


@pytest.fixture(scope="session", autouse=True)
def _without_waiting_for_the_disk():
    """Leave what is written to the system, as a killed process does: no test pulls the plug.

    Tests of syncing put a failing or a counting one in its place.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda handle: None)
        yield


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


def pytest_collection_finish():
    """From now on collect garbage, but spare what is loaded by now, half a million objects."""
    gc.freeze()
    gc.enable()


def pytest_collection_modifyitems(items):
    """Begin with the files that take longest, so that no worker is left alone with one at the end.

    Give tests of windows two more tries: without a window manager Qt may not paint a window.
    """
    items.sort(key=lambda item: item.path.stem.removeprefix("test_") not in LONGEST)
    for item in items:
        if "screen" in item.fixturenames:
            item.add_marker(pytest.mark.flaky(reruns=2))
