@echo off
rem 7) convert H64 interactive: the same; refuses another model.
rem Written by `python -m scripts.make_scripts` from scripts/steps.toml.
setlocal EnableExtensions DisableDelayedExpansion
chcp 65001 >nul
set "STATUS=1"
if "%PROCESSOR_ARCHITECTURE%%PROCESSOR_ARCHITEW6432%"=="x86" goto old
set "ROOT=%~dp0"
set "APP=%ROOT%app\"
set "PYTHON=%ROOT%python\python.exe"
if exist "%PYTHON%" goto bundle
for %%I in ("%~dp0..\..") do set "ROOT=%%~fI\"
set "APP=%ROOT%"
set "PYTHON=%ROOT%.venv\Scripts\python.exe"
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
if not exist "%WORKSPACE%\" mkdir "%WORKSPACE%"
"%PYTHON%" "%APP%main.py" convert --model H64 --interactive --workspace "%WORKSPACE%" %*
set "STATUS=%ERRORLEVEL%"
:end
echo.
pause
exit /b %STATUS%
