"""What is refused before an extraction begins."""

from pathlib import Path

from extractor.options import MANUAL, EditFacesOptions, ExtractOptions, ManualMode, debug_dir
from utils import events, shares
from utils.display import available
from utils.errors import InputError, UsageError, UserError


def check(options: ExtractOptions) -> None:
    """Refuse what could only fail after the start.

    Raises
    ------
    InputError
        If the output folder is a file or holds the frames, or an image of a person is missing.
    UserError
        If faces cannot be marked manually here.
    """
    check_output_dir(options.output_dir, options.input_dir)
    shares.check(options, options.output_dir, _by_hand(options))
    for flag, paths in (("--person", options.person), ("--not-person", options.not_person)):
        for path in paths:
            if not path.is_file():
                raise InputError(f'there is no image "{path}"; check the path after {flag}')
    if options.manual_mode is not None:
        check_manual(options.manual_mode, options.output_dir, overwrite=options.overwrite)


def _by_hand(options: ExtractOptions) -> str | None:
    """Return what asks for manual extraction, if anything does."""
    if options.detector == MANUAL:
        return f"--detector {MANUAL}"
    flags = {
        "--manual-fix": options.manual_fix,
        "--manual-output-debug-fix": options.manual_output_debug_fix,
    }
    return next((flag for flag, given in flags.items() if given), None)


def check_output_dir(folder: Path, source: Path) -> None:
    """Refuse an output folder that is a file, or holds the frames of the source."""
    if folder.exists() and not folder.is_dir():
        raise InputError(f'"{folder}" is a file; --output-dir must be a folder')
    if folder == source:
        raise InputError(
            f'"{folder}" holds the frames, and faces written there would be taken for frames; '
            "choose another --output-dir"
        )


def check_manual(mode: ManualMode, folder: Path, *, overwrite: bool) -> None:
    """Raise UserError if manual extraction is impossible: no display, or no debug images.

    Parameters
    ----------
    mode : ManualMode
        Which frames are to be shown.
    folder : Path
        The output folder.
    overwrite : bool
        Whether it is emptied first.
    """
    _check_display("or use a detector such as --detector yunet")
    if mode is not ManualMode.DEBUG_DELETED:
        return
    if overwrite:
        raise UsageError(
            "--overwrite would discard the faces that --manual-output-debug-fix corrects; "
            "leave one of them out"
        )
    debug_folder = debug_dir(folder)
    if not debug_folder.is_dir():
        raise InputError(
            f'there is no folder "{debug_folder}"; extract with --debug first, then delete the '
            "debug images of the frames whose faces are wrong"
        )


def check_edit(options: EditFacesOptions) -> None:
    """Raise UserError if faces cannot be corrected here: no display, or no reader of JSON lines."""
    if not options.remote:
        _check_display("or use the page of `main.py workbench`")
    elif not events.wanted():
        raise UsageError("--remote tells everything in JSON lines; add --progress json")


def _check_display(remedy: str) -> None:
    if not available():
        raise UserError(
            "manual extraction needs a window, and there is no display to open it on; run this on "
            f"a desktop, {remedy}"
        )
