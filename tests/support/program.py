"""The command line, run in this process: libraries that are loaded need not be loaded again."""

import contextlib
import io
import signal

import psutil

import main
from utils import signals


def run(words, *, folder, status=0):
    """Run a command line in a folder; what it printed to stdout."""
    handlers = {number: signal.getsignal(number) for number in signals.requests()}
    printed = io.StringIO()
    try:
        with contextlib.chdir(folder), contextlib.redirect_stdout(printed):
            try:
                ended = main.main([str(word) for word in words])
            except SystemExit as leaving:  # argparse, after --help
                ended = leaving.code
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert ended == status, printed.getvalue()[-2000:]
    return printed.getvalue()


def children_with(word, *, recursive=False):
    """The running processes below this one whose command line has a word."""

    def has_it(child):
        # one that ends while it is looked at has no command line any more
        with contextlib.suppress(psutil.Error):
            return word in child.cmdline()
        return False

    return [each for each in psutil.Process().children(recursive=recursive) if has_it(each)]
