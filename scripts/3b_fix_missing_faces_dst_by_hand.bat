@echo off
cd /d "%~dp0"
call .\_paths.bat || (pause & exit /b 1)
"%PYTHON%" main.py extract --input-dir "%WORKSPACE%\data_dst.mp4" --output-dir "%WORKSPACE%\data_dst\aligned" --manual-fix
pause
