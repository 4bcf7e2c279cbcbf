"""A converted video, made in parts so that a run that was stopped or killed can be continued.

Each part is a whole file in the folder `<video>_parts` beside the result; a kill costs at most the
part it was at. At the end they are joined without encoding anew, with the source's sound.
"""

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from converters.output.base import Output, OutputRequest, mask_frame
from converters.output.journal import JOURNAL
from converters.pipeline import Converted
from utils.errors import InputError, UserError
from utils.files import Manifest, remove_leftovers
from utils.provenance import mark
from utils.provenance.sidecar import sign_video
from utils.video.audio import Sound
from utils.video.codecs import CONTAINERS
from utils.video.concat import Part, join
from utils.video.container import time_base_of
from utils.video.frame import Span
from utils.video.options import encoder_for
from utils.video.sink import VideoSink
from utils.video.timecode import exact_rate

PART_FRAMES = 250
"""As far as x264 and x265 put key frames apart anyway, so that parts cost nothing."""
PART_SECONDS = 60
"""After so long a part ends even if it is short: it is what a kill can cost."""
END = "*"  # no name of a part
CODING = ("codec", "crf", "preset", "bit_depth", "from_", "to", "rate")
"""Options besides the look without which parts do not fit together."""


@dataclass
class PartRecord:
    """What is known of a part.

    Attributes
    ----------
    time, end : when its first frame is shown, and until when its last, in seconds of the source
    last : number of its last frame
    frames, faces, failures : what was done
    """

    time: Fraction
    end: Fraction = Fraction(0)
    last: int = -1
    frames: int = 0
    faces: int = 0
    failures: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, facts: dict[str, Any]) -> "PartRecord":
        """Return the record of a line in the journal."""
        time, end = (Fraction(facts[name]) for name in ("time", "end"))
        return cls(time, end, *(facts[name] for name in ("last", "frames", "faces", "failures")))

    def facts(self) -> dict[str, Any]:
        """Return what goes into a line of the journal."""
        return asdict(self) | {"time": str(self.time), "end": str(self.end)}


