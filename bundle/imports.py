"""Whether every DLL of a bundle finds the DLLs that it imports, as their tables say."""

import functools
from pathlib import Path

SYSTEM_DLLS = frozenset({
    "advapi32", "avicap32", "avrt", "bcrypt", "bcryptprimitives", "cfgmgr32", "combase",
    "comctl32", "comdlg32", "crypt32", "cryptbase", "d2d1", "d3d10", "d3d10_1", "d3d10core",
    "d3d11", "d3d12", "d3d9", "d3dcompiler_47", "dbghelp", "dcomp", "dnsapi", "dsound",
    "dwmapi", "dwrite", "dxcore", "dxgi", "dxva2", "evr", "fwpuclnt", "gdi32", "gdiplus",
    "glu32", "hid", "imagehlp", "imm32", "iphlpapi", "kernel32", "ksuser", "mf", "mfcore",
    "mfplat", "mfplay", "mfreadwrite", "mfuuid", "mmdevapi", "mpr", "msacm32", "msimg32",
    "msvcrt", "msvfw32", "mswsock", "ncrypt", "netapi32", "normaliz", "ntdll", "ole32",
    "oleacc", "oleaut32", "opengl32", "pdh", "powrprof", "propsys", "psapi", "rpcrt4",
    "rstrtmgr", "secur32", "setupapi", "shcore", "shell32", "shfolder", "shlwapi",
    "synchronization", "ucrtbase", "user32", "userenv", "usp10", "uxtheme", "version",
    "wevtapi", "winhttp", "wininet", "winmm", "winspool", "wintrust", "wldap32", "ws2_32",
    "wsock32", "wtsapi32", "xinput1_4",
})  # fmt: skip
"""DLLs of every Windows 10, without the ending; besides, the sets `api-ms-win-*`, `ext-ms-*`."""
LIBRARIES = (".dll", ".pyd", ".exe")


def unresolved(folder: Path) -> dict[str, list[str]]:
    """Return the DLLs that are imported and neither in a bundle nor a part of Windows 10.

    Returns
    -------
    dict of str to list of str
        By the file that imports them. What is loaded only when it is first used is among them.
    """
    files = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in LIBRARIES]
    there = {path.name.lower() for path in files}
    found = {}
    for path in files:
        missing = [name for name in imported(path) if name not in there and not is_of_windows(name)]
        if missing:
            found[path.relative_to(folder).as_posix()] = missing
    return found


@functools.cache
def is_of_windows(name: str) -> bool:
    """Return whether a DLL is a part of Windows 10."""
    return (
        name.startswith(("api-ms-win-", "ext-ms-"))
        or Path(name).stem in SYSTEM_DLLS
        or (name == "winspool.drv")
    )


def imported(path: Path) -> list[str]:
    """Return the names of the DLLs that a file imports, in lower case."""
    import pefile  # not at the top: the tests of other parts do without

    image = pefile.PE(str(path), fast_load=True)
    image.parse_data_directories([
        pefile.DIRECTORY_ENTRY["IMAGE_DIRECTORY_ENTRY_IMPORT"],
        pefile.DIRECTORY_ENTRY["IMAGE_DIRECTORY_ENTRY_DELAY_IMPORT"],
    ])
    tables = [
        *getattr(image, "DIRECTORY_ENTRY_IMPORT", ()),
        *getattr(image, "DIRECTORY_ENTRY_DELAY_IMPORT", ()),
    ]
    names = sorted({table.dll.decode().lower() for table in tables})
    image.close()
    return names
