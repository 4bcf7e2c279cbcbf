@echo off
rem Called by the numbered scripts: goes to the folder of the program, where the workspace is.
rem They call it by its name alone, because `call` expands the percent signs of a path once more.
cd /d "%~dp0.."
set "PYTHON=.venv\Scripts\python.exe"
if not exist "%PYTHON%" (
  echo Run 1_install.bat first.
  exit /b 1
)
