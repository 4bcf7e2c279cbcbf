"""Which of FaceMesh's 478 points make the 68 landmarks (iBUG order, image-left first)."""

# fmt: off
_JAW_RIGHT = (  # 0..7: from the ear downwards, on the image's left
    (127, 127, 0.0), (234, 93, 0.24), (93, 132, 0.44), (132, 58, 0.53),
    (58, 172, 0.69), (136, 150, 0.14), (150, 149, 0.76), (176, 148, 0.52),
)
_JAW_LEFT = (  # 9..16: from the chin upwards; the mirror image
    (400, 377, 0.52), (379, 378, 0.76), (365, 379, 0.14), (288, 397, 0.69),
    (361, 288, 0.53), (323, 361, 0.44), (454, 323, 0.24), (356, 356, 0.0),
)
_INNER = (
    70, 63, 105, 66, 107, 336, 296, 334, 293, 300,  # 17..26 brows
    168, 197, 5, 4, 75, 97, 2, 326, 305,  # 27..35 nose
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,  # 36..47 eyes
    61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181,  # 48..59 outer lips
    78, 82, 13, 312, 308, 317, 14, 87,  # 60..67 inner lips
)
# fmt: on
MESH_68 = (
    *_JAW_RIGHT,
    (152, 152, 0.0),
    *_JAW_LEFT,
    *((index, index, 0.0) for index in _INNER),
)
"""For each landmark: a mesh point, a second one, and the second one's share.

The jaw's landmarks are by definition equally far from each other, the mesh's points along the jaw
are not; the shares make them so (mean of 48 jaws). All others are single mesh points.
"""

EYE_CORNERS = (33, 263)
"""The outer corners of the image-left and the image-right eye."""
