@echo off
call "%~dp0_paths.bat" || (pause & exit /b 1)
"%PYTHON%" main.py train --training-data-src-dir "%WORKSPACE%\data_src\aligned" --training-data-dst-dir "%WORKSPACE%\data_dst\aligned" --model-dir "%WORKSPACE%\model" --model H64
pause
