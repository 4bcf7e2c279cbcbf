"""Sound in results: what fits, what is re-encoded, and what the source hides.

Oracles: the samples that were written (numpy), and PyAV's plain demuxer and decoders.
"""

import struct
from fractions import Fraction

import av
import numpy as np
import pytest
from support import clips
from support.conversion import INVERT, options, write_footage

from converters import convert
from tools.video import cut as cutting
from tools.video import denoise as denoising
from tools.video.options import CutOptions, DenoiseOptions
from utils.errors import UserError
from utils.video import audio
from utils.video.channels import Channels
from utils.video.codecs import EncoderSettings

RATE = 48000
KINDS = {"s16": np.int16, "s32": np.int32, "flt": np.float32}
FILM_ORDER = (123 << 16) | 6
"""kAudioChannelLayoutTag_MPEG_5_1_C of Apple's Core Audio: L C R Ls Rs LFE."""


def tones(channels, kind="s16", seconds=0.4):
    """Tones of 200, 300, 400 ... Hz, one per channel, (channels, samples)."""
    t = np.arange(int(seconds * RATE)) / RATE
    wave = np.stack([np.sin(2 * np.pi * (200 + 100 * i) * t) * 0.3 for i in range(channels)])
    if kind == "flt":
        return wave.astype(np.float32)
    if kind == "s16":
        return (wave * 32767).astype(np.int16)
    return (wave * (2**23 - 1)).astype(np.int32) << 8  # 24 bits


