/* python.exe: hands the command line to the interpreter in python3XY.dll. */
#include <wchar.h>
int Py_Main(int, wchar_t **);
int wmain(int argc, wchar_t **argv) { return Py_Main(argc, argv); }
