"""The command `faceswap-toolkit`: puts the program's folder on the path and runs its main.py.

The program's packages have plain names (utils, models, ...). A wheel keeps them in `app`, beside
this file, where no other program of the environment can import them by accident. An editable
install has no `app`: there the program is the checkout itself.
"""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
APP = HERE / "app"
ROOT = APP if APP.is_dir() else HERE.parent.parent


def run() -> int:
    """Run the command line and return its exit status."""
    sys.path.insert(0, str(ROOT))
    from utils import early

    early.exit_on_interrupt()  # the imports of main.py take a moment
    from main import main

    return main()


if __name__ == "__main__":
    sys.exit(run())
