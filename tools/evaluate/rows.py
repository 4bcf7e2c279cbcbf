"""The metrics of a clip: their names and how they are shown. Light: the workbench has them too."""

from typing import NamedTuple


class MetricRow(NamedTuple):
    """A line of the table: JSON key, label, number format, and the ideal value."""

    key: str
    label: str
    form: str
    good: str


OPTIONAL = frozenset({"occlusion_changed"})
"""Metrics of what a user may have drawn; without it they are not named."""
ROWS = (
    MetricRow("face_found", "frames with a face, share of dst's", ".0%", "100 %"),
    MetricRow("identity_to_src", "identity: distance to src (median)", ".3f", "low"),
    MetricRow("identity_to_dst", "identity: distance to dst (median)", ".3f", "high"),
    MetricRow("nearer_to_src", "identity: frames nearer to src than to dst", ".0%", "100 %"),
    MetricRow("taken_for_src", "identity: frames taken for src", ".0%", "100 %"),
    MetricRow("mouth_correlation", "mouth opening: correlation with dst", ".2f", "1"),
    MetricRow("mouth_gain", "mouth opening: movement, share of dst's", ".2f", "1"),
    MetricRow("eye_correlation", "eye opening: correlation with dst", ".2f", "1"),
    MetricRow("eye_gain", "eye opening: movement, share of dst's", ".2f", "1"),
    MetricRow("gaze_correlation", "gaze: correlation with dst", ".2f", "1"),
    MetricRow("gaze_gain", "gaze: movement, share of dst's", ".2f", "1"),
    MetricRow("pose_error", "head pose: error in degrees (median)", ".1f", "0"),
    MetricRow("pose_error_95", "head pose: error in degrees (95 %)", ".1f", "0"),
    MetricRow("landmark_error", "landmarks: error in % of eye distance", ".1f", "low"),
    MetricRow("movement_error", "landmarks: the part that changes", ".1f", "low"),
    MetricRow("sharpness", "sharpness, share of dst's", ".2f", "1"),
    MetricRow("jitter", "landmark jitter in % of eye distance", ".2f", "dst's"),
    MetricRow("jitter_excess", "  beyond dst's own", ".2f", "0"),
    MetricRow("flicker", "color change between frames, Lab units", ".2f", "dst's"),
    MetricRow("flicker_excess", "  beyond dst's own", ".2f", "0"),
    MetricRow("local_flicker", "  in parts of the face, beyond dst's own", ".2f", "0"),
    MetricRow("edge_flicker", "mask's edge: change between frames, %", ".2f", "low"),
    MetricRow("occlusion_changed", "drawn occlusions: share that was changed", ".1%", "0 %"),
)
