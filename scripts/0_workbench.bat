@echo off
rem Opens the page for the whole job in the browser; closing this window ends it.
cd /d "%~dp0"
call .\_paths.bat || (pause & exit /b 1)
"%PYTHON%" main.py workbench
pause
