"""Histogram matching against skimage, its threshold, and mode hist-match."""

import numpy as np
from skimage.exposure import match_histograms as skimage_match
from support.blending import difference, make_swap, scene

from converters.blending.blender import Blender
from converters.blending.hist_match import match_histograms as match_by_statistics
from converters.look import Look
from facelib.color_transfer.statistics import Colors, Match


def match_histograms(source, target, counted, threshold=255):
    ones = np.ones(np.count_nonzero(counted), np.float32)
    match = Match(Colors(source[counted], ones), Colors(target[counted], ones))
    return match_by_statistics(source, match, threshold)


def test_histogram_matching_agrees_with_skimage():
    rng = np.random.default_rng(5)
    source = rng.beta(2, 5, (64, 64, 3)).astype(np.float32)
    target = rng.normal(0.6, 0.1, (64, 64, 3)).clip(0, 1).astype(np.float32)
    everything = np.ones((64, 64), bool)
    ours = match_histograms(source, target, everything)
    np.testing.assert_allclose(ours, skimage_match(source, target, channel_axis=2), atol=1e-6)


def test_histogram_matching_of_levels_agrees_with_skimage(astronaut):
    source, target = astronaut[60:188, 160:288], astronaut[300:428, 160:288]
    everything = np.ones((128, 128), bool)
    ours = match_histograms(source.astype(np.float32), target.astype(np.float32), everything)
    assert np.abs(ours - skimage_match(source, target, channel_axis=2)).max() <= 1


def test_masked_matching_counts_only_the_mask():
    rng = np.random.default_rng(6)
    source, target = rng.uniform(0, 0.5, (2, 64, 64, 3)).astype(np.float32)
    target += 0.4
    counted = np.zeros((64, 64), bool)
    counted[16:48, 10:50] = True
    ours = match_histograms(source, target, counted)
    theirs = skimage_match(source[counted], target[counted], channel_axis=1)
    np.testing.assert_allclose(ours[counted], theirs, atol=1e-6)
    # pixels outside the mask may be anything, for example white
    target[~counted] = 1
    np.testing.assert_array_equal(match_histograms(source, target, counted), ours)


def test_the_threshold_holds_back_the_bright_end():
    rng = np.random.default_rng(7)
    source, target = rng.uniform(0, 1, (2, 64, 64, 1)).astype(np.float32)
    everything = np.ones((64, 64), bool)
    brightest = [
        match_histograms(source, target, everything, level).max() for level in (51, 128, 255)
    ]
    expected = np.quantile(target, [51 / 255, 128 / 255, 1])
    np.testing.assert_allclose(brightest, expected, atol=1e-3)


def test_hist_match_restores_the_colors_of_the_frame(astronaut, face_landmarks):
    frame, landmarks = scene(astronaut, face_landmarks, 2)
    swap = make_swap(frame, landmarks, 128, tint=np.float32([0.8, 0.9, 0.7]))
    plain = Blender(Look())(frame, [swap]).image
    for masked in (True, False):
        look = Look(mode="hist-match", masked_hist_match=masked)
        matched = Blender(look)(frame, [swap]).image
        assert difference(matched, frame).mean() < 0.35 * difference(plain, frame).mean()
