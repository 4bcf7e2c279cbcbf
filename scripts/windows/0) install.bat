@echo off
rem 0) install: Python packages and networks, once; needs Python 3.11 to 3.13.
rem Written by `python -m scripts.make_scripts` from scripts/steps.toml.
setlocal EnableExtensions DisableDelayedExpansion
chcp 65001 >nul
set "STATUS=1"
for %%I in ("%~dp0..\..") do set "ROOT=%%~fI\"
set "PYTHON=%ROOT%.venv\Scripts\python.exe"
if exist "%PYTHON%" goto packages
rem TensorFlow has no wheels for Python 3.14: `py -3` might take that
py -3.13 -m venv "%ROOT%.venv" && goto packages
py -3.12 -m venv "%ROOT%.venv" && goto packages
py -3.11 -m venv "%ROOT%.venv" || goto failed
:packages
"%PYTHON%" -m pip install -r "%ROOT%requirements-cpu.txt" || goto failed
"%PYTHON%" "%ROOT%main.py" weights || goto failed
if not exist "%ROOT%workspace\" mkdir "%ROOT%workspace"
echo Now put your two clips into the folder workspace, as data_src.mp4 and data_dst.mp4.
set "STATUS=0"
goto end
:failed
echo Something went wrong, see above. Python 3.11, 3.12 or 3.13 from python.org is needed.
:end
echo.
pause
exit /b %STATUS%
