"""Stands in for `train` where the queue runs it; as a program it also runs `queue run`.

It tells progress from iteration 100 on until it is asked to stop, and does what request files ask.
"""

import json
import sys
import time
from pathlib import Path


def train(words):
    """Train no model; returns the exit status."""
    home = Path(words[words.index("--workspace") + 1])
    folder = home / (words[words.index("--model-dir") + 1] if "--model-dir" in words else "model")
    iteration = 100
    try:
        while True:
            iteration += 1
            facts = {"item": iteration, "of": 500, "unit": "iteration", "rate": 2.0, "eta": 125.0}
            values = {"src": 0.25, "dst": 0.125}
            print(
                json.dumps({"event": "progress", "message": "Training", "values": values} | facts)
            )
            for path in folder.glob("*.request"):
                path.unlink()
                print(json.dumps({"event": "message", "text": f"did {path.stem}"}))
            sys.stdout.flush()
            time.sleep(0.1)
    except KeyboardInterrupt:
        print(json.dumps({"event": "end", "status": 130}), flush=True)
        return 130


if __name__ == "__main__":
    if sys.argv[1] == "queue":
        import main
        from utils import program

        program.start = lambda: [sys.executable, __file__]
        sys.exit(main.main(sys.argv[1:]))
    sys.exit(train(sys.argv[1:]))
