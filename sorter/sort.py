"""The `sort` stage: orders the faces of a folder and renames them so that the order shows.

Sorted faces are called `00000.png`, `00001.png`, ... whatever they were called before; nothing is
lost: `--undo` takes the last sort back, and because each face carries the name of its frame inside,
`--by origname` gives every face the name that extract gave it. Files that are no faces keep their
names, and no face takes one that is in use.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from filelock import FileLock, Timeout

from facelib.faceset import FaceFiles, Faceset
from sorter import METHODS
from sorter.contact_sheet import check_sheet, write_sheet
from sorter.html_page import check_page, write_page
from sorter.job import Placed, SortJob
from sorter.naming import places
from sorter.options import UNGROUPED, RecoverNamesOptions, SortOptions
from sorter.rename import STATE, finish_interrupted, groups, interrupted, place, rename_all, undo
from utils import console, processes
from utils.console import Report
from utils.errors import InputError, UsageError
from utils.files import list_images, natural_key

LOCK = "lock"


def run(options: SortOptions) -> Report:
    """Sort a folder of faces, or undo the last sort.

    Raises
    ------
    InputError
        If the folder is missing or holds no face.
    UserError
        If a file cannot be moved.
    """
    # ".." is resolved here, because the trash is named after the folder
    options = replace(options, input_dir=Path(os.path.normpath(options.input_dir.absolute())))
    _check(options)
    with _alone(options.input_dir):
        finished = finish_interrupted(options.input_dir)
        if finished:
            console.say(f"completed an earlier {finished} that was interrupted")
        if not options.undo:
            with processes.kept():
                return _sort(options)
        return Report() if finished == "undo" else _undo(options.input_dir)


def recover_names(options: RecoverNamesOptions) -> Report:
    """Give all faces the names that extract gave them, whatever they are called now."""
    return run(SortOptions(input_dir=options.input_dir, by="origname"))


def _sort(options: SortOptions) -> Report:
    folder = options.input_dir
    faces, skipped = open_faces(folder)
    job = SortJob(faces, store=folder / STATE, target=options.target)
    order = arrange(job, options)
    pairs = places(
        folder, order, dict(faces) if options.by == "origname" else None,
        grouped=options.group_by != UNGROUPED,
    )  # fmt: skip
    if not options.dry_run:
        rename_all(folder, pairs)
    _show(options, order, pairs)
    return _summarize(job.report, options, order, pairs, skipped)


def _undo(folder: Path) -> Report:
    back, gone = undo(folder)
    return Report({"faces put back": back, **({"gone since": gone} if gone else {})})


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the folder: two sorts at once would rename what the other has renamed."""
    if not folder.is_dir():
        list_images(folder)  # says what is wrong with it
    state = folder / STATE
    state.mkdir(exist_ok=True)
    lock = FileLock(state / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise InputError(f'another sort of "{folder}" is under way; wait until it ends') from None
    try:
        for left_behind in state.glob(".*"):  # half-written files of a sort that was killed
            left_behind.unlink()
        yield
    finally:
        lock.release()
        if all(path.name == LOCK for path in state.iterdir()):  # nothing was sorted here
            shutil.rmtree(state)


def _check(options: SortOptions) -> None:
    """Refuse before any work what could only fail after it."""
    if options.contact_sheet:
        check_sheet(options.contact_sheet)
    if options.page:
        check_page(options.page)
    if options.target is not None and options.by != "final":
        raise UsageError("--target: only --by final chooses faces. Expected --by final")
    if options.dry_run and options.undo:
        raise UsageError("--dry-run: Expected to be without --undo. Received: both")
    if options.dry_run and interrupted(options.input_dir):
        raise InputError(
            f'an earlier sort of "{options.input_dir}" was interrupted; '
            "sort without --dry-run, or with --undo, to complete it first"
        )


def open_faces(folder: Path) -> tuple[FaceFiles, list[str]]:
    """Return the faces of a folder, those in the last sort's groups included, and the skipped."""
    sets, problems = [], []
    for source in (folder, *groups(folder)):
        try:
            sets.append(Faceset.open(source))
        except InputError as problem:  # an empty group, or all faces are in groups
            problems.append(problem)
    if not sets:
        raise problems[0]
    faces = [face for found in sets for face in found]
    if len(sets) > 1:
        faces.sort(key=lambda face: natural_key(face[0].name))
    return faces, [sentence for found in sets for sentence in found.skipped]


def arrange(job: SortJob, options: SortOptions) -> list[Placed]:
    """Return the faces in order; with `--group-by` the groups one after the other."""
    order: list[Placed] = METHODS.load(options.by)(job)
    if options.group_by in (UNGROUPED, options.by):
        return order
    group_of = {item.path: item.group for item in METHODS.load(options.group_by)(job)}
    rank = {name: number for number, name in enumerate(dict.fromkeys(group_of.values()))}
    grouped = [item._replace(group=group_of[item.path]) for item in order if item.path in group_of]
    return sorted(grouped, key=lambda item: (not item.keep, rank[item.group]))


def _show(options: SortOptions, order: list[Placed], pairs: list[tuple[str, str]]) -> None:
    """Write the contact sheet and the page of the faces, where they are now."""
    new_of = dict(pairs)
    shown = []
    for item in order:
        old = item.path.relative_to(options.input_dir).as_posix()
        where = old if options.dry_run else new_of[old]
        shown.append((item._replace(path=place(options.input_dir, where)), new_of[old]))
    title = f"{options.input_dir.name} by {options.by}"
    if options.contact_sheet:
        write_sheet(options.contact_sheet, shown, title)
    if options.page:
        write_page(options.page, shown, title)


def _summarize(
    report: Report,
    options: SortOptions,
    order: list[Placed],
    pairs: list[tuple[str, str]],
    skipped: list[str],
) -> Report:
    kept = sum(item.keep for item in order)
    report.counts = {"faces sorted": kept}
    if kept < len(order):
        report.counts["faces moved to the trash"] = len(order) - kept
    if options.group_by != UNGROUPED:
        report.counts["groups"] = len({item.group for item in order if item.keep})
    report.counts["other files left alone"] = len(skipped)
    report.notes["left alone"] = skipped
    if options.dry_run:
        report.notes["nothing was renamed; it would be"] = [f"{a} -> {b}" for a, b in pairs]
    return report
