"""A converted video, made in parts so that a run that was stopped or killed can be continued.

Each part is a complete file in the folder `<video>_parts` beside the result; a kill costs at most
the part being written. In the end the parts are joined, without encoding them again, and get the
source's sound.
"""

import re
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from converters.footage import Footage
from converters.output.base import Output
from converters.output.journal import JOURNAL, RunIdentity
from converters.output.naming import END, is_named, parts_dir, record_name
from converters.output.parts import PartRecord, PartWriter
from converters.output.request import OutputRequest
from converters.pipeline import Converted
from utils import console
from utils.errors import InputError, UserError
from utils.files import Manifest, remove_leftovers
from utils.provenance import mark
from utils.provenance.sidecar import sign_video
from utils.video.audio import Sound, sound_notes
from utils.video.codecs import CONTAINERS
from utils.video.concat import Part, join
from utils.video.container import time_base_of
from utils.video.frame import Span

PART_FRAMES = 250
"""About as far as x264 and x265 put key frames apart anyway, so that parts cost nothing."""
PART_SECONDS = 60
"""After so much time a part ends even if it is short: it is what a kill can cost."""
AFTER = "after"
"""In the journal: the part before one, so that it shows when a line is lost."""
PART = re.compile(r"[0-9]{6,12}(_mask)?\.\w+")


