"""What the first process of `--multi-gpu` starts for each other GPU; it gets options as JSON."""

import json
import sys

from trainer import train
from trainer.options import class_of
from utils import console, device, native_output
from utils.errors import Interrupted, sentence
from utils.options import from_json


def main() -> int:
    """Follow the first process until it ends; return an exit status."""
    values = json.load(sys.stdin)
    options = from_json(class_of(values), values)
    try:
        device.select(options)
        native_output.silence()
        train.run(options)
    except Interrupted:
        pass
    except Exception as problem:  # noqa: BLE001 - said in a sentence, as by main.py
        console.error(sentence(problem))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
