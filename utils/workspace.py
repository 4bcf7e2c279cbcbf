"""The workspace: the usual layout of a project, so that commands need no folders.

    workspace/
      data_src.mp4            footage of src, the face to put in: any video, or a folder of frames
      data_dst.mp4            footage of dst, which is changed
      data_src/aligned/       faces of src, by extract
      data_dst/aligned/       faces of dst
      model/                  by train
      mask_model/             by train --model MASK, if masks are drawn
      pretrained_model/       by train --pretrain FACES, to begin models from
      result.mp4              by convert
      evaluation.json         by evaluate

An option names its place in it, `opt(place="data_{side}/aligned")`; `fill` gives the options that
no flag has set their places. `Workspace.next_step` says what to do next.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from utils import console, program
from utils.errors import InputError, UsageError
from utils.files import VIDEO_SUFFIXES, is_image
from utils.options import Option, options_of
from utils.records import read_lines, read_record, reading
from utils.wording import targets

NAME = "workspace"
PRETRAINED = "pretrained_model"
SIDES = {"src": "the face to put in", "dst": "the footage to change"}
JOURNAL, END = ".extract.jsonl", "*"
"""The record that extract keeps with the faces, and its item for the end of a video."""
SORTED = ".sort"
"""In a folder of faces, for what was measured of them and the plans of sorts."""
SORT_PLANS = ("plan.json", "undo-*.json")
DELETIONS = "deleted-*.json"
"""In that folder: a sort that was interrupted, sorts and deletions that can be taken back."""
SETTINGS, LOG = "result.mp4_convert.json", "result.mp4_log.jsonl"
"""Written when a conversion begins; and the record of the conversions, with their models."""
ITERATION = re.compile(r"at iteration (\d+)")
OTHER_DETECTOR = "mt"
"""It finds small faces that the default one does not."""


class NextStep(NamedTuple):
    """What to do next: the words of a command, empty if there is none for it, and the purpose."""

    words: str
    purpose: str


TRAIN_ON = NextStep("train", "train on, if it is not good enough yet")


@dataclass(frozen=True)
class Workspace:
    """A folder with the usual layout.

    Attributes
    ----------
    elsewhere : dict of str to Path
        Footage of a side that lies outside of the folder, as the workbench's file picker says.
    """

    folder: Path
    elsewhere: dict[str, Path] = field(default_factory=dict, compare=False)

    def place(self, place: str, side: str | None = None) -> Path:
        """Return the path of an option's place; one that ends in `.*` is footage."""
        place = place.format(side=side)
        stem = place.removesuffix(".*")
        return self.folder / place if stem == place else self._footage(stem)

    def clip(self, side: str) -> Path:
        """Return the footage of src or dst, which may not exist yet."""
        return self._footage(f"data_{side}")

    def faces(self, side: str) -> Path:
        """Return the folder of the faces of src or dst."""
        return self.folder / f"data_{side}" / "aligned"

    @property
    def model(self) -> Path:
        """The model's folder."""
        return self.folder / "model"

    @property
    def pretrained_model(self) -> Path:
        """The folder of the model that is trained on many people, to begin others from."""
        return self.folder / PRETRAINED

    @property
    def mask_model(self) -> Path:
        """The folder of the model that masks faces."""
        return self.folder / "mask_model"

    @property
    def result(self) -> Path:
        """The converted video."""
        return self.folder / "result.mp4"

    @property
    def evaluation(self) -> Path:
        """What evaluate measured of the result."""
        return self.folder / "evaluation.json"

    def extraction_ended(self, side: str) -> bool | None:
        """Return whether the extraction of a side came to its end, None if that cannot be told.

        The journal of a video says so. A folder of frames may grow, and faces without a journal
        are those of another program or another layout: it is not known what they lack.
        """
        header, items = self._journal(side)
        return END in items if header.get("bytes") else None

    def _journal(self, side: str) -> tuple[dict[str, Any], dict[str, bool]]:
        """Return the settings of a side's extraction, and its finished frames: has it faces?"""
        journal = self.faces(side) / JOURNAL
        records = list(read_lines(journal)) if journal.is_file() else []
        header = records[0].get("header") if records else None
        items = {str(record.get("item")): bool(record.get("faces")) for record in records[1:]}
        return (header, items) if isinstance(header, dict) else ({}, {})

    def found_nothing(self, side: str) -> bool:
        """Whether the whole footage of a side was searched, and there was no face."""
        _, items = self._journal(side)
        clip = self.clip(side)
        if clip.is_dir():
            frames = {path.name for path in clip.iterdir() if is_image(path)}
            searched = bool(frames) and frames <= items.keys()
        else:
            searched = END in items
        return searched and not any(items.values()) and not has_images(self.faces(side))

    def all_deleted(self, side: str) -> bool:
        """Whether faces of a side were found, and there is none any more."""
        found = any(self._journal(side)[1].values())
        return found and not has_images(self.faces(side)) and not self.in_groups(side)

    def in_groups(self, side: str) -> bool:
        """Whether all faces of a side are in the folders of groups that a sort made."""
        folder = self.faces(side)
        if has_images(folder) or not self.is_sorted(side):
            return False
        return any(map(has_images, folder.iterdir()))

    def is_sorted(self, side: str) -> bool:
        """Whether the faces of a side were sorted; measured are they also for a look at them."""
        return any(self._keeps(side, plans) for plans in SORT_PLANS)

    def _keeps(self, side: str, pattern: str) -> bool:
        return any((self.faces(side) / SORTED).glob(pattern))

    def extraction(self, side: str) -> NextStep:
        """Return how to get the faces of a side."""
        clip = self.clip(side)
        if self.extraction_ended(side) is not False:
            if self.in_groups(side):
                return NextStep(
                    f"sort {side} --by origname",
                    f"delete the groups of other people in {side}'s faces, then take the faces "
                    "out of the others",
                )
            if self.all_deleted(side):
                return self._after_deletion(side)
        if not clip.exists():
            return NextStep("", f'copy the clip of {side}, {SIDES[side]}, to "{clip}"')
        if not self.found_nothing(side):
            return NextStep(f"extract {side}", f"find the faces of {side}, {SIDES[side]}")
        if self._journal(side)[0].get("detector") == OTHER_DETECTOR:
            return NextStep("", f'use another clip of {side}: no face was found in "{clip}"')
        return NextStep(
            f"extract {side} --detector {OTHER_DETECTOR} --overwrite",
            f"search {side} with another detector: no face was found",
        )

    def _after_deletion(self, side: str) -> NextStep:
        if self._keeps(side, DELETIONS):
            return NextStep(
                f"util restore-faces {side}",
                f"all faces of {side} were deleted: take the last deletion back, or search the "
                f"footage again with extract {side} --overwrite",
            )
        return NextStep(
            f"extract {side} --overwrite",
            f"all faces of {side} were deleted: search the footage again",
        )

    @property
    def trained(self) -> int:
        """How many iterations the newest model has; 0 if it was not trained."""
        states = self.model.glob("generations/*/state.json")
        names = [state.parent.name for state in states if state.is_file()]
        return max((int(name) for name in names if name.isdecimal()), default=0)

    def conversion(self) -> str:
        """Return the command that makes the result; empty if it is of the model as it is now."""
        begun, made = changed(self.folder / SETTINGS), changed(self.result)
        if made and self._of_this_model("finished"):
            return ""
        stale = begun and not self._of_this_model("begun")
        return "convert --overwrite" if made or stale else "convert"

    def _of_this_model(self, event: str) -> bool:
        """Whether the last conversion that was begun, or finished, had the model as it is now."""
        used = self._iterations_converted().get(event)
        if used is not None:  # also true of a copy, whose files have other times
            return used == self.trained
        times = filter(None, map(changed, (self.folder / SETTINGS, self.result)))
        return min(times) >= changed(self.model)

    def _iterations_converted(self) -> dict[str, int]:
        """Return the model's iteration at the last conversion that was begun, and finished."""
        log, found = self.folder / LOG, dict[str, int]()
        for record in read_lines(log) if log.is_file() else ():
            stated = ITERATION.search(str(record.get("model")))
            if record.get("event") == "begun" and stated:
                found["begun"] = int(stated[1])
            elif record.get("event") == "finished" and "begun" in found:
                found["finished"] = found["begun"]
        return found

    def next_step(self, *, to_target: bool = True) -> NextStep:
        """Return what to do next, judged by what is there.

        Parameters
        ----------
        to_target : bool
            Whether a training that has not reached its target goes on first.

        Raises
        ------
        UsageError
            If there are several videos of one side.
        """
        for side in SIDES:
            if not has_images(self.faces(side)) or self.extraction_ended(side) is False:
                return self.extraction(side)
        trained, made, measured = self.trained, changed(self.result), changed(self.evaluation)
        if not trained and not self.is_sorted("src"):
            return NextStep(
                "sort src --by hist", "sort src's faces, so that bad ones get next to each other"
            )
        if not trained:
            return NextStep(
                "train",
                "look through src's faces in a file manager, delete bad ones (which: "
                f'"{program.ROOT / "docs" / "images" / "faces.jpg"}"), then train on both',
            )
        if to_target and (target := target_ahead(self.model)):
            return NextStep("train", f"go on to the target of {target}")
        if words := self.conversion():
            return NextStep(
                words,
                "convert again: the model was trained further after the result"
                if made
                else "put the faces into the footage",
            )
        if measured < made:
            return NextStep("evaluate", "measure how good the result is")
        return TRAIN_ON

    def typed(self, words: str) -> str:
        """Return a command as it is to be typed here; in other folders it names the workspace."""
        if find() != self:
            words += f" --workspace {program.quoted(str(self.folder))}"
        return program.command(words)

    def _footage(self, stem: str) -> Path:
        if path := self.elsewhere.get(stem.removeprefix("data_")):
            return path
        found = sorted(self.folder.glob(f"{stem}.*"))
        videos = [path for path in found if path.suffix.lower() in VIDEO_SUFFIXES]
        if len(videos) > 1:
            names = " and ".join(path.name for path in videos)
            raise UsageError(
                f'"{self.folder}" holds {names}; move all but one of them away, or name the one to '
                "use by a flag such as --input-dir"
            )
        if not videos and has_images(self.folder / stem):
            return self.folder / stem
        return videos[0] if videos else self.folder / f"{stem}.mp4"


