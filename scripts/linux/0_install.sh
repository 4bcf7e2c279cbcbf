#!/bin/sh
# 0) install: Python packages and networks, once; needs Python 3.11 to 3.13.
# Written by `python -m scripts.make_scripts` from scripts/steps.toml.
trap : INT # Ctrl-C is for the program, which says how it ended

run() {
    root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd) || return 1
    python=$root/.venv/bin/python
    # TensorFlow has no wheels for Python 3.14: `python3` might be that
    for name in python3.13 python3.12 python3.11 python3; do
        [ -x "$python" ] || ! command -v "$name" >/dev/null || "$name" -m venv "$root/.venv"
    done
    "$python" -m pip install -r "$root/requirements-cpu.txt" &&
        "$python" "$root/main.py" weights &&
        mkdir -p -- "$root/workspace" &&
        echo 'Now put your two clips into the folder workspace, as data_src.mp4 and data_dst.mp4.'
}

run "$@"
status=$?
if [ -t 0 ] && [ -t 1 ]; then
    printf '\nPress Enter to close this. '
    read -r _
fi
exit "$status"