class VideoOutput(Output):
    """A video, marked and signed, and another one of its masks if wanted.

    Its header has all looks in it, so it needs no stamp.
    """

    def __init__(self, order: OutputRequest) -> None:
        super().__init__()
        options, source = order.options, order.source
        self._marker = order.marker
        self.span = self._whole = order.span
        self._source = source
        self._rate = source.rate or exact_rate(options.rate)
        self._coding = encoder_for(options, source.video_format, self.notes)
        source.wants_16_bit = self._coding.high_bit_depth
        self._videos = {"": options.output_dir}
        if options.mask_output:
            self._videos["_mask"] = options.mask_output
        self._folder = options.output_dir.with_name(options.output_dir.name + "_parts")
        values = {name: getattr(options, name) for name in CODING}
        masks = bool(options.mask_output)
        header = order.header | {"coding": values, "masks": masks, "bytes": _size(source.path)}
        self._manifest = self._continue_or_begin(header, options.overwrite)
        self._records = dict(self._finished_parts())
        self._go_on()
        self._sinks: list[VideoSink] = []
        self._intact = True

    def _continue_or_begin(self, header: dict[str, object], overwrite: bool) -> Manifest:
        manifest = Manifest(self._folder / JOURNAL, header)
        remove_leftovers(self._folder)
        if not manifest.continues and self._folder.exists() and any(self._folder.iterdir()):
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
            self._clear()
            manifest = Manifest(self._folder / JOURNAL, header)
        return manifest

    def _finished_parts(self) -> Iterator[tuple[str, PartRecord]]:
        """Yield the parts up to the first that is missing."""
        for name, facts in self._manifest.done.items():
            if name == END:
                continue
            if not all(self._file(name, video).exists() for video in self._videos):
                self._manifest.done.pop(END, None)
                return
            yield name, PartRecord.of(facts)

    def _go_on(self) -> None:
        """Find out what earlier runs have left to do."""
        records = list(self._records.values())
        self.finished = sum(record.frames for record in records)
        self.faces = sum(record.faces for record in records)
        self.failures = [text for record in records for text in record.failures]
        if END in self._manifest:
            self.span = Span(last=-1)
        elif records:
            self.span = replace(self.span, first=records[-1].last + 1)

    def _file(self, name: str, video: str) -> Path:
        return self._folder / f"{name}{video}.{self._coding.kind.containers[0]}"

    def __contains__(self, name: str) -> bool:
        return False  # what is finished does not lie in the span

    def _clear(self) -> None:
        """Remove the folder, its journal last: parts without it would be nobody's."""
        for path in sorted(self._folder.iterdir(), key=lambda path: path.name == JOURNAL):
            path.unlink()
        self._folder.rmdir()

    def __enter__(self) -> Self:
        self._manifest.__enter__()
        return self

    def add(self, done: Converted) -> None:
        """Take the next frame; one of another size than the rest is a failure of that frame."""
        self._intact = False  # until all videos have it: Ctrl-C may come in between
        frame = done.frame
        shown = frame.index / self._rate if frame.time is None else frame.time
        if not self._sinks:
            self._begin(f"{frame.index:06d}", shown)
        moved = replace(done, frame=replace(frame, time=shown - self._record.time))
        try:
            self._sinks[0].write(moved.frame)
            for sink in self._sinks[1:]:
                sink.write(mask_frame(moved))
        except InputError as problem:
            done.failures.append(str(problem))
        else:
            self._note(done, shown)
        self._intact = True
        long_ago = time.monotonic() - self._started > PART_SECONDS
        if self._record.frames >= PART_FRAMES or (long_ago and self._record.frames):
            self._end()

    def _begin(self, name: str, shown: Fraction) -> None:
        self._name, self._record, self._started = name, PartRecord(shown), time.monotonic()
        for video in self._videos:
            path = self._file(name, video)
            encoder, rate = self._coding, self._rate
            sink = VideoSink(path, self._source, encoder=encoder, rate=rate)
            self._sinks.append(sink.__enter__())

    def _note(self, done: Converted, shown: Fraction) -> None:
        record = self._record
        record.frames += 1
        record.faces += done.faces
        record.failures += done.failures
        record.last = done.frame.index
        record.end = shown + (done.frame.duration or 1 / self._rate)

    def _end(self) -> None:
        """Make the part whole and record it."""
        while self._sinks:
            self._sinks.pop().__exit__(None, None, None)
        self._manifest.add(self._name, **self._record.facts())
        self._records[self._name] = self._record

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
        if error is None or not self._records:
            with suppress(OSError):  # what is in use elsewhere stays
                self._clear()

    def _keep(self, error: BaseException) -> None:
        """After an error, make a part of the frames that were written before it."""
        if self._sinks and self._intact and self._record.frames:
            with suppress(UserError):  # such as a full disk; the first error is what matters
                self._end()
        while self._sinks:
            self._sinks.pop().__exit__(type(error), error, None)

    def _finish(self) -> None:
        """Join the parts, with the sound."""
        if self._sinks:
            self._end()
        if not self._records:
            raise InputError(f'"{self._videos[""]}" was not written: there was no frame to write')
        self._manifest.add(END)
        records = list(self._records.values())
        first = Fraction(0) if self._whole.first is None else records[0].time
        last = None if self._whole.last is None else records[-1].end
        sound = Sound.of(self._source, first, last)
        for video, path in self._videos.items():
            parts = [
                Part(self._file(name, video), record.time - first)
                for name, record in self._records.items()
            ]
            whole = self._folder / f"whole{video}{path.suffix}"
            tags = mark.video_tags() if self._marker and not video else {}
            self.notes += join(
                parts, whole, CONTAINERS[path.suffix.lower()],
                time_base=time_base_of(self._source, self._rate),
                tags=tags, sound=None if video else sound,
            )  # fmt: skip
            path.parent.mkdir(parents=True, exist_ok=True)
            if not video:
                self.notes += sign_video(whole, path, self._marker)
            whole.replace(path)


def _size(path: Path) -> int:
    """Bytes of a video; of a folder nothing, because frames may be added to it."""
    return path.stat().st_size if path.is_file() else 0
