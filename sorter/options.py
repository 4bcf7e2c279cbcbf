"""Options of `sort`; imports nothing heavy."""

from dataclasses import dataclass
from pathlib import Path

from sorter import GROUPINGS, METHODS
from utils.options import StageOptions, opt

UNGROUPED = "none"


@dataclass(frozen=True, kw_only=True)
class SortOptions(StageOptions):
    """What to sort and by what."""

    input_dir: Path = opt(help="folder of faces; they are renamed 00000.png, 00001.png, ...")
    by: str = opt(
        METHODS.names[0],
        help="; ".join(f"{name}: {entry.help}" for name, entry in METHODS.items()),
        choices=METHODS.names,
        ask=True,
    )
    target: int | None = opt(
        None, help="how many faces `final` keeps; by default 1500 to 1700 of a large set", low=1
    )
    group_by: str = opt(
        UNGROUPED,
        help="put groups into sub-folders, sorted in each; another sort takes them out again",
        choices=(UNGROUPED, *GROUPINGS),
    )
    dry_run: bool = opt(False, help="rename nothing, only say what would be done")
    undo: bool = opt(False, help="put back what the last sort did, the trash included")
    contact_sheet: Path | None = opt(
        None, help="write a picture (.jpg or .png) of the sorted faces with their numbers"
    )
    page: Path | None = opt(
        None, help="write a page (.html) of the sorted faces with numbers, keys and groups"
    )


@dataclass(frozen=True, kw_only=True)
class RecoverNamesOptions(StageOptions):
    """Whose names are recovered."""

    input_dir: Path = opt(help="folder of faces; sort --undo takes the renaming back")
