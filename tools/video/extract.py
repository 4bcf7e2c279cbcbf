"""`video extract`: the frames of a video as images, and a file of their exact timestamps."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from tools.video.options import ExtractFramesOptions
from utils import console
from utils.console import Report
from utils.errors import InputError
from utils.files import Manifest, is_image, move_to_trash, remove_leftovers, trash_dir
from utils.lock import locked_folder
from utils.parallel import Failure, cores, ordered_map
from utils.provenance.mark import DIGITAL_SOURCE_TYPE, mark_image, read_mark
from utils.records import fraction
from utils.video.container import writing
from utils.video.decoder import VideoSource
from utils.video.frame import Frame, Span
from utils.video.sink import FolderSink
from utils.video.source import FrameSource, span_between
from utils.video.timestamps import NAME, Timestamps

JOURNAL, LOCK = ".frames.jsonl", ".frames.lock"


def run(options: ExtractFramesOptions) -> Report:
    """Write the images in parallel; an interrupted run is continued.

    Raises
    ------
    InputError
        If the input is not a video, or the folder has other images in it.
    """
    source = VideoSource(options.input_file)
    source.wants_16_bit = options.bit_depth == "16" and options.image_format == "png"
    span = span_between(options.from_, options.to)
    folder = options.output_dir
    mark = None
    with suppress(InputError):  # a mark of the video is passed on to its images
        mark = mark_image if read_mark(source.path) == DIGITAL_SOURCE_TYPE else None
    sink = FolderSink(folder, mark, f".{options.image_format}", options.quality)
    report = Report({"images": 0})
    with (
        writing(folder),
        locked_folder(folder, LOCK, "video extract"),
        _journal(options, source) as journal,
        sink,
    ):
        wanted = _wanted(source, span, options.every)
        write = partial(_write, sink, journal)
        total = span.count(source.count, source.rate)
        written = ordered_map(write, wanted, workers=cores())
        for done in console.progress(written, total and total // options.every, "extract"):
            if isinstance(done, Failure):
                if not isinstance(done.error, InputError):  # such as a full disk
                    raise done.error
                report.failures.append(f"{done.item.name}: {done.error}")
                continue
            report.counts["images"] += 1
            journal.add(done.name, time=str(done.time), duration=str(done.duration or 0))
        _timetable(source, journal, span, options.every).write(folder / NAME)
    report.failures += source.failures
    report.notes["the footage"] = source.notes
    report.made = [folder, folder / NAME]
    return report


def _journal(options: ExtractFramesOptions, source: FrameSource) -> Manifest:
    """Return the journal of the folder, which has only images of this run in it."""
    folder = options.output_dir
    facts = {"source": source.path.name, "bytes": source.path.stat().st_size}
    names = ("image_format", "quality", "bit_depth", "every", "from_", "to")
    header = facts | {name: getattr(options, name) for name in names}
    remove_leftovers(folder)
    journal = Manifest(folder / JOURNAL, header, _times)
    images = list(_images(folder))
    if options.overwrite:
        for path in images:
            move_to_trash(path)
        (folder / JOURNAL).unlink(missing_ok=True)
        return Manifest(folder / JOURNAL, header)
    if images and not journal.continues:
        raise InputError(
            f'"{folder}" has other images in it; use --overwrite (they go to '
            f'"{trash_dir(folder).name}") or another --output-dir'
        )
    return journal


def _images(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from (path for path in folder.iterdir() if is_image(path))


def _wanted(source: FrameSource, span: Span, every: int) -> Iterator[Frame]:
    for place, frame in enumerate(source.frames(span)):
        if place % every == 0:
            yield frame


def _write(sink: FolderSink, journal: Manifest, frame: Frame) -> Frame:
    """Write an image unless an earlier run has; return the frame without its image."""
    if not (frame.name in journal and sink.file_of(frame.name).exists()):
        sink.write(frame)
    return replace(frame, image=frame.image[:0], image16=None)


def _times(facts: Mapping[str, Any]) -> tuple[str, str]:
    """Return time and duration of an image; an error means that its record is damaged."""
    return str(fraction(facts["time"])), str(fraction(facts["duration"]))


def _timetable(source: FrameSource, journal: Manifest, span: Span, every: int) -> Timestamps:
    times = {Path(name).stem: _times(facts) for name, facts in sorted(journal.done.items())}
    return Timestamps.of_text(source, times, complete=span == Span() and every == 1)
