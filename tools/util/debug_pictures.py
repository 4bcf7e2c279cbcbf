"""`util debug-pictures`: draws the landmarks of every face of a folder, for inspection."""

from pathlib import Path

from facelib import landmarks
from facelib.faceset import FaceInfo, Faceset, read_face
from tools.util.options import DebugPicturesOptions
from utils import console, parallel
from utils.console import Report
from utils.errors import InputError
from utils.files import remove_leftovers
from utils.images import write_image

QUALITY = 85  # JPEG: to look at, not to work with


def run(options: DebugPicturesOptions) -> Report:
    """Draw the landmarks of all faces of a folder; the images go to another one.

    Raises
    ------
    InputError
        If there is no such folder or no face in it, or the output folder is the same.
    """
    folder = options.input_dir
    target = options.output_dir or folder.with_name(folder.name + "_landmarks")
    if target.resolve() == folder.resolve():
        raise InputError(f'"{target}" is the folder of faces; choose another --output-dir')
    remove_leftovers(target)
    faces = Faceset.open(folder)
    report = Report({"pictures": 0}, failures=list(faces.skipped), made=[target])

    def draw(face: tuple[Path, FaceInfo]) -> None:
        image, info = read_face(face[0])
        drawn = landmarks.draw(image, info.landmarks)
        write_image(target / f"{face[0].stem}.jpg", drawn, QUALITY)

    results = parallel.ordered_map(draw, faces, workers=parallel.cores())
    for result in console.progress(results, len(faces), "Drawing", "face"):
        if isinstance(result, parallel.Failure):
            report.failures.append(str(result.error))
        else:
            report.counts["pictures"] += 1
    return report