class VideoOutput(Output):
    """A video, marked and signed, and another one of its masks if wanted.

    Attributes
    ----------
    records : dict of str to PartRecord
        Its finished parts, in order, by name.
    """

    def __init__(self, request: OutputRequest, footage: Footage, identity: RunIdentity) -> None:
        super().__init__(request, footage)
        self._source, self._whole, self._is_part = footage.source, footage.span, request.is_part
        self._marker, self._encoder, self._rate = request.marker, request.encoder, request.rate
        self._videos = {"": request.path}
        if request.mask_path:
            self._videos["_mask"] = request.mask_path
        self._folder = parts_dir(request.path)
        gaps = footage.source.gap_notes(footage.whole)
        self.notes += [] if request.is_part else gaps
        self._manifest = self._open_journal(
            identity.header
            | ({"gaps": "held"} if gaps else {})  # earlier versions closed them
            | {
                "coding": dict(request.encoding),
                "masks": request.mask_path is not None,
                "bytes": _size(footage.source.path),
            },
            request.overwrite,
        )
        self._named = all(is_named(self._manifest, path) for path in request.paths)
        self.records = dict(self._finished_parts())
        self._skip_finished()
        self._part: PartWriter | None = None

    def _open_journal(self, header: dict[str, object], overwrite: bool) -> Manifest:
        manifest = Manifest(self._folder / JOURNAL, header, _check)
        remove_leftovers(self._folder)
        if not manifest.continues and self._shown():
            if not manifest.path.exists():
                raise InputError(
                    f'"{self._folder}" is where the parts of the video belong, and holds something '
                    "else; use another --output-dir"
                )
            if not overwrite:
                raise InputError(
                    f'"{self._folder}" holds the unfinished video of another run, with other '
                    "settings, faces or weights; use --overwrite or another --output-dir"
                )
            self.clear()
            manifest = Manifest(self._folder / JOURNAL, header, _check)
        return manifest

    def _shown(self) -> list[Path]:
        """Return what is in the folder of the parts, except hidden files of the user."""
        found = self._folder.iterdir() if self._folder.is_dir() else ()
        return [path for path in found if path.name == JOURNAL or not path.name.startswith(".")]

    def _finished_parts(self) -> Iterator[tuple[str, PartRecord]]:
        """Yield the parts up to the first one that is missing, or whose record is."""
        done, last = self._manifest.done, ""
        for name in sorted(done.keys() - {END}, key=int):
            # it was made again differently, or the line before it is lost; earlier versions did
            # not write which part that is
            if done[name].get(AFTER, last) != last:
                continue
            if not self._named and not all(path.exists() for path in self.files(name)):
                done.pop(END, None)
                return
            yield name, PartRecord.of(done[name])
            last = name
        if done.get(END, {}).get(AFTER, last) != last:
            done.pop(END)

    def _skip_finished(self) -> None:
        """Count what earlier runs have done, and begin after it."""
        records = list(self.records.values())
        self.finished = sum(record.frames for record in records)
        self.faces = sum(record.faces for record in records)
        self.failures = [text for record in records for text in record.failures]
        if END in self._manifest:
            self.span = Span(last=-1)
        elif records:
            self.span = replace(self.span, first=records[-1].last + 1)

    def files(self, name: str) -> list[Path]:
        """Return the files of a part: frames, and masks if wanted."""
        suffix = self._encoder.kind.containers[0]
        return [self._folder / f"{name}{video}.{suffix}" for video in self._videos]

    @property
    def is_complete(self) -> bool:
        """Whether all parts are there."""
        return END in self._manifest

    def __contains__(self, name: str) -> bool:
        return False  # finished frames lie outside the span

    def clear(self) -> None:
        """Remove the parts, their journal last: without it they would belong to no run.

        What else is in the folder is the user's, and stays.
        """
        suffix = self._encoder.kind.containers[0]
        earlier = re.compile(rf"\.[0-9]{{6}}(_mask)?\.[0-9a-f]{{8}}\.{suffix}")  # version 0.1.0
        found = [
            path
            for path in self._folder.iterdir()
            if path.name == JOURNAL or PART.fullmatch(path.name) or earlier.fullmatch(path.name)
        ]
        for path in sorted(found, key=lambda path: path.name == JOURNAL):
            path.unlink()
        with suppress(OSError):  # not empty
            self._folder.rmdir()

    def __enter__(self) -> Self:
        sound = Sound.of(self._source, codec=self._encoder.audio_codec)
        if sound and END not in self._manifest:  # said now, because it matters before the night
            for note in sound_notes(sound, CONTAINERS[self._videos[""].suffix.lower()]):
                console.say(note)
        self._manifest.__enter__()
        return self

    def add(self, converted: Converted) -> None:
        """Write the next frame; one of another size than the rest is a failure of that frame."""
        frame = converted.frame
        shown = frame.time
        if shown is None:
            shown = self._source.place(frame.index) / self._rate
        if self._part is None:
            self._name, self._started = f"{frame.index:06d}", time.monotonic()
            self._part = PartWriter(
                self.files(self._name), self._source, self._encoder, self._rate, shown
            )
        self._part.add(converted, shown)
        overdue = time.monotonic() - self._started > PART_SECONDS
        frames = self._part.record.frames
        if frames >= PART_FRAMES or (overdue and frames):
            self._end_part(self._part)

    def _end_part(self, part: PartWriter) -> None:
        """Complete a part and record it."""
        self._part = None  # first: what cannot be completed is discarded
        part.close()
        self.notes += [note for note in part.notes if note not in self.notes]
        facts = part.record.facts() | {AFTER: next(reversed(self.records), "")}
        self._manifest.add(self._name, **facts)
        self.records[self._name] = part.record

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                self._finish()
            else:
                self._keep(error)
        finally:
            self._manifest.__exit__(kind, error, trace)
        if (error is None and not self._is_part) or not self.records:
            with suppress(OSError):  # files in use elsewhere stay
                self.clear()

    def _keep(self, error: BaseException) -> None:
        """After an error, make a part of the frames that were written before it."""
        if self._part and self._part.consistent and self._part.record.frames:
            with suppress(UserError):  # such as a full disk; the first error is what matters
                self._end_part(self._part)
        if self._part:
            self._part.discard(error)

    def _finish(self) -> None:
        """Join the parts, with the sound; those of a share wait for the others."""
        if not self._is_part:
            console.announce("writing the end of the video")
        if self._part:
            self._end_part(self._part)
        if not self.records:
            raise InputError(f'"{self._videos[""]}" was not written: there was no frame to write')
        if END not in self._manifest:
            self._manifest.add(END, **{AFTER: next(reversed(self.records), "")})
        if not self._is_part:
            self._join_all()

    def _join_all(self) -> None:
        try:
            for number, path in enumerate(self._videos.values()):
                if not is_named(self._manifest, path):  # else an earlier run was killed after that
                    self._join(number, path)
        except UserError as problem:
            raise UserError(f'{problem}; the finished parts are in "{self._folder}"') from problem

    def _join(self, number: int, path: Path) -> None:
        """Join the frames (0) or the masks (1) of all parts to the result at `path`."""
        is_result = number == 0
        records = list(self.records.values())
        first = Fraction(0) if self._whole.first is None else records[0].time
        last = None if self._whole.last is None else records[-1].end
        parts = [
            Part(self.files(name)[number], record.time - first)
            for name, record in self.records.items()
        ]
        sound = Sound.of(self._source, first, last, self._encoder.audio_codec)

        def finish(video: Path) -> list[str]:
            notes = sign_video(video, path, self._marker) if is_result else []
            record_name(self._manifest, path, video)
            return notes

        self.notes += join(
            parts,
            path,
            CONTAINERS[path.suffix.lower()],
            time_base=time_base_of(self._source, self._rate),
            tags=mark.video_tags() if self._marker and is_result else {},
            sound=sound if is_result else None,
            finish=finish,
        )


def _check(facts: dict[str, Any]) -> None:
    """Check a line of the journal: the names of parts become those of files."""
    if facts["item"] == END:
        return
    if not re.fullmatch(r"[0-9]{6,12}", facts["item"]):
        raise ValueError(facts)
    PartRecord.of(facts)


def _size(path: Path) -> int:
    """Bytes of a video; 0 for a folder, because frames may be added to it."""
    return path.stat().st_size if path.is_file() else 0
