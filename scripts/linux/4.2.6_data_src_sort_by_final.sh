#!/bin/sh
# 4.2.6) data_src sort by final: a varied training set; the rest goes to the trash.
# Written by `python -m scripts.make_scripts` from scripts/steps.toml.
trap : INT # Ctrl-C is for the program, which says how it ended

run() {
    root=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd) || return 1
    if [ -x "$root/python/bin/python" ]; then
        python=$root/python/bin/python
        app=$root/app
        "$python" "$app/check_bundle.py" || return 1
    else
        root=$(dirname -- "$(dirname -- "$root")")
        python=$root/.venv/bin/python
        app=$root
        if [ ! -x "$python" ]; then
            echo 'There is no Python here: start 0_install.sh, or unpack the whole archive.' >&2
            return 1
        fi
    fi
    workspace=${FACESWAP_WORKSPACE:-$root/workspace}
    [ -d "$workspace" ] || mkdir -p -- "$workspace"
    "$python" "$app/main.py" sort src --by final --workspace "$workspace" "$@"
}

run "$@"
status=$?
if [ -t 0 ] && [ -t 1 ]; then
    printf '\nPress Enter to close this. '
    read -r _
fi
exit "$status"
