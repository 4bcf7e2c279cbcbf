"""The number in an image's name says which frame it is. Oracles: PyAV's packets, and arithmetic."""

from fractions import Fraction
from pathlib import Path

import pytest
from support import clips
from support.clips import make_clip, picture, sound_of, times_of
from support.conversion import INVERT, options, write_footage

from converters import convert
from converters.footage import Footage
from tools.video import denoise, extract, make
from tools.video.options import DenoiseOptions, ExtractFramesOptions, MakeOptions
from utils.console import ExitStatus
from utils.errors import InputError, UsageError
from utils.images import read_image, write_image
from utils.video.frame import Span
from utils.video.numbering import numbers_in_names
from utils.video.source import FolderSource

GAP = [*range(1, 8), *range(18, 31)]  # 0001 .. 0030 without 0008 .. 0017


def folder_with(path, names, start=0):
    for place, name in enumerate(names):
        write_image(path / name, picture(start + place))
    return path


@pytest.mark.parametrize(
    ("names", "numbers"),
    [
        (["0001.png", "0002.png", "0005.jpg"], [1, 2, 5]),
        (["shot2_7.png", "shot2_10.png"], [7, 10]),
        (["7_out.png", "8_out.png"], [7, 8]),
        (["3.png", "3.jpg", "4.png"], [3, 3, 4]),
        (["a.png", "b.png"], None),
        (["1.png", "x.png"], None),
        (["a_1.png", "a_2.png", "b_1.png"], None),
        (["1.png", "01.png"], None),
        (["1700000000001.png", "1700000000041.png"], None),
    ],
)
def test_the_last_number_in_a_name_counts_if_it_rises(names, numbers):
    assert numbers_in_names([Path(name) for name in names]) == numbers


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_gaps_keep_their_time_and_it_is_said(tmp_path, suffix):
    folder = folder_with(tmp_path / "in", [f"{number:04d}.png" for number in GAP])
    result = tmp_path / f"x.{suffix}"
    report = make.run(MakeOptions(input_dir=folder, output_file=result, rate=25.0))
    wanted = [Fraction(number - 1, 25) for number in GAP]
    assert times_of(result) == wanted
    [note] = report.notes["the result"]
    assert '"0007.png" (10)' in note
    even = folder_with(tmp_path / "even", [f"{number:04d}.png" for number in range(5)])
    report = make.run(MakeOptions(input_dir=even, output_file=tmp_path / "y.mp4", rate=25.0))
    assert not report.notes["the result"]


def test_gaps_keep_their_time_in_the_other_stages(tmp_path):
    write_footage(tmp_path, count=4)
    frames = sorted((tmp_path / "frames").iterdir())
    numbers = [int(path.stem) for path in frames]
    kept = [number for number in numbers if number != numbers[2]]
    frames[2].unlink()
    report = convert.run(options(tmp_path, "x.mp4", rate=25.0), INVERT)
    assert times_of(tmp_path / "x.mp4") == [Fraction(n - kept[0], 25) for n in kept]
    assert any(f'"{frames[1].name}" (1)' in note for note in report.notes["the result"])
    chosen = DenoiseOptions(input_dir=tmp_path / "frames", output_dir=tmp_path / "y.mp4")
    report = denoise.run(chosen)
    assert times_of(tmp_path / "y.mp4") == times_of(tmp_path / "x.mp4")
    assert any("(1)" in note for note in report.notes["the result"])


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return make_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", clips.UNEVEN)


def renumbered(clip, folder, by, name="{:06d}.png"):
    """The images of a clip, numbered from `by` on instead of from 0."""
    extract.run(ExtractFramesOptions(input_file=clip, output_dir=folder))
    for place, file in reversed(list(enumerate(sorted(folder.glob("*.png"))))):
        file.rename(folder / name.format(place + by))
    return folder


