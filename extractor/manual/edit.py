"""`util edit-faces`: a person corrects the faces of an extraction, with the settings it had."""

from dataclasses import replace

from extractor import journal
from extractor.extract import face_writer
from extractor.frames import SampledSource
from extractor.journal import DECISIVE, REFERENCES, Header
from extractor.labels import Labels
from extractor.manual.app import ManualSession, WindowScreen
from extractor.manual.frame_cache import FrameCache
from extractor.manual.remote import RemoteScreen
from extractor.manual.store import Store
from extractor.options import MANUAL, EditFacesOptions, ExtractOptions, FrameFilter
from extractor.review import reasons_to_review
from facelib.review import FaceSummary
from utils import console
from utils.console import Report
from utils.errors import InputError
from utils.files import Manifest, natural_key
from utils.options import from_json
from utils.video.io import open_source

Frames = list[tuple[str, list[FaceSummary]]]
"""Name and faces of each frame, in order."""


def run(options: EditFacesOptions) -> Report:
    """Show the frames, and write what the person decides.

    Raises
    ------
    InputError
        If the folder has no extraction, or one of other footage.
    """
    old = journal.header_in(options.output_dir)
    if old is None:
        raise InputError(f'"{options.output_dir}" has no extraction to correct; run extract first')
    extraction = _extraction(options, old)
    footage = SampledSource(open_source(options.input_dir, square_pixels=True), extraction.every)
    header = journal.header(extraction, footage.source)
    header |= {name: old.get(name) for name in _json_names(REFERENCES)}
    if journal.HEAD not in old:  # of an earlier version; what is corrected is cut as today
        header.pop(journal.HEAD, None)
    writer = face_writer(extraction, footage.path.name)
    report = Report(made=[writer.folder])
    with journal.opened(writer.folder, header, footage.path, overwrite=False) as manifest:
        writer = replace(writer, labels=Labels.kept_in(writer.folder))
        known = sorted(journal.frames_of(manifest), key=lambda frame: natural_key(frame[0]))
        names = chosen(options.frames, known, every=extraction.detector == MANUAL)
        if names is not None and not names:
            console.say(f"no frame is {options.frames.value}")
            return report
        decided = journal.manual_frames(manifest)
        frames = FrameCache(footage, lambda name: names is None or name in names)
        size = 0 if options.remote else options.window_size
        session = ManualSession(frames, Store(writer, manifest), decided, size)
        session.shows_decided = names is not None and names <= decided
        total = footage.count if names is None else len(names)
        if options.remote:
            _tell_frames(known, names, decided, total)
            session.run(lambda: RemoteScreen(writer.face_type))
        else:
            session.run(lambda: WindowScreen(writer.face_type, total))
        report.failures += session.problems()
        report.counts = _counts(manifest)
    return report


def chosen(which: FrameFilter, frames: Frames, *, every: bool = False) -> set[str] | None:
    """Return the names of the frames to show; None for all of the footage.

    Parameters
    ----------
    every : bool
        Whether frames that are not extracted yet are shown with all others.
    """
    if which is FrameFilter.ALL:
        return None if every else {name for name, _ in frames}
    if which is FrameFilter.DOUBTFUL:
        return set(reasons_to_review(frames))
    if which is FrameFilter.MULTI:
        return {name for name, faces in frames if len(faces) > 1}
    return {name for name, faces in frames if not faces}


def _extraction(options: EditFacesOptions, header: Header) -> ExtractOptions:
    """Return the options of the extraction in a folder."""
    saved = {name: header[key] for name, key in zip(DECISIVE, _json_names(DECISIVE), strict=True)
             if key in header}  # fmt: skip
    paths = {"input_dir": str(options.input_dir), "output_dir": str(options.output_dir)}
    return from_json(ExtractOptions, {**saved, **paths})


def _json_names(names: tuple[str, ...]) -> list[str]:
    return [name.replace("_", "-") for name in names]


def _tell_frames(
    frames: Frames, names: set[str] | None, decided: set[str], total: int | None
) -> None:
    """Tell which frames are shown, with the number of faces and the doubts of each."""
    doubts = reasons_to_review(frames)
    rows = [
        [name, len(faces), name in decided, ", ".join(doubts.get(name, ()))]
        for name, faces in frames
        if names is not None and name in names
    ]
    console.tell("frames", {"of": total, "rows": rows})


def _counts(manifest: Manifest) -> dict[str, int]:
    faces = sum(len(faces) for _, faces in journal.frames_of(manifest))
    decided = len(journal.manual_frames(manifest))
    return {"frames decided by a person": decided, "faces": faces}
