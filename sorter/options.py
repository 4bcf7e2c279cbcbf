"""Options of `sort`; imports nothing heavy."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sorter import GROUPINGS, METHODS
from utils.options import opt
from utils.stage_options import SideOptions

UNGROUPED = "none"


@dataclass(frozen=True, kw_only=True)
class SortOptions(SideOptions):
    """What to sort, and by what."""

    input_dir: Path = opt(
        help="folder of faces; they are renamed 00000.png, 00001.png, ...",
        kind="faces",
        place="data_{side}/aligned",
    )
    by: str = opt(
        METHODS.names[0],
        help="sort method; see main.py help sorting",
        choices=METHODS.about,
        ask=True,
    )
    target: int | None = opt(
        None, help="number of faces that `final` keeps; none: 1500 to 1700 of a large set", low=1
    )
    group_by: str = opt(
        UNGROUPED,
        help="sort into a subfolder per group; the next sort takes the faces out again",
        choices=(UNGROUPED, *GROUPINGS),
    )
    dry_run: bool = opt(False, help="rename nothing, only report what would be done")
    undo: bool = opt(False, help="undo the last sort, including what went to the trash")
    contact_sheet: Path | None = opt(
        None, help="write an image (.jpg or .png) of the sorted faces with their numbers"
    )
    page: Path | None = opt(
        None, help="write an .html page of the sorted faces with names, keys and groups"
    )

    @classmethod
    def asks_nothing(cls, given: Mapping[str, Any]) -> bool:
        """Whether there is nothing to ask: undoing does not sort."""
        return bool(given.get("undo"))


@dataclass(frozen=True, kw_only=True)
class RecoverNamesOptions(SideOptions):
    """Options of `util recover-names`."""

    input_dir: Path = opt(
        help="folder of faces; sort --undo reverts the renaming",
        kind="faces",
        place="data_{side}/aligned",
    )


@dataclass(frozen=True, kw_only=True)
class ListFacesOptions(SideOptions):
    """Options of `util list-faces`."""

    input_dir: Path = opt(help="folder of faces", kind="faces", place="data_{side}/aligned")
    by: str | None = opt(
        None, help="order of a sort method (default: by name)", choices=METHODS.about
    )
    people: bool = opt(
        False, help="recognize the people; else only what sort --by identity measured is used"
    )
    output: Path | None = opt(
        None, help="JSON file to write (default: faces.json in the folder .sort of the faces)"
    )


@dataclass(frozen=True, kw_only=True)
class DeleteFacesOptions(SideOptions):
    """Options of `util delete-faces`."""

    input_dir: Path = opt(help="folder of faces", kind="faces", place="data_{side}/aligned")
    names: tuple[str, ...] = opt((), help="file names; of a group's faces group/name")
    names_from: str | None = opt(None, help="file with a name on each line; - for standard input")


@dataclass(frozen=True, kw_only=True)
class RestoreFacesOptions(SideOptions):
    """Options of `util restore-faces`."""

    input_dir: Path = opt(help="folder of faces", kind="faces", place="data_{side}/aligned")
