@echo off
cd /d "%~dp0"
call .\_paths.bat || (pause & exit /b 1)
"%PYTHON%" main.py convert --input-dir "%WORKSPACE%\data_dst.mp4" --output-dir "%WORKSPACE%\result.mp4" --aligned-dir "%WORKSPACE%\data_dst\aligned" --model-dir "%WORKSPACE%\model"
pause
