"""Options of `sort`; imports nothing heavy."""

from dataclasses import dataclass
from pathlib import Path

from sorter import METHODS
from utils.options import StageOptions, opt


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
