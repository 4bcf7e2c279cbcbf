"""The sort methods, by name.

A method is a function `order(job: SortJob) -> list[Placed]` (see `sorter.job`): it takes the faces
in natural order of their file names and returns them in the new order, each with its key and, where
the method forms groups, the name of its group. A face that cannot be measured is left out and named
in the job's report. Equal keys keep their order.
"""

from utils.registry import Registry

METHODS = Registry(
    "sort method",
    {
        "hist": ("sorter.similarity:hist", "similar colors next to each other"),
        "hist-dissim": ("sorter.similarity:hist_dissim", "most unusual gray histogram first"),
        "hist-blur": (
            "sorter.similarity:hist_blur",
            "groups of similar colors, sharpest first within each",
        ),
        "blur": ("sorter.keys:blur", "sharpest first"),
        "focus": ("sorter.keys:focus", "sharpest first, independent of contrast and outline"),
        "motion-blur": ("sorter.keys:motion_blur", "motion-blurred last"),
        "face": ("sorter.similarity:face", "similar landmarks next to each other"),
        "face-dissim": ("sorter.similarity:face_dissim", "most unusual landmarks first"),
        "face-yaw": ("sorter.keys:face_yaw", "from one profile to the other"),
        "face-pitch": ("sorter.keys:face_pitch", "from looking down to looking up"),
        "brightness": ("sorter.keys:brightness", "brightest first"),
        "hue": ("sorter.keys:hue", "by mean hue, around the color circle"),
        "black": ("sorter.keys:black", "most black pixels last"),
        "origname": ("sorter.keys:origname", "by frame; restores the original names"),
        "oneface": ("sorter.keys:oneface", "frames with more than one face last"),
        "source-size": ("sorter.keys:source_size", "largest in the frame first"),
        "identity": (
            "sorter.identity:identity",
            "by person, most frequent first, people seen once last",
        ),
        "final": (
            "sorter.final:final",
            "a training set, even over yaw and pitch, sharp and varied; the rest goes to the trash",
        ),
    },
)

GROUPINGS = ("identity", "hist", "face", "face-yaw", "face-pitch", "oneface", "final")
"""The methods whose groups can become subfolders."""
