"""The texts of the scripts, with gaps like <this>; scripts/make_scripts.py fills them in."""

MADE = "Written by `python -m scripts.make_scripts` from scripts/steps.toml."

BATCH_BEGIN = f"""\
@echo off
rem <comment>
rem {MADE}
setlocal EnableExtensions DisableDelayedExpansion
chcp 65001 >nul
set "STATUS=1"
"""
BATCH_END = """\
:end
echo.
pause
exit /b %STATUS%
"""
BATCH = f"""\
{BATCH_BEGIN}\
if "%PROCESSOR_ARCHITECTURE%%PROCESSOR_ARCHITEW6432%"=="x86" goto old
set "ROOT=%~dp0"
set "APP=%ROOT%app\\"
set "PYTHON=%ROOT%python\\python.exe"
if exist "%PYTHON%" goto bundle
for %%I in ("%~dp0..\\..") do set "ROOT=%%~fI\\"
set "APP=%ROOT%"
set "PYTHON=%ROOT%.venv\\Scripts\\python.exe"
if exist "%PYTHON%" goto found
echo There is no Python here: start "0) install" first, or unpack the whole archive once more.
goto end
:old
echo This needs a 64-bit Windows.
goto end
:bundle
"%PYTHON%" "%APP%check_bundle.py"
if errorlevel 1 goto end
:found
set "WORKSPACE=%FACESWAP_WORKSPACE%"
if not defined WORKSPACE set "WORKSPACE=%ROOT%workspace"
if not exist "%WORKSPACE%\\" mkdir "%WORKSPACE%"
<lines>
set "STATUS=%ERRORLEVEL%"
{BATCH_END}"""
BATCH_FOLDER = """\
if not exist <folder> goto missing
start "" <folder>
exit /b 0
:missing
echo There is no folder <folder> yet.
goto end
"""
BATCH_DROP = """\
if not "%~1"=="" goto dropped
echo Drop <what> on this script.
goto end
:dropped
"""
BATCH_INSTALL = f"""\
{BATCH_BEGIN}\
for %%I in ("%~dp0..\\..") do set "ROOT=%%~fI\\"
set "PYTHON=%ROOT%.venv\\Scripts\\python.exe"
if exist "%PYTHON%" goto packages
rem TensorFlow has no wheels for Python 3.14: `py -3` might take that
py -3.13 -m venv "%ROOT%.venv" && goto packages
py -3.12 -m venv "%ROOT%.venv" && goto packages
py -3.11 -m venv "%ROOT%.venv" || goto failed
:packages
"%PYTHON%" -m pip install -r "%ROOT%requirements-cpu.txt" || goto failed
"%PYTHON%" "%ROOT%main.py" weights || goto failed
if not exist "%ROOT%workspace\\" mkdir "%ROOT%workspace"
echo Now put your two clips into the folder workspace, as data_src.mp4 and data_dst.mp4.
set "STATUS=0"
goto end
:failed
echo Something went wrong, see above. Python 3.11, 3.12 or 3.13 from python.org is needed.
{BATCH_END}"""

SHELL_BEGIN = f"""\
#!/bin/sh
# <comment>
# {MADE}
trap : INT # Ctrl-C is for the program, which says how it ended
"""
SHELL_END = """\
run "$@"
status=$?
if [ -t 0 ] && [ -t 1 ]; then
    printf '\\nPress Enter to close this. '
    read -r _
fi
exit "$status"
"""
SHELL = f"""\
{SHELL_BEGIN}
run() {{
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
    workspace=${{FACESWAP_WORKSPACE:-$root/workspace}}
    [ -d "$workspace" ] || mkdir -p -- "$workspace"
<lines>
}}

{SHELL_END}"""
SHELL_FOLDER = """\
if [ ! -d <folder> ]; then
    printf 'There is no folder "%s" yet.\\n' <folder>
    return 1
fi
xdg-open <folder>
"""
SHELL_DROP = """\
if [ $# = 0 ]; then
    echo 'Name <what> after this script, or drop it on it.' >&2
    return 1
fi
"""
SHELL_INSTALL = f"""\
{SHELL_BEGIN}
run() {{
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
}}

{SHELL_END}"""

PAGE = """\
# The scripts

Written by `python -m scripts.make_scripts` from `scripts/steps.toml`; a test compares them.

On Windows they are `.bat` files to double-click, in the bundle's own folder or in
`scripts\\windows` of a checkout; on Linux `.sh` files (`scripts/linux`) with underscores in their
names. They find the bundle's Python, or else the one that `0) install` made, and work on the folder
`workspace` beside it (`FACESWAP_WORKSPACE` names another one). The window stays open until a key is
pressed. What you add on a command line, or drop on a script, is passed on, and the exit status is
the command's.

What is marked as new was not in DeepFaceLab's build of early 2019, whose names the others have.

Windows breaks one thing before a script can help: a dropped file whose name has a `&`, `^` or `%`,
but no blank. Rename such a file. After Ctrl-C it asks "Terminate batch job (Y/N)?"; N shows the
last lines.
"""
