"""Why a person should look at a face: what the detector and the landmarker say of it."""

LOW_SCORE = 0.75  # a clearly visible face scores higher with every detector here
UNCERTAIN, UNLIKELY = "landmarks uncertain", "low face score"


def reasons(score: float, quality: float) -> list[str]:
    """Return why a face should be reviewed; see `facelib.faceinfo.FaceInfo` for both."""
    found = [UNCERTAIN] if quality < 0 else []
    return [*found, UNLIKELY] if score < LOW_SCORE else found
