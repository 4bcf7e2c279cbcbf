@echo off
cd /d "%~dp0"
call .\_paths.bat || (pause & exit /b 1)
"%PYTHON%" main.py sort --input-dir "%WORKSPACE%\data_src\aligned" --by hist
pause
