"""The `sort` stage: orders the faces of a folder and renames them so that the order shows.

Sorted faces are called `00000.png`, `00001.png`, ... whatever they were called before. `--undo`
reverts the last sort, and because each face's metadata names its frame, `--by origname` restores
the names that extract gave. Other files keep their names, and no face takes a name in use.
"""

from collections.abc import Sequence
from pathlib import Path

from facelib.faceset import FaceFiles, Faceset
from sorter import METHODS
from sorter.checks import check, folder_of
from sorter.contact_sheet import write_sheet
from sorter.exclusive import exclusive
from sorter.html_page import show_page, write_page
from sorter.job import Placed, SortJob
from sorter.naming import new_places
from sorter.options import UNGROUPED, RecoverNamesOptions, SortOptions
from sorter.places import place
from sorter.rename import (
    finish_interrupted,
    groups,
    rename_all,
    state_dir,
    undo,
)
from utils import console, processes
from utils.console import Report
from utils.errors import InputError
from utils.files import natural_key

MANY = 1_000
"""Faces of which a page takes more than a second."""


def run(options: SortOptions) -> Report:
    """Sort a folder of faces, or undo the last sort.

    Raises
    ------
    InputError
        If the folder is missing or holds no face.
    UserError
        If a file cannot be moved.
    """
    check(options)
    folder = folder_of(options)
    with exclusive(folder):
        finished = finish_interrupted(folder)
        if finished:
            console.say(f"completed an earlier {finished} that was interrupted")
        if options.undo:
            return Report() if finished == "undo" else _undo(folder)
        with processes.kept():
            return _sort(folder, options)


def recover_names(options: RecoverNamesOptions) -> Report:
    """Restore the names that extract gave to all faces."""
    return run(SortOptions(input_dir=options.input_dir, by="origname"))


def _sort(folder: Path, options: SortOptions) -> Report:
    faces, skipped = open_faces(folder)
    job = SortJob(faces, store=state_dir(folder), target=options.target)
    group_by = None if options.group_by == UNGROUPED else options.group_by
    order = arrange(job, options.by, group_by)
    infos = dict(faces) if options.by == "origname" else None
    moves = new_places(folder, order, infos, grouped=group_by is not None)
    if not options.dry_run:
        rename_all(folder, moves)
    job.report.made = [] if options.dry_run else [folder]
    shown = _shown(folder, order, moves, moved=not options.dry_run)
    _write_views(options, shown, f"{folder.name} by {options.by}", job.report)
    _count(job.report, order, grouped=group_by is not None)
    job.report.counts["other files left alone"] = len(skipped)
    job.report.notes["left alone"] = skipped
    if options.dry_run:
        job.report.notes["nothing was renamed; it would be"] = [f"{a} -> {b}" for a, b in moves]
        job.report.next_without = ("--dry-run",)
    return job.report


def _write_views(
    options: SortOptions, shown: Sequence[tuple[Placed, str]], title: str, report: Report
) -> None:
    """Write contact sheet and page; a full disk is a failure of them, not of the sort."""
    done = "nothing was renamed" if options.dry_run else "the sort itself is done"
    for path, write in ((options.contact_sheet, write_sheet), (options.page, write_page)):
        if path is None:
            continue
        try:
            if len(shown) > MANY:
                console.announce(f'writing "{path}"')
            write(path, shown, title)
        except OSError as problem:
            report.failures.append(f'cannot write "{path}": {problem.strerror}; {done}')
            continue
        report.made.append(path)
        if path == options.page:
            show_page(path)


def _undo(folder: Path) -> Report:
    restored, gone = undo(folder)
    return Report({"faces put back": restored, **({"gone since": gone} if gone else {})})


def open_faces(folder: Path) -> tuple[FaceFiles, list[str]]:
    """Open a folder of faces and the groups of its last sort.

    Returns
    -------
    faces : sequence of (Path, FaceInfo)
        In natural order of the file names.
    skipped : list of str
        A sentence for each other file.
    """
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


def arrange(job: SortJob, by: str, group_by: str | None) -> list[Placed]:
    """Return the faces in order; with `group_by`, one group after the other."""
    order: list[Placed] = METHODS.load(by)(job)
    if group_by in (None, by):
        return order
    group_of = {item.path: item.group for item in METHODS.load(group_by)(job)}
    rank = {name: number for number, name in enumerate(dict.fromkeys(group_of.values()))}
    grouped = [item._replace(group=group_of[item.path]) for item in order if item.path in group_of]
    return sorted(grouped, key=lambda item: (not item.keep, rank[item.group]))


def _shown(
    folder: Path, order: list[Placed], moves: list[tuple[str, str]], *, moved: bool
) -> list[tuple[Placed, str]]:
    """Return each face, its path being where it is now, and its new name."""
    new_of = dict(moves)
    shown = []
    for item in order:
        old = item.path.relative_to(folder).as_posix()
        where = new_of[old] if moved else old
        shown.append((item._replace(path=place(folder, where)), new_of[old]))
    return shown


def _count(report: Report, order: list[Placed], *, grouped: bool) -> None:
    kept = sum(item.keep for item in order)
    report.counts = {"faces sorted": kept}
    if kept < len(order):
        report.counts["faces moved to the trash"] = len(order) - kept
    if grouped:
        report.counts["groups"] = len({item.group for item in order if item.keep})
