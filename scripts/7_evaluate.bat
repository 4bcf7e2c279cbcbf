@echo off
call "%~dp0_paths.bat" || (pause & exit /b 1)
"%PYTHON%" main.py evaluate
pause
