"""Segments by hand, on slices whose best cut is known, and against scikit-image's watershed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from scipy.spatial import cKDTree
from skimage import graph
from skimage.measure import label
from skimage.segmentation import watershed

from segcore.measures import score_segments, true_neurites
from segcore.segments import cut, find_basins


def rooms(wall, gap=None, side=48):
    """Four rooms between walls of a probability of membrane, one of them with a gap of another."""
    probability = np.full((side, side), 250, np.uint8)
    middle = side // 2
    probability[middle - 1 : middle + 1] = probability[:, middle - 1 : middle + 1] = round(255 * (1 - wall))
    if gap is not None:
        probability[8:14, middle - 1 : middle + 1] = round(255 * (1 - gap))
    return probability


def partition(segments):
    return len(np.unique(segments))


def test_four_rooms():
    basins = find_basins(rooms(0.9), 1)
    assert partition(basins.labels) == 4
    assert basins.labels.min() == 1
    assert len(basins.membrane) == 4
    segments = cut(basins, 0.5)
    assert partition(segments) == 4
    quarters = [segments[y, x] for y in (5, 40) for x in (5, 40)]
    assert len({*quarters}) == 4


def test_a_threshold_joins_through_a_gap_and_a_multicut_does_not():
    """A quarter of one wall is missing: at any threshold two rooms are one, by the mean of the border they are two."""
    probability = rooms(0.9, gap=0.1)
    assert true_neurites(probability > 127).max() == 3
    assert partition(cut(find_basins(probability, 1), 0.5)) == 4


@pytest.mark.parametrize(("bias", "segments"), [(0.05, 1), (0.5, 1), (0.95, 4)])
def test_the_bias_decides_what_a_faint_wall_is(bias, segments):
    """Walls of 0.3: neutral at a bias of about 0.7."""
    basins = find_basins(rooms(0.3), 1)
    assert partition(basins.labels) == 4
    assert partition(cut(basins, bias)) == segments


def test_small_segments_go_to_their_neighbours():
    probability = rooms(0.9)
    probability[2:9, 2:9] = 10
    probability[4:7, 4:7] = 250  # a speck of nine pixels behind a wall of its own
    basins = find_basins(probability, 0.5)
    assert partition(cut(basins, 0.5, 0)) > 4
    found = cut(basins, 0.5, 100)
    assert np.bincount(found.ravel())[1:].min() >= 100


def test_numbers_have_no_gaps_and_every_pixel_has_one():
    rng = np.random.default_rng(0)
    probability = (255 * ndimage.gaussian_filter(rng.random((60, 70)), 2)).astype(np.uint8)
    found = cut(find_basins(probability, 1), 0.6)
    assert np.unique(found).tolist() == list(range(1, found.max() + 1))


@pytest.mark.parametrize("value", [0, 128, 255])
@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (6, 1), (9, 8)])
def test_slices_of_one_value_are_one_segment(value, shape):
    found = cut(find_basins(np.full(shape, value, np.uint8), 1), 0.5)
    assert (found == 1).all()


@given(st.integers(0, 2**32 - 1), st.floats(0.05, 0.95))
@settings(max_examples=20)
def test_the_same_slice_gives_the_same_segments_and_they_hang_together(seed, bias):
    rng = np.random.default_rng(seed)
    probability = (255 * (ndimage.gaussian_filter(rng.random((40, 40)), 1.5) > 0.5)).astype(np.uint8)
    basins = find_basins(probability, 1)
    found = cut(basins, bias)
    np.testing.assert_array_equal(found, cut(find_basins(probability, 1), bias))
    assert label(found, connectivity=1).max() == found.max()
    # A cut joins whole basins, as long as none is too small.
    joined = cut(basins, bias, 0)
    assert all(len(np.unique(joined[basins.labels == number])) == 1 for number in np.unique(basins.labels))


def test_basins_are_those_of_scikit_images_watershed():
    """On well separated rooms, where ties of the flooding do not decide."""
    probability = rooms(0.9)
    basins = find_basins(probability, 2)
    markers = np.zeros(basins.labels.shape, np.int32)
    for number, (y, x) in enumerate(((8, 8), (8, 40), (40, 8), (40, 40)), start=1):
        markers[y, x] = number
    other = watershed(ndimage.gaussian_filter(1 - probability / 255, 2), markers)
    assert score_segments(other, basins.labels).v_rand > 0.97
    assert basins.areas_px.tolist() == np.bincount(basins.labels.ravel()).tolist()


def cells(seed, side=96, number=14):
    """Probability of interior of a slice of cells between walls of uneven strength, with noise."""
    rng = np.random.default_rng(seed)
    centres = rng.uniform(0, side, (number, 2))
    pixels = np.stack(np.mgrid[:side, :side], axis=-1).reshape(-1, 2)
    nearest, _ = cKDTree(centres).query(pixels, k=2)
    wall = 0.9 * np.exp(-((np.diff(nearest).reshape(side, side) / 3) ** 2))
    noise = ndimage.gaussian_filter(rng.normal(0, 1, (side, side)), 2)
    return np.rint(255 * (1 - np.clip(wall + 0.3 * noise, 0, 1))).astype(np.uint8)


@pytest.mark.parametrize("tile_px", [64, 100, 250])
def test_tiles_make_the_segments_of_the_whole(tile_px):
    """Walls along and across the lines between tiles; basins beside a line are others, neurites are not."""
    agreement = []
    for seed in range(5):
        probability = cells(seed, side=300, number=60)
        whole, tiled = find_basins(probability, 1), find_basins(probability, 1, tile_px=tile_px)
        assert np.unique(tiled.labels).tolist() == list(range(1, len(tiled.areas_px)))
        assert label(tiled.labels, connectivity=1).max() == tiled.labels.max()
        assert partition(tiled.labels) > partition(whole.labels)
        found = cut(tiled, 0.5)
        assert np.unique(found).tolist() == list(range(1, found.max() + 1))
        agreement.append(score_segments(found, cut(whole, 0.5)).v_rand)
    assert min(agreement) > 0.97
    assert np.mean(agreement) > 0.99


def test_a_wall_on_the_line_between_tiles_stays_a_wall():
    probability = rooms(0.9)
    assert partition(cut(find_basins(probability, 1, tile_px=24), 0.5)) == 4
    assert partition(cut(find_basins(rooms(0.05), 1, tile_px=24), 0.5)) == 1


def merged_by_hierarchy(basins, membrane, bias):
    """What scikit-image makes of the basins: the faintest border first, as long as its mean is below 1 - `bias`."""

    def mean(rag, source, target, other):
        borders = [rag[node][other] for node in (source, target) if rag[node].get(other)]
        count = sum(one["count"] for one in borders)
        return {"count": count, "weight": sum(one["count"] * one["weight"] for one in borders) / count}

    return 1 + graph.merge_hierarchical(
        basins.labels, graph.rag_boundary(basins.labels, membrane), thresh=1 - bias, rag_copy=False,
        in_place_merge=True, merge_func=lambda rag, source, target: None, weight_func=mean,
    )  # fmt: skip


@pytest.mark.parametrize("bias", [0.4, 0.5, 0.6])
def test_segments_are_those_of_scikit_images_hierarchical_merging(bias):
    """Both join what no wall parts; on few borders they differ, as a cut looks at all borders together."""
    agreement = []
    for seed in range(20):
        probability = cells(seed)
        basins = find_basins(probability, 1)
        joined = merged_by_hierarchy(basins, 1 - probability / 255, bias)
        assert 10 < partition(joined) < partition(basins.labels)
        agreement.append(score_segments(cut(basins, bias, 0), joined).v_rand)
    assert min(agreement) > 0.95
    assert np.mean(agreement) > 0.995
