"""Extraction on several machines: a share of the frames, and the join of all shares."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from extractor import extract, journal
from extractor.frames import SampledSource
from extractor.in_flight import InFlight
from extractor.labels import Labels
from extractor.options import ExtractOptions, debug_dir
from extractor.writer import path_for
from facelib.faceset import read_info
from utils import shares, spreading
from utils.console import Report
from utils.errors import NothingToDo
from utils.files import Manifest, is_image
from utils.shared_facts import SharedFacts, identity_of
from utils.shares import Split
from utils.video.ranges import numbers_in, part_of


def run(options: ExtractOptions, in_flight: InFlight | None = None) -> Report:
    """Extract one share of the frames into a folder of its own.

    The frames next to it are searched as well, so that landmarks are smoothed as in one run.

    Raises
    ------
    InputError
        If the share does not fit to the others, or there is another extraction in the output.
    NothingToDo
        If all shares are joined already.
    """
    share = shares.wanted(options)
    assert share is not None
    footage, whole = extract.open_footage(options), options.output_dir
    footage = replace(footage, span=part_of(numbers_in(footage.source), share))
    split = Split(whole)
    if not split.has_begun(share):
        _check_output(options, footage)
    split.begin(share, _identity(options, footage), overwrite=options.overwrite)
    discarded = journal.faces_of(whole, {footage.path.name}) if options.overwrite else ()
    labels = Labels.to_be_kept_in(whole, [info for _, info in discarded])
    own = replace(options, output_dir=split.output_of(share), part=None)
    report = extract.run(own, in_flight, footage, labels)
    split.finish(share, report)
    return report


def join(options: ExtractOptions) -> Report:
    """Move the faces of all shares into the output, with one journal for all.

    A join that was killed goes on: what was moved is in the output, and its journal.

    Raises
    ------
    InputError
        If a share is missing, in work, or of another run.
    """
    footage, folder = extract.open_footage(options), options.output_dir
    split = Split(folder)
    overwrite = options.overwrite and not split.is_joining
    head, ours = _header(options, footage), _identity(options, footage)
    with (
        split.joining(lambda _: ours, lambda share: split.output_of(share) / journal.LOCK) as found,
        journal.opened(folder, head, footage.path, overwrite=overwrite) as manifest,
    ):
        split.begin_join()
        for share in found:
            _take(split.output_of(share), folder, manifest)
        report = split.merged(found)
        report.made = [folder, *([debug_dir(folder)] if options.debug else [])]
        if footage.source.is_video and not report.failures:
            journal.mark_complete(manifest)
        extract.summarize(manifest, report)
    return report


def _take(part: Path, folder: Path, manifest: Manifest) -> None:
    """Move what a share has made: faces, debug images and the lines of the journal."""
    images = sorted(path for path in part.iterdir() if is_image(path))
    for path in images:
        target = folder / path.name
        path.replace(path_for(folder, read_info(path)) if target.exists() else target)
    _move_all(debug_dir(part), debug_dir(folder))
    own = part / journal.JOURNAL
    for name, record in Manifest(own, None).done.items():
        if name not in manifest and name != journal.END:
            manifest.add(**record)
    own.unlink(missing_ok=True)


def _move_all(folder: Path, target: Path) -> None:
    images: Sequence[Path] = list(folder.iterdir()) if folder.is_dir() else ()
    for path in images:
        target.mkdir(exist_ok=True)
        path.replace(target / path.name)


def _check_output(options: ExtractOptions, footage: SampledSource) -> None:
    """Refuse an output that holds another extraction, or all of this one."""
    if options.overwrite:
        return
    folder, head = options.output_dir, journal.header(options, footage.source)
    journal.check_header(folder, head)
    if not Split(folder).shares() and (folder / journal.JOURNAL).is_file():
        raise NothingToDo(
            f'"{folder}" was extracted already; continue without --part and --ray, or start over '
            "with --overwrite",
            folder,
        )


def _identity(options: ExtractOptions, footage: SampledSource) -> SharedFacts:
    source = footage.source
    names = [file.name for file in source.files]
    return identity_of(source.path, names, dict(_header(options, footage)))


def _header(options: ExtractOptions, footage: SampledSource) -> journal.Header:
    """Return what identifies the run, whatever is in the output: shares continue nothing there."""
    return journal.header(replace(options, overwrite=True), footage.source)


def spread(options: ExtractOptions) -> Report:
    """Let the machines of a Ray cluster do shares, and join them."""
    footage, folder = extract.open_footage(options), options.output_dir
    _check_output(options, footage)
    spreading.spread("extract", options, folder, numbers_in(footage.source))
    return join(replace(options, ray=None, part=shares.JOIN))
