"""What monitoring costs: preview and validation beside a step of H64. No baseline.

python -m benchmarks.watching
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np

from benchmarks.sampler import write_faces
from facelib.faceset import Faceset
from models.base import Batch
from models.engine import engine
from trainer.assembly import open_samplers, open_session
from trainer.monitoring import preview
from trainer.monitoring.predict import CHUNK, FacePredictor
from trainer.monitoring.validation import Validation
from trainer.options import options_class

T = TypeVar("T")
ROUNDS, BATCH = 5, 8


def main() -> None:
    """Print milliseconds of wall time, medians, taken in turns."""
    engine().tune()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_faces(folder, 256)
        options = options_class("H64")(
            training_data_src_dir=folder,
            training_data_dst_dir=folder,
            model_dir=folder / "model",
            model="H64",
            batch_size=BATCH,
        )
        session = open_session(options)
        engine().accelerate(session.model.networks.values())
        faces = Faceset.open(folder)
        src, dst, *_ = open_samplers(options, session, faces, faces)
        validation = Validation(src, dst, src, dst)
        preview_faces, predictor = preview.PreviewFaces(src, dst), FacePredictor(session.model)
        batches: list[Batch] = [side.batch(0, BATCH) for side in (src, dst)]
        times: dict[str, list[float]] = {}
        for _ in range(ROUNDS):
            _timed(times, f"step, batch {BATCH}", lambda: session.train(*batches))
            columns = _timed(times, "preview, predicting", lambda: preview_faces.columns(predictor))
            content = preview.PreviewContent(columns, session.losses.rows, session.losses.names, 1)
            _timed(
                times,
                "preview, drawing (background)",
                lambda content=content: preview.draw(content),
            )
            parts = validation.predict(predictor)
            _timed(times, f"validation, predicting {CHUNK} faces", lambda parts=parts: next(parts))
            *_, predicted = parts
            count = sum(len(part.dst.image) for part in predicted)
            _timed(
                times,
                f"validation, metrics of {count} faces (background)",
                lambda predicted=predicted: validation.metrics(predicted),
            )
        for what, values in times.items():
            print(f"{what:45} {1000 * np.median(values[1:]):8.0f} ms")


def _timed(times: dict[str, list[float]], what: str, work: Callable[[], T]) -> T:
    started = time.perf_counter()
    result = work()
    times.setdefault(what, []).append(time.perf_counter() - started)
    return result


if __name__ == "__main__":
    main()
