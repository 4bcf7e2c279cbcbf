"""The sort methods, by name.

A method is a function `order(job: Job) -> list of Placed` (see `sorter.job`): it takes the faces in
natural order of their file names and returns them in the new order, each with the number (or words)
it was placed by, and if it can with the name of its group. A face that cannot be measured is left
out and named in the job's report. Equal keys keep the order they came in.
"""

from utils.registry import Registry

METHODS = Registry(
    "sort method",
    {
        "hist": ("sorter.similarity:hist", "similar colors beside one another"),
        "hist-dissim": ("sorter.similarity:hist_dissim", "most unusual light first"),
        "hist-blur": (
            "sorter.similarity:hist_blur",
            "groups of similar colors, sharpest first in each",
        ),
        "blur": ("sorter.keys:blur", "sharpest first"),
        "focus": ("sorter.keys:focus", "sharpest first, whatever contrast and outline"),
        "motion-blur": ("sorter.keys:motion_blur", "smeared by movement last"),
        "face": ("sorter.similarity:face", "similar landmarks beside one another"),
        "face-dissim": ("sorter.similarity:face_dissim", "most unusual landmarks first"),
        "face-yaw": ("sorter.keys:face_yaw", "from one profile to the other"),
        "face-pitch": ("sorter.keys:face_pitch", "from looking down to looking up"),
        "brightness": ("sorter.keys:brightness", "brightest first"),
        "hue": ("sorter.keys:hue", "by mean hue, around the circle"),
        "black": ("sorter.keys:black", "most black pixels last"),
        "origname": (
            "sorter.keys:origname",
            "by frame, original names restored",
        ),
        "oneface": ("sorter.keys:oneface", "frames with more than one face last"),
        "source-size": ("sorter.keys:source_size", "largest in the frame first"),
        "identity": (
            "sorter.identity:identity",
            "person by person, the most frequent first, strangers last",
        ),
        "final": (
            "sorter.final:final",
            "even over yaw and pitch, sharpest and most different kept, the rest to the trash",
        ),
    },
)

GROUPINGS = ("identity", "hist", "face", "face-yaw", "face-pitch", "oneface", "final")
"""The methods whose groups can become sub-folders."""
