"""What the tests of sorting share."""

from support.synthetic import make_info

from facelib.faceset import Faceset, write_face
from facelib.types import FaceType
from sorter import METHODS
from sorter.job import SortJob
from sorter.options import SortOptions
from sorter.sort import run


def sort(folder, by="hist", **settings):
    """Run the stage."""
    return run(SortOptions(input_dir=folder, by=by, **settings))


def order_of(by, faces, **settings):
    """The list of Placed that a method returns, with no failure."""
    job = SortJob(faces, **settings)
    order = METHODS.load(by)(job)
    assert not job.report.failures
    return order


def names_by(by, folder, **settings):
    """File names in the order of a method."""
    return [item.path.name for item in order_of(by, Faceset.open(folder), **settings)]


def contents(folder):
    """Name -> bytes of all files of a folder and its sub-folders, but for the sorter's own."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and ".sort" not in path.parts
    }


def frames_in_order(folder):
    return [info.source_name for _, info in Faceset.open(folder)]


def write(folder, name, picture, landmarks, **facts):
    """Write an aligned full face whose landmarks are given in the picture."""
    folder.mkdir(exist_ok=True)
    values = {"landmarks": landmarks, **facts}
    info = make_info(landmarks, picture.shape[0], FaceType.FULL, **values)
    write_face(folder / name, picture, info)
