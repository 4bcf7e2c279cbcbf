"""Masks of faces from a trained MASK model, without a Keras call per face."""

from pathlib import Path

import numpy as np

from facelib.types import FaceType
from models import checkpoint, model_folder
from models.backend import Tensor
from models.engine import engine
from utils import console
from utils.errors import UserError
from utils.images import Image


class MaskPredictor:
    """The newest model in a folder, which tells where faces are visible.

    Parameters
    ----------
    model_dir : Path
        Folder of a trained MASK model.

    Attributes
    ----------
    face_type : FaceType
        How much of the head its crops show.
    side : int
        Their side, pixels.
    name : str
        Model and iteration, for messages and to tell runs apart.

    Raises
    ------
    ModelError
        If the folder holds no such model, or only damaged ones.
    """

    def __init__(self, model_dir: Path) -> None:
        model_folder.check_masks(model_dir, "--mask-model-dir")
        engine().tune()
        console.announce("loading the mask model")
        generation = checkpoint.trained_generation(model_dir)
        model = checkpoint.model_of(generation)
        self.face_type: FaceType = model.face_type
        self.side = side = model.resolution
        self.name = f"{generation.model} at iteration {generation.iteration}"

        def predict(crops: Tensor) -> Tensor:
            mask: Tensor = model.swap(crops).mask
            return mask[..., 0]

        self._predict = engine().predictor(predict, (None, side, side, 3))

    def __call__(self, crops: Image) -> np.ndarray:
        """Return the masks of some faces.

        Parameters
        ----------
        crops : (N, side, side, 3) uint8 BGR
            Aligned to `face_type`, mirrored beyond the edge of the frame.

        Returns
        -------
        masks : (N, side, side) float32
            1 where the face is visible, 0 elsewhere.
        """
        if not len(crops):
            return np.zeros(crops.shape[:3], np.float32)
        try:
            masks: np.ndarray = self._predict(crops)
        except engine().errors as problem:
            if not engine().is_out_of_memory(problem):
                raise
            raise UserError(
                f"the device has too little memory for the masks of {len(crops)} faces at once; "
                "use a smaller --batch-size, or --cpu-only"
            ) from None
        return masks
