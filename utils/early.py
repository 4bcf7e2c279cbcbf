"""What main.py does before its imports; so this imports next to nothing."""

import os
import signal

STATUS = 130
"""ExitStatus.INTERRUPTED, whose module would take time to import."""


def exit_on_interrupt() -> None:
    """Let Ctrl-C end the program with one line and no traceback, as long as nothing has begun."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _exit)


def _exit(*_: object) -> None:
    try:
        os.write(1, b"Stopped.\n")
    finally:
        os._exit(STATUS)
