"""Seeded damage to files: of their bytes, and of the JSON, zip and PNG structure in them."""

import io
import json
import struct
import warnings
import zipfile
import zlib

SIGNATURE = b"\x89PNG\r\n\x1a\n"
NUMBERS = (0, 1, 2, 127, 128, 255, 256, 32767, 32768, 65535, 2**31 - 1, 2**31, 2**32 - 1, 2**63)
VALUES = (
    None, True, 0, -1, 1.5, 10**400, -(2**63), 1e308, float("nan"), float("inf"), "", "x" * 300,
    "../../outside", "/outside", "C:\\outside", ".sort", "\0", "\n\x1b[2J", "\u202e", "\ud800",
    "1e999999", "1/0", "9" * 5000, "~unknown", [], {}, [[[]]], {"a": {"b": [1]}}, [0] * 100,
)  # fmt: skip
NAMES = ("../outside.png", "/outside.png", "a/b.png", "\\x.png", "", ".png", "x" * 300 + ".png",
         ".sort", "²", "é" * 120 + ".png", "con.png", "a\nb.png", "a\0b.png")  # fmt: skip


def mutate(name, data, rng):
    """Damage the content of a file; its suffix tells what structure it has."""
    suffix = name.rpartition(".")[2]
    ways = {"json": _json, "jsonl": _lines, "npz": _zip, "zip": _zip, "png": _png, "npy": _bytes}
    way = ways.get(suffix, _bytes)
    if way is not _bytes and rng.random() < 0.3:
        way = _bytes
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        data = way(data, rng)
    return data


def _bytes(data, rng):
    change = rng.choice((_flip, _number, _cut, _double, _insert, _zero, _end, _swap))
    return change(data, rng) if data else bytes(rng.randrange(256) for _ in range(8))


def _span(data, rng, most=64):
    start = rng.randrange(len(data))
    return start, min(len(data), start + rng.randrange(1, most))


def _flip(data, rng):
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8))):
        changed[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _number(data, rng):
    """Put a number at a limit somewhere, near the front more often: headers are there."""
    size = rng.choice((1, 2, 4, 8))
    number = rng.choice(NUMBERS) % 256**size
    at = rng.randrange(min(len(data), rng.choice((64, 256, len(data)))))
    return data[:at] + number.to_bytes(size, rng.choice(("big", "little"))) + data[at + size :]


def _cut(data, rng):
    start, end = _span(data, rng)
    return data[:start] + data[end:]


def _double(data, rng):
    start, end = _span(data, rng, 256)
    return data[:end] + data[start:end] * rng.choice((1, 2, 50)) + data[end:]


def _insert(data, rng):
    at = rng.randrange(len(data) + 1)
    return data[:at] + bytes(rng.randrange(256) for _ in range(rng.randrange(1, 16))) + data[at:]


def _zero(data, rng):
    start, end = _span(data, rng)
    return data[:start] + bytes(end - start) + data[end:]


def _end(data, rng):
    return data[: rng.randrange(len(data))]


def _swap(data, rng):
    (a, b), (c, d) = sorted((_span(data, rng), _span(data, rng)))
    return data if b > c else data[:a] + data[c:d] + data[b:c] + data[a:b] + data[d:]


def _json(data, rng):
    if rng.random() < 0.05:
        return rng.choice((b"[", b'{"a":', b"[[")) * rng.choice((500, 5000, 100_000))
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return _bytes(data, rng)
    return _dumped(_changed(value, rng))


def _dumped(value):
    return json.dumps(value).encode("utf-8", "surrogatepass")


def _changed(value, rng):
    """Change one place of a JSON value: replace it, or remove, rename or repeat what it holds."""
    if isinstance(value, dict) and value and rng.random() < 0.9:
        key = rng.choice(sorted(value))
        action = rng.random()
        rest = {name: item for name, item in value.items() if name != key}
        if action < 0.1:
            return rest
        if action < 0.2:
            return rest | {str(rng.choice((*VALUES, *NAMES))): value[key]}
        return value | {key: _changed(value[key], rng)}
    if isinstance(value, list) and value and rng.random() < 0.9:
        at = rng.randrange(len(value))
        action = rng.random()
        if action < 0.1:
            return value[:at] + value[at + 1 :]
        if action < 0.2:
            return value[:at] + [value[at]] * rng.choice((2, 300)) + value[at:]
        return [*value[:at], _changed(value[at], rng), *value[at + 1 :]]
    return rng.choice((*VALUES, *NAMES))


def _lines(data, rng):
    lines = data.splitlines(keepends=True)
    if not lines or rng.random() < 0.2:
        return _bytes(data, rng)
    at = rng.randrange(len(lines))
    action = rng.random()
    if action < 0.1:
        del lines[at]
    elif action < 0.2:
        lines.insert(rng.randrange(len(lines)), lines[at])
    else:
        lines[at] = _json(lines[at], rng) + b"\n"
    return b"".join(lines)


def _zip(data, rng):
    """Write an archive again, with one of its entries changed and all checksums right."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = [(info.filename, archive.read(info)) for info in archive.infolist()]
    except (zipfile.BadZipFile, ValueError, OSError, EOFError, RuntimeError):
        return _bytes(data, rng)
    if not entries:
        return _bytes(data, rng)
    at = rng.randrange(len(entries))
    name, content = entries[at]
    action = rng.random()
    if action < 0.2:
        entries[at] = rng.choice(NAMES), content
    elif action < 0.3:
        entries.append((name, content))
    elif action < 0.4:
        entries[at] = name, bytes(rng.choice((0, 1, 1 << 20)))
    else:
        entries[at] = name, mutate(name, content, rng)
    made = io.BytesIO()
    how = rng.choice((zipfile.ZIP_STORED,) * 8 + (zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA))
    with zipfile.ZipFile(made, "w", how) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a name twice
        for name, content in entries:
            archive.writestr(name.replace("\0", "") or "x", content)
    return made.getvalue()


def _png(data, rng):
    """Change one chunk of a PNG, with its checksum right."""
    chunks = list(_chunks(data))
    if not chunks:
        return _bytes(data, rng)
    at = rng.randrange(len(chunks))
    kind, body = chunks[at]
    action = rng.random()
    if action < 0.1:
        del chunks[at]
    elif action < 0.2:
        chunks.insert(rng.randrange(len(chunks)), chunks[at])
    elif kind == b"fsMt":
        chunks[at] = kind, _json(body, rng)
    elif kind == b"IDAT" and rng.random() < 0.5:
        chunks[at] = kind, _deflated(body, rng)
    else:
        chunks[at] = kind, _bytes(body, rng)
    return SIGNATURE + b"".join(_chunk(*chunk) for chunk in chunks)


def _deflated(body, rng):
    """Change compressed pixels before they are compressed."""
    try:
        pixels = zlib.decompressobj().decompress(body, 1 << 20)
    except zlib.error:
        return _bytes(body, rng)
    return zlib.compress(_bytes(pixels, rng))


def _chunks(data):
    at = len(SIGNATURE)
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if at + 12 + length > len(data):
            return
        yield kind, data[at + 8 : at + 8 + length]
        at += 12 + length


def _chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