def find(start: Path | None = None) -> Workspace | None:
    """Return the workspace in or beside a folder (the current one), or None."""
    start = start or Path.cwd()
    if not _has_layout(start) and (start / NAME).is_dir():
        return Workspace(start / NAME)
    return next((Workspace(each) for each in (start, *start.parents) if _has_layout(each)), None)


def chosen(named: Path | None) -> Workspace:
    """Return the workspace that --workspace names, or else the one that is here.

    Raises
    ------
    InputError
        If there is none.
    """
    if named is not None and not named.is_dir():
        raise InputError(f'there is no folder "{named}"; check the path after --workspace')
    workspace = Workspace(named.absolute()) if named is not None else find()
    if workspace is None:
        raise InputError(
            "there is no workspace here: put data_src.mp4 and data_dst.mp4 into this folder or one "
            f'called "{NAME}", or name theirs with --workspace'
        )
    return workspace


def holding(path: Path) -> Workspace | None:
    """Return the workspace in which a path has its usual place, or None."""
    path = path.absolute()
    for depth in (1, 2):
        if len(path.parents) >= depth:
            workspace = Workspace(path.parents[depth - 1])
            if _has_layout(workspace.folder) and path in _places(workspace):
                return workspace
    return None


def _places(workspace: Workspace) -> Iterator[Path]:
    for side in SIDES:
        yield from workspace.folder.glob(f"data_{side}.*")
        yield from (workspace.folder / f"data_{side}.mp4", workspace.faces(side))
    yield from (workspace.model, workspace.mask_model, workspace.result, workspace.evaluation)