@pytest.mark.parametrize(("name", "by"), [("{:06d}.png", 1), ("clip.{:05d}.png", 0)])
def test_all_images_of_a_video_get_their_times_counted_from_0_or_1(clip, tmp_path, by, name):
    folder = renumbered(clip, tmp_path / "in", by, name)
    (folder / "timestamps.json").unlink()
    result = tmp_path / "x.mp4"
    report = make.run(MakeOptions(input_dir=folder, output_file=result, reference_file=clip))
    assert report.status is ExitStatus.DONE
    assert times_of(result) == times_of(clip)
    assert [data for _, data in sound_of(result)] == [data for _, data in sound_of(clip)]
    assert any("numbered from 1" in note for note in report.notes["the result"]) == (by == 1)


@pytest.mark.parametrize("way", ["reference_file", "timestamps"])
def test_a_part_counted_from_elsewhere_needs_the_first_number(clip, tmp_path, way):
    folder = renumbered(clip, tmp_path / "in", 1001)
    (folder / "timestamps.json").rename(tmp_path / "times.json")
    for file in sorted(folder.glob("*.png"))[30:]:
        file.unlink()
    sorted(folder.glob("*.png"))[3].unlink()
    given = {way: clip if way == "reference_file" else tmp_path / "times.json"}
    chosen = {"input_dir": folder, **given}
    with pytest.raises(InputError, match="--first-number"):
        make.run(MakeOptions(output_file=tmp_path / "x.mp4", **chosen))
    report = make.run(MakeOptions(output_file=tmp_path / "x.mp4", first_number=1001, **chosen))
    times = times_of(clip)[:30]
    del times[3]
    assert times_of(tmp_path / "x.mp4") == times
    assert any("no image of 1 frame(s)" in note for note in report.notes["the result"])


def test_the_first_number_of_images_without_times_is_refused(tmp_path):
    folder = folder_with(tmp_path / "in", ["5.png"])
    with pytest.raises(UsageError, match="--reference-file"):
        make.run(
            MakeOptions(input_dir=folder, output_file=tmp_path / "x.mp4", first_number=5, rate=25.0)
        )


def test_from_and_to_on_a_folder_are_the_numbers_in_the_names(tmp_path):
    folder = folder_with(tmp_path / "in", [f"{number:04d}.png" for number in GAP])

    def names(first, last):
        footage = Footage.open(folder, first, last)
        return [int(Path(frame.name).stem) for frame in footage.source.frames(footage.span)]

    assert names("3", "5") == [3, 4, 5]
    assert names("7", "19") == [7, 18, 19]
    assert names("10", None) == [*range(18, 31)]
    assert names(None, "9") == [*range(1, 8)]
    assert names("0", "99") == GAP
    for first, last in (("8", "17"), ("31", None), (None, "0")):
        with pytest.raises(UsageError, match="its numbers go from 1 to 30"):
            names(first, last)
    with pytest.raises(UsageError, match="no times"):
        names("1s", None)
    plain = folder_with(tmp_path / "plain", ["a.png", "b.png", "c.png"])
    footage = Footage.open(plain, "1", "1")
    assert [frame.name for frame in footage.source.frames(footage.span)] == ["b.png"]


def test_a_note_names_only_the_gaps_of_the_part(tmp_path):
    names = [f"{number}.png" for number in (1, 3, 5, 7, 9, 11, 20)]
    source = FolderSource(folder_with(tmp_path / "in", names))
    [note] = source.gap_notes()
    assert "3 more" in note
    [note] = source.gap_notes(Span(5, 6))
    assert '"11.png" (8)' in note
    assert "9.png" not in note
    assert not source.gap_notes(Span(6, 6))


def test_a_converted_part_of_a_folder_begins_at_its_number(tmp_path):
    write_footage(tmp_path, count=5)
    frames = sorted((tmp_path / "frames").iterdir())
    numbers = [int(path.stem) for path in frames]
    chosen = options(tmp_path, "out", from_=str(numbers[2]), to=str(numbers[3]))
    convert.run(chosen, INVERT)
    assert sorted(path.name for path in (tmp_path / "out").glob("*.png")) == [
        path.name for path in frames[2:4]
    ]
    assert read_image(tmp_path / "out" / frames[2].name).shape == read_image(frames[2]).shape
