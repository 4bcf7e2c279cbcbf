"""`util pack` and `util unpack`: a folder of faces as one file, and back.

The file is an ordinary zip archive of the face files, stored uncompressed (PNG is compressed
already), in natural order and without folders, so any program can open it. Unpacking trusts
neither names nor sizes, and leaves out what is not a face.
"""

import zipfile
from contextlib import ExitStack
from pathlib import Path

from facelib.faceset import Faceset, extract_info
from facelib.png import MAX_FILE, check_sums
from tools.util.options import PackOptions, UnpackOptions
from utils import console
from utils.console import Report, quoted
from utils.errors import InputError
from utils.files import name_fault, naming, remove_leftovers, require_new, write_bytes, write_result
from utils.records import reading, stored_entries

SUFFIX = ".zip"
EPOCH = (1980, 1, 1, 0, 0, 0)  # the same faces always give the same file


def pack(options: PackOptions) -> Report:
    """Pack all faces of a folder; other files are reported and left out.

    Raises
    ------
    InputError
        If there is no such folder or no face in it, a face is damaged, or the file exists already.
    """
    folder = options.input_dir
    target = options.output or folder.with_name(folder.name + SUFFIX)
    require_new(target, options.overwrite)
    faces = Faceset.open(folder)
    with (
        write_result(target) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive,
    ):
        for path, _ in console.progress(faces, len(faces), "Packing", "face"):
            data = path.read_bytes()
            check_sums(data, path.name)  # find a damaged face now, not after unpacking
            archive.writestr(zipfile.ZipInfo(path.name, EPOCH), data)
    return Report({"faces packed": len(faces)}, failures=faces.skipped, made=[target])


def unpack(options: UnpackOptions) -> Report:
    """Unpack faces; existing files are left as they are.

    Raises
    ------
    InputError
        If the file is missing or was not written by `pack`.
    """
    packed = options.input
    target = options.output_dir or packed.with_suffix("")
    if target.resolve() == packed.resolve() or target.is_file():
        raise InputError(f'"{target}" is a file; choose a folder with --output-dir')
    remove_leftovers(target)
    report = Report({"faces unpacked": 0}, made=[target])
    damaged = f'"{packed}" is not a packed folder of faces, or it is damaged'
    foreign = f'"{packed}" was not written by `util pack`; unpack it with another program'
    with ExitStack() as stack:
        with reading(packed, "packed folder of faces", damaged=damaged):
            archive = stack.enter_context(zipfile.ZipFile(packed))
        with reading(packed, "packed folder of faces", damaged=foreign):
            entries = stored_entries(archive, packed)
        for entry in console.progress(entries, len(entries), "Unpacking", "face"):
            try:
                _unpack_one(archive, entry, target, report)
            except InputError as problem:
                report.failures.append(str(problem))
    return report


def _unpack_one(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, report: Report
) -> None:
    """Unpack a face, unless it is there already; InputError when it is left out."""
    name = entry.filename
    path = target / name
    if name_fault(name) or path.suffix.lower() != ".png":
        raise InputError(f"{quoted(name)} was left out: it is not the name of a face file")
    if entry.file_size > MAX_FILE:
        raise InputError(f"{quoted(name)} was left out: it is larger than a face can be")
    with naming(path):
        if path.exists():
            report.counts["faces there already"] = report.counts.get("faces there already", 0) + 1
            return
        with reading(path, "face", damaged=f"{quoted(name)} was left out: it is damaged"):
            data = archive.read(entry)
        extract_info(data, name)
        write_bytes(path, data)
    report.counts["faces unpacked"] += 1