def fill(cls: type, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options given, and for folders that no flag names those of the workspace.

    With all that are required given, there is no workspace, and optional ones keep their default.
    Otherwise an optional place counts if it exists, or is a file, which can be made; that of a
    model, if one is saved there, which takes a while after a training has begun.

    Raises
    ------
    InputError
        If there is no folder of the name that --workspace gives.
    UsageError
        If one is missing and it is not said whose, src's or dst's; or there is no workspace.
    """
    filled = dict(given)
    missing = [o for o in options_of(cls) if o.place and o.name not in given]
    required = [option for option in missing if option.required]
    if not required:
        return filled
    side = given.get("side")
    if side is None:
        _require_no_side(required)
    workspace = _workspace_for(required, given.get("workspace"))
    for option in missing:
        path = workspace.place(str(option.place), side)
        is_model = "model" in (option.meta["kind"] or "")
        if option.required or path.suffix or (changed(path) if is_model else path.exists()):
            filled[option.name] = path
    return filled


def _require_no_side(missing: list[Option]) -> None:
    flags = [option.flag for option in missing if "{side}" in str(option.place)]
    if flags:
        raise UsageError(
            f"src or dst? Say it after the command, or name the paths: {' and '.join(flags)}"
        )


def _workspace_for(missing: list[Option], named: Path | None) -> Workspace:
    try:
        workspace = chosen(named)
    except InputError as problem:
        if named is not None:
            raise
        flags = ", ".join(option.flag for option in missing)
        raise UsageError(f"{problem}, or give {flags}") from None
    if named is None:
        console.say(f'Workspace: "{workspace.folder}"')
    return workspace


def has_images(folder: Path) -> bool:
    """Whether a folder exists and holds an image."""
    return folder.is_dir() and any(map(is_image, folder.iterdir()))


def changed(path: Path) -> float:
    """Return when a file, or the newest state in a model folder, was written; 0 if it is not."""
    states = path.glob("generations/[0-9]*/state.json") if path.is_dir() else [path]
    return max((state.stat().st_mtime for state in states if state.is_file()), default=0.0)


def target_ahead(model_dir: Path) -> str:
    """Return the target that the training of a model has not reached: "4 minutes"; or nothing."""
    saved = [path for path in model_dir.glob("generations/*") if path.name.isdecimal()]
    if not saved:
        return ""
    newest = max(saved, key=lambda path: (int(path.name), len(path.name))) / "state.json"
    with suppress(InputError), reading(newest, "training state"):
        target = read_record(newest, "training state", None).get("target")
        return " or ".join(targets(**target)) if target else ""
    return ""


def _has_layout(folder: Path) -> bool:
    return any(
        (folder / f"data_{side}").is_dir()
        or any(path.suffix.lower() in VIDEO_SUFFIXES for path in folder.glob(f"data_{side}.*"))
        for side in SIDES
    )
