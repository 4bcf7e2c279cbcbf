"""What is found while a video is decoded, in sentences: damage, restarts, changes of size."""

from fractions import Fraction

from utils.video.av_types import VideoFrame

SLACK = Fraction(1, 4)
"""Seconds that may be missing before the announced end without reporting truncation."""


class Damage:
    """Damage found while a video is decoded, and restarts of its clock."""

    def __init__(self) -> None:
        self.restarts: list[Fraction] = []
        self.lost = 0
        self.broken = False
        self.reached = Fraction(0)
        self.announced: Fraction | None = None

    def sentences(self, name: str) -> list[str]:
        """Return one sentence per kind of damage."""
        found = []
        if self.lost:
            found.append(f'"{name}" is damaged: about {self.lost} frame(s) could not be decoded')
        end = self.reached if self.announced is None else self.announced
        if self.broken or end - self.reached > SLACK:
            of = f" of {float(end):.1f}" if end > self.reached else ""
            found.append(f'"{name}" is cut off after {float(self.reached):.1f}{of} seconds')
        return found

    def restart_sentences(self, name: str, origin: Fraction) -> list[str]:
        """Return one sentence if the clock restarts."""
        if not self.restarts:
            return []
        first, others = float(self.restarts[0] - origin), len(self.restarts) - 1
        more = f" and {others} more time(s)" if others else ""
        return [f'the clock of "{name}" restarts after {first:.1f} s{more}; time goes on evenly']


class FrameSizes:
    """The sizes of the frames of a recording, as stored, and where each occurs first."""

    def __init__(self) -> None:
        self._first: dict[tuple[int, int], int] = {}

    def see(self, av_frame: VideoFrame, index: int) -> None:
        """Take notice of a frame."""
        self._first.setdefault((av_frame.width, av_frame.height), index)

    def sentences(self, name: str) -> list[str]:
        """Return one sentence for each size after the first one."""
        shapes = ["{} x {}".format(*shape) for shape in self._first]
        return [
            f'"{name}" changes from {shapes[0]} to {shape} at frame {index}; frames of that size '
            f"were scaled to {shapes[0]}"
            for shape, index in zip(shapes[1:], list(self._first.values())[1:], strict=True)
        ]