def pcm_clip(path, codec, samples, layout="stereo"):
    """Ten frames, and samples as uncompressed sound."""
    kind = {np.int16: "s16", np.int32: "s32", np.float32: "flt"}[samples.dtype.type]
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        voice = container.add_stream(codec, rate=RATE)
        voice.codec_context.layout, voice.codec_context.format = layout, kind
        for index in range(10):
            image = clips.picture(index, 64, 48)
            container.mux(video.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        container.mux(video.encode(None))
        for start in range(0, samples.shape[1], 1024):
            block = np.ascontiguousarray(samples[:, start : start + 1024].T).reshape(1, -1)
            sound = av.AudioFrame.from_ndarray(block, format=kind, layout=layout)
            sound.sample_rate, sound.pts = RATE, start
            sound.time_base = Fraction(1, RATE)
            container.mux(voice.encode(sound))
        container.mux(voice.encode(None))
    return path


def heard(path):
    """The samples of the first sound track, (channels, samples)."""
    with av.open(str(path)) as container:
        found = []
        for sound in container.decode(audio=0):
            block = sound.to_ndarray()
            if not sound.format.is_planar:
                block = block.reshape(-1, sound.layout.nb_channels).T
            found.append(block)
    return np.concatenate(found, axis=1)


def pitches(samples):
    """The strongest frequency of each channel, Hz."""
    middle = samples[:, 4800:14400].astype(float)
    return [int(np.argmax(np.abs(np.fft.rfft(channel)))) * 5 for channel in middle]


def track_of(path):
    with av.open(str(path)) as container:
        context = container.streams.audio[0].codec_context
        return context.name, context.layout.name


SOURCES = [
    ("avi", "pcm_s16le", "s16", "stereo"),
    ("mkv", "pcm_s24le", "s32", "5.1"),
    ("nut", "pcm_s32le", "s32", "stereo"),
    ("mkv", "pcm_f32le", "flt", "stereo"),
    ("mov", "pcm_s24le", "s32", "stereo"),
]


@pytest.mark.parametrize(("suffix", "codec", "kind", "layout"), SOURCES)
def test_uncompressed_sound_becomes_aac_or_alac_in_mp4(tmp_path, suffix, codec, kind, layout):
    """Layouts are stated, pitches are those written, and ALAC has the very samples."""
    samples = tones(av.AudioLayout(layout).nb_channels, kind)
    clip = pcm_clip(tmp_path / f"x.{suffix}", codec, samples, layout)
    _, sink = clips.copy(clip, tmp_path / "a.mp4")
    assert "re-encoded as AAC" in sink.notes[0]
    assert track_of(tmp_path / "a.mp4") == ("aac", layout)
    full = [
        place for place in range(len(samples)) if place != 3
    ]  # the fourth of six is for bass only
    assert pitches(heard(tmp_path / "a.mp4")[full]) == pitches(samples[full])
    _, sink = clips.copy(clip, tmp_path / "b.mp4", encoder=EncoderSettings(audio_codec="alac"))
    assert "re-encoded as ALAC" in sink.notes[0]
    assert track_of(tmp_path / "b.mp4") == ("alac", layout)
    lossless = heard(tmp_path / "b.mp4")
    if kind == "flt":  # ALAC has 24 bits
        assert np.abs(lossless / 2.0**31 - samples).max() <= 2.0**-23
    else:
        assert np.array_equal(lossless, samples)


@pytest.mark.parametrize("result", ["y.mov", "y.mkv"])
@pytest.mark.parametrize(("suffix", "codec", "kind", "layout"), SOURCES)
def test_mov_and_mkv_keep_uncompressed_sound(tmp_path, suffix, codec, kind, layout, result):
    samples = tones(av.AudioLayout(layout).nb_channels, kind)
    clip = pcm_clip(tmp_path / f"x.{suffix}", codec, samples, layout)
    _, sink = clips.copy(clip, tmp_path / result)
    assert sink.notes == []
    with av.open(str(tmp_path / result)) as container:
        stream = container.streams.audio[0]
        assert stream.codec_context.name == codec
        if result.endswith("mov"):
            assert stream.codec_context.layout.name == layout
        stored = b"".join(bytes(packet) for packet in container.demux(stream))
    with av.open(str(clip)) as container:
        assert stored == b"".join(bytes(packet) for packet in container.demux(audio=0))


def test_uncompressed_sound_of_another_kind_is_stored_without_loss(tmp_path):
    """Matroska has no A-law, and nothing but their containers has the PCM of DVD and Blu-ray."""
    clip = pcm_clip(tmp_path / "x.mov", "pcm_alaw", tones(2))
    _, sink = clips.copy(clip, tmp_path / "y.mkv")
    assert "pcm_s16le, without loss" in sink.notes[0]
    assert np.array_equal(heard(tmp_path / "y.mkv"), heard(clip))


def test_channels_in_the_order_of_film_come_out_as_themselves(tmp_path):
    """Apple's list of layouts is the oracle: the third channel of this one is the right one."""
    samples = tones(6)
    clip = pcm_clip(tmp_path / "x.mov", "pcm_s16le", samples, "5.1")
    data = clip.read_bytes()
    place = data.index(b"chan") + 8
    clip.write_bytes(data[:place] + struct.pack(">III", FILM_ORDER, 0, 0) + data[place + 12 :])
    clips.copy(clip, tmp_path / "y.mp4", encoder=EncoderSettings(audio_codec="alac"))
    left, center, right, left_surround, right_surround, low = samples
    wanted = [left, right, center, low, left_surround, right_surround]
    assert np.array_equal(heard(tmp_path / "y.mp4"), np.stack(wanted))


@pytest.mark.parametrize(
    ("stated", "layout", "order"),
    [
        ("stereo", "stereo", (0, 1)),
        ("2 channels", "stereo", (0, 1)),
        ("6 channels", "5.1", (0, 1, 2, 3, 4, 5)),
        ("2 channels (FR+FL)", "stereo", (1, 0)),
        ("8 channels (FL+FR+FC+LFE+SL+SR+BL+BR)", "7.1", (0, 1, 2, 3, 6, 7, 4, 5)),
    ],
)
def test_the_layout_of_a_description(stated, layout, order):
    found = Channels.of(stated)
    assert (found.layout, found.order, found.count) == (layout, order, len(order))


def test_every_tool_treats_uncompressed_sound_alike(tmp_path, capsys):
    """`convert`, `video cut` by copying and by re-encoding, and `video denoise`."""
    write_footage(tmp_path, 10, video="x.avi")
    clip = pcm_clip(tmp_path / "x.avi", "pcm_s16le", tones(2))
    convert.run(
        options(tmp_path, "a.mp4", input_dir=clip, audio_codec="alac", check_faces=False), INVERT
    )
    assert "re-encoded as ALAC" in capsys.readouterr().out.splitlines()[0]
    cutting.run(CutOptions(input_file=clip, output_file=tmp_path / "b.mp4", audio_codec="alac"))
    cut = CutOptions(input_file=clip, output_file=tmp_path / "c.mp4", from_="1", audio_codec="alac")
    cutting.run(cut)
    clean = tmp_path / "d.mp4"
    denoising.run(DenoiseOptions(input_dir=clip, output_dir=clean, audio_codec="alac"))
    for name in "abcd":
        assert track_of(tmp_path / f"{name}.mp4") == ("alac", "stereo")
        found = heard(tmp_path / f"{name}.mp4")
        if name != "c":
            assert np.array_equal(found, tones(2))


def test_an_error_on_closing_names_the_track_and_keeps_the_parts(tmp_path, monkeypatch):
    """MP4 refuses PCM without a layout only in its trailer."""
    monkeypatch.setattr(audio, "encodings", lambda *_: iter([None]))
    monkeypatch.setattr(audio, "fits", lambda *_: True)
    monkeypatch.setattr(Channels, "is_native", property(lambda _: True))
    write_footage(tmp_path, 10, video="x.avi")
    clip = pcm_clip(tmp_path / "x.avi", "pcm_s16le", tones(2))
    chosen = options(tmp_path, "a.mp4", input_dir=clip, check_faces=False)
    with pytest.raises(UserError, match=r"sound track 1 \(pcm_s16le.*parts are in"):
        convert.run(chosen, INVERT)
    (tmp_path / "a.mp4_parts").rename(tmp_path / "a.mkv_parts")  # as docs/video.md says
    report = convert.run(options(tmp_path, "a.mkv", input_dir=clip, check_faces=False), INVERT)
    assert report.counts["frames finished before"] == 10
    assert track_of(tmp_path / "a.mkv")[0] == "pcm_s16le"


def set_edits(path, edits):
    """Replace the edit lists of all tracks of an MP4 by one of (start, duration), seconds."""
    data = path.read_bytes()
    place = next(start for kind, start, _ in boxes(data, 0, len(data)) if kind == b"moov")
    scale, out = 1, b""
    for kind, start, end in boxes(data, place + 8, len(data)):
        whole = data[start:end]
        if kind == b"mvhd":
            scale = struct.unpack(">I", whole[20:24])[0]
            total = round(sum(length for _, length in edits) * scale)
            whole = whole[:24] + struct.pack(">I", total) + whole[28:]
        out += edited_track(whole, edits, scale) if kind == b"trak" else whole
    path.write_bytes(data[:place] + box(b"moov", out))
    return path


def edited_track(track, edits, scale):
    parts = {kind: track[start:end] for kind, start, end in boxes(track, 8, len(track))}
    media = parts[b"mdia"]
    begin = media.index(b"mdhd")
    units = struct.unpack(">I", media[begin + 16 : begin + 20])[0]
    old = parts.pop(b"edts", None)
    skipped = struct.unpack(">i", old[28:32])[0] if old else 0
    entries = b"".join(
        struct.pack(">IiHH", round(length * scale), skipped + round(start * units), 1, 0)
        for start, length in edits
    )
    edts = box(b"edts", box(b"elst", struct.pack(">II", 0, len(edits)) + entries))
    return box(b"trak", parts.pop(b"tkhd") + edts + b"".join(parts.values()))


def box(kind, body):
    return struct.pack(">I4s", 8 + len(body), kind) + body


def boxes(data, start, end):
    while start < end:
        size, kind = struct.unpack(">I4s", data[start : start + 8])
        yield kind, start, start + size
        start += size


@pytest.fixture(scope="module", params=["aac", "pcm_s16le"])
def alternating(tmp_path_factory, request):
    """Four seconds: the first and third of 440 Hz, the second and fourth of 1320 Hz."""
    path = tmp_path_factory.mktemp("edits") / "x.mov"
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25, options={"preset": "ultrafast", "g": "25"})
        video.width, video.height = 64, 48
        voice = container.add_stream(request.param, rate=RATE)
        for index in range(100):
            image = clips.picture(index, 64, 48)
            container.mux(video.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        container.mux(video.encode(None))
        t = np.arange(4 * RATE)
        pitch = np.where(t // RATE % 2 == 0, 440, 1320)
        wave = (np.sin(2 * np.pi * np.cumsum(pitch) / RATE) * 9000).astype(np.int16)
        for start in range(0, len(wave), 1024):
            block = wave[start : start + 1024].repeat(2)[None]
            sound = av.AudioFrame.from_ndarray(block, format="s16", layout="stereo")
            sound.sample_rate, sound.pts, sound.time_base = RATE, start, Fraction(1, RATE)
            container.mux(voice.encode(sound))
        container.mux(voice.encode(None))
    return path


def loudness(path, pitch):
    """Seconds, about, in which a pitch is heard."""
    samples = heard(path)[0].astype(float)
    whole = samples[: len(samples) // 960 * 960].reshape(-1, 960) / np.abs(samples).max()
    t = np.arange(960) / RATE
    level = np.abs(whole @ np.exp(-2j * np.pi * pitch * t)) / 960
    return float((level > 0.1).sum() * 0.02)


@pytest.mark.parametrize(
    ("suffix", "edits"),
    [
        (".mov", [(1, 1)]),
        (".mkv", [(1, 1)]),
        (".mp4", [(1, 1), (3, 0.96)]),
        (".mkv", [(1, 1), (3, 0.96)]),
        (".mkv", [(3, 0.96), (1, 1)]),
    ],
)
def test_what_an_edit_list_hides_stays_hidden(alternating, tmp_path, suffix, edits):
    """The edits show only what has 1320 Hz; 440 Hz would be hidden sound."""
    clip = tmp_path / "x.mov"
    clip.write_bytes(alternating.read_bytes())
    set_edits(clip, edits)
    length = sum(seconds for _, seconds in edits)
    assert loudness(clip, 1320) == pytest.approx(length, abs=0.08)  # PyAV obeys edit lists
    _, sink = clips.copy(clip, tmp_path / f"y{suffix}", encoder=EncoderSettings(crf=40))
    assert not [note for note in sink.notes if "damaged" in note]
    assert loudness(tmp_path / f"y{suffix}", 1320) == pytest.approx(length, abs=0.08)
    assert loudness(tmp_path / f"y{suffix}", 440) <= 0.02 * (1 + len(edits))
    with av.open(str(tmp_path / f"y{suffix}")) as container:
        starts = [stream.start_time * stream.time_base for stream in container.streams]
    assert all(abs(start) <= Fraction(22, 1000) for start in starts)
