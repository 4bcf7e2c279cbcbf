"""Frames that a person should review, with the reasons of their faces (`facelib.review`)."""

from collections.abc import Sequence

from facelib.review import REASONS, FaceSummary, reasons_in_frame


def frames_to_review(frames: Sequence[tuple[str, Sequence[FaceSummary]]]) -> list[str]:
    """Return "name (reason, reason)" for every suspicious frame.

    Parameters
    ----------
    frames : sequence of (str, sequence of FaceSummary)
        Name and faces, largest first, of each frame in order.
    """
    doubts = reasons_to_review(frames)
    return [f"{name} ({', '.join(reasons)})" for name, reasons in doubts.items()]


def reasons_to_review(
    frames: Sequence[tuple[str, Sequence[FaceSummary]]],
) -> dict[str, list[str]]:
    """Return the names of all suspicious frames with the reasons; arguments as above."""
    doubts = {}
    faces = [(), *(found for _, found in frames), ()]
    for (name, here), before, after in zip(frames, faces, faces[2:], strict=False):
        found = {reason for face in reasons_in_frame(before, here, after) for reason in face}
        if found:
            doubts[name] = [reason for reason in REASONS if reason in found]
    return doubts
