"""The footage of a run and the faces found in it, each opened once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import blake2b
from pathlib import Path

from converters.blending.motion import Motions, find_motions
from facelib.faceset import FaceInfo, Faceset
from facelib.footage_match import VIDEO_FRAME, find_mismatch
from facelib.frame_scale import fit_to_frames
from utils import console
from utils.errors import InputError
from utils.shares import Share
from utils.video.frame import WHOLE, Frame, Span
from utils.video.io import open_source
from utils.video.ranges import numbers_in, part_of
from utils.video.source import FrameSource, span_between


@dataclass(frozen=True, eq=False)
class Footage:
    """A folder of frames or a video, opened, and the part of it to convert, by index.

    Attributes
    ----------
    source : FrameSource
        The frames.
    span : Span
        Those to convert here.
    whole : Span
        Those that all machines convert which share the work.
    """

    source: FrameSource
    span: Span = WHOLE
    whole: Span = WHOLE

    @classmethod
    def open(cls, path: Path, first: str | None = None, last: str | None = None) -> "Footage":
        """Open footage; `first` and `last` are written as for --from and --to.

        Raises
        ------
        InputError
            If there is no readable footage.
        UsageError
            If the span is malformed or empty, or in seconds although the footage is a folder.
        """
        source = open_source(path, square_pixels=True)
        span = source.located(span_between(first, last))
        return cls(source, span, span)

    @property
    def numbers(self) -> range:
        """The numbers of all frames that are converted, here or elsewhere."""
        return numbers_in(self.source, self.whole)

    def part(self, share: Share) -> "Footage":
        """Return the same footage, of which a share is to be converted."""
        return replace(self, span=part_of(self.numbers, share, self.whole))

    @property
    def name(self) -> str:
        """The name of the folder or file."""
        return self.source.path.name

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {path.name: index for index, path in enumerate(self.source.files)}

    def number_of(self, name: str) -> int | None:
        """Return the number of the frame of that name, None if it cannot be in this footage."""
        if not self.source.is_video:
            return self._numbers.get(name)
        stem = Path(name).stem
        return int(stem) if VIDEO_FRAME.fullmatch(stem) else None


@dataclass(frozen=True, eq=False)
class FacesByFrame:
    """The faces found in the footage.

    Attributes
    ----------
    by_frame : mapping of str to list of FaceInfo
        The faces of each frame that has any, by the stem of the frame's name.
    fingerprint : str
        Changes when a face is added, removed or aligned differently.
    skipped : sequence of str
        One sentence for each image in the folder that is not a readable face.
    copies : sequence of str
        One sentence for each face that is there twice.
    """

    by_frame: Mapping[str, list[FaceInfo]]
    fingerprint: str
    skipped: Sequence[str] = ()
    copies: Sequence[str] = ()

    @classmethod
    def open(cls, folder: Path, footage: Footage, *, check: bool = True) -> "FacesByFrame":
        """Read the faces of a folder, scaled to the size that the footage has now.

        Parameters
        ----------
        folder : Path
            Where `extract` put the faces.
        footage : Footage
            The frames.
        check : bool
            Whether a few faces are compared with their frames.

        Raises
        ------
        InputError
            If there are no faces, or they are from other footage.
        """
        found, copies = Faceset.open(folder).without_copies()
        faceset = fit_to_frames(found, footage.source)
        faces = cls(faceset.by_frame(), _fingerprint(faceset), faceset.skipped, copies)
        faces._check_frames(folder, footage)
        problem = find_mismatch(found, footage.source) if check else None
        if problem:
            raise InputError(
                f'the faces in "{folder}" do not fit "{footage.source.path}": {problem}; extract '
                "faces from this footage, or convert the footage that they were extracted from "
                "(--no-check-faces uses them as they are)"
            )
        sources = sorted({info.source for _, info in faceset})
        if footage.name not in sources:
            console.warn(
                f'the faces were found in "{sources[0]}", the footage is "{footage.name}"; '
                "if that is not the same footage, they will be put in the wrong places"
            )
        return faces

    def of(self, frame: Frame) -> list[FaceInfo]:
        """Return the faces of a frame."""
        return self.by_frame.get(Path(frame.name).stem, [])

    def motions(self) -> Motions:
        """Return how far each face moves from frame to frame."""
        return find_motions(info for infos in self.by_frame.values() for info in infos)

    def _check_frames(self, folder: Path, footage: Footage) -> None:
        if footage.source.is_video:
            example = "000000"
            fits = any(VIDEO_FRAME.fullmatch(name) for name in self.by_frame)
        else:
            stems = [path.stem for path in footage.source.files]
            example, fits = stems[0], not self.by_frame.keys().isdisjoint(stems)
        if not fits:
            raise InputError(
                f'no face in "{folder}" belongs to a frame of "{footage.source.path}": '
                f'the faces are from frames with names such as "{next(iter(self.by_frame))}", the '
                f'footage has names such as "{example}"; use the faces that extract found in this '
                "footage"
            )


def _fingerprint(faceset: Faceset) -> str:
    digest = blake2b(digest_size=8)
    for _, info in faceset:
        digest.update(f"{info.source_name}\0{info.face_index}\0".encode("utf-8", "surrogatepass"))
        digest.update(info.source_landmarks.tobytes())
    return digest.hexdigest()
