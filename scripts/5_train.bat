@echo off
rem A new model is of the kind that is asked for here; one that exists is trained on as it is.
cd /d "%~dp0"
call .\_paths.bat || (pause & exit /b 1)
set "MODEL="
if not exist "workspace\model\generations" set /p "MODEL=Model: Quick96, H64, H128, DF, LIAEF128 or SAE [Quick96]: "
if not exist "workspace\model\generations" if "%MODEL%"=="" set "MODEL=Quick96"
if not "%MODEL%"=="" set "MODEL=--model %MODEL%"
"%PYTHON%" main.py train %MODEL%
pause
