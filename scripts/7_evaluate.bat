@echo off
cd /d "%~dp0"
call .\_paths.bat || (pause & exit /b 1)
"%PYTHON%" main.py evaluate --dst "%WORKSPACE%\data_dst.mp4" --result "%WORKSPACE%\result.mp4" --src-aligned "%WORKSPACE%\data_src\aligned"
pause
