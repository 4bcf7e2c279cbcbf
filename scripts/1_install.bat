@echo off
rem Makes .venv and weights beside the scripts folder. TensorFlow has no GPU support on native Windows:
rem for an NVIDIA GPU use WSL2 (README, "GPU").
cd /d "%~dp0.."
if not exist workspace mkdir workspace
rem TensorFlow has no wheels for Python 3.14: `py -3` might take that
py -3.13 -m venv .venv || py -3.12 -m venv .venv || py -3.11 -m venv .venv || goto failed
.venv\Scripts\python.exe -m pip install -r requirements-cpu.txt || goto failed
.venv\Scripts\python.exe main.py weights || goto failed
echo Now put your two clips into the folder workspace, as data_src.mp4 and data_dst.mp4.
pause
exit /b 0
:failed
echo Something went wrong, see above. Python 3.11, 3.12 or 3.13 from python.org is needed.
pause
exit /b 1
