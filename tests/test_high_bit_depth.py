"""Converted frames with the footage's own depth, against the plain formula in whole numbers."""

import numpy as np
import pytest

from converters.blending.high_bit_depth import restore_16_bit


def plain(image16, before, after):
    """The change of each pixel added to it; black and white that are new stay pure."""
    old, new = before.astype(np.int64), after[..., :3].astype(np.int64)
    restored = np.clip(image16 + (new - old) * 257, 0, 65535)
    pure = (old != new) & ((new == 0) | (new == 255))
    return np.where(pure, new * 257, restored).astype(np.uint16)


def every_change(rng):
    """Each 8-bit value that becomes each other, over random lower bits of the original."""
    before, after = np.indices((256, 256)).astype(np.uint8)
    before, after = (np.repeat(image[..., None], 3, axis=2) for image in (before, after))
    low = rng.integers(-128, 129, before.shape)
    return np.clip(before.astype(int) * 257 + low, 0, 65535).astype(np.uint16), before, after


def test_every_change_of_a_value_is_that_of_the_plain_formula():
    image16, before, after = every_change(np.random.default_rng(0))
    np.testing.assert_array_equal(
        restore_16_bit(image16, before, after), plain(image16, before, after)
    )


@pytest.mark.parametrize(
    "changed",
    [
        np.s_[0:0],
        np.s_[0, 0, 2],
        np.s_[30, 20, 0],
        np.s_[7, 3, 1],
        np.s_[2:9, 20],
        np.s_[4:20:5, 1:19:7, 1],
        np.s_[:],
    ],
    ids=["nothing", "first", "last", "one channel", "right edge", "scattered", "all"],
)
@pytest.mark.parametrize("alpha", [False, True])
def test_wherever_a_frame_changes_its_depth_is_kept(changed, alpha):
    rng = np.random.default_rng(1)
    image16 = rng.integers(0, 65536, (31, 21, 3), dtype=np.uint16)
    before = np.rint(image16 / 257).astype(np.uint8)
    after = before.copy()
    after[changed] ^= rng.integers(1, 256, after[changed].shape, dtype=np.uint8)
    wanted = plain(image16, before, after)
    if alpha:
        layer = rng.integers(0, 256, (31, 21), dtype=np.uint8)
        after, wanted = np.dstack([after, layer]), np.dstack([wanted, layer * np.uint16(257)])
    originals = image16.copy(), before.copy(), after.copy()

    restored = restore_16_bit(image16, before, after)

    assert restored.dtype == np.uint16
    np.testing.assert_array_equal(restored, wanted)
    for image, original in zip((image16, before, after), originals, strict=True):
        np.testing.assert_array_equal(image, original)
    assert not np.shares_memory(restored, image16)
