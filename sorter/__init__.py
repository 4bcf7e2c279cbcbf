"""The sort methods, by name.

A method is a function `order(faces, report) -> list of (path, key)`: it takes the faces in natural
order of their file names and returns them in the new order, each with the number (or words) it was
placed by. A face whose picture cannot be read is left out and named in `report.failures`.
Equal keys keep the order they came in.
"""

from utils.registry import Registry

METHODS = Registry(
    "sort method",
    {
        "hist": ("sorter.similarity:hist", "similar colours beside one another"),
        "blur": ("sorter.keys:blur", "sharpest first"),
        "face-yaw": (
            "sorter.keys:face_yaw",
            "from one profile to the other",
        ),
        "origname": (
            "sorter.keys:origname",
            "by frame, original names restored: undoes a sort",
        ),
    },
)
