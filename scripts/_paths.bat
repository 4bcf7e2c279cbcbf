@echo off
rem Called by the numbered scripts: where things are. The workspace is beside the scripts folder.
rem They call it by its name alone, because `call` expands the percent signs of a path once more.
set "ROOT=%~dp0.."
set "WORKSPACE=%ROOT%\workspace"
set "PYTHON=%ROOT%\.venv\Scripts\python.exe"
if not exist "%PYTHON%" (
  echo Run 1_install.bat first.
  exit /b 1
)
cd /d "%ROOT%"
