"""Numbered objects and classes become masks of interior and membrane, or are refused with what helps."""

import numpy as np
import pytest
import tifffile
from bringing import import_source
from scipy import ndimage
from skimage.segmentation import find_boundaries

from segcore.config import SplitConfig
from segcore.data import ClassValues
from segcore.data.label_kinds import (
    interior_of_instances,
    is_one_of,
    look_like_instances,
    numbers_of_instances,
    value_text,
)
from segcore.errors import DataError
from segcore.runs import Split, audit_split, make_split
from segcore.stacks import IGNORE, array_stack

NUMBERS = np.array([[1, 1, 1, 2, 2, 2], [1, 1, 1, 2, 2, 2], [3, 3, 3, 3, 0, 0]], np.uint32)


def test_membrane_between_numbers_by_hand():
    one = [[1, 1, 0, 1, 1, 1], [0, 0, 0, 0, 0, 0], [1, 1, 1, 0, 0, 0]]
    two = [[1, 1, 0, 0, 1, 1], [0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0]]
    np.testing.assert_array_equal(interior_of_instances(NUMBERS, 1), 255 * np.array(one))
    np.testing.assert_array_equal(interior_of_instances(NUMBERS, 2), 255 * np.array(two))


def tissue(slices=6, side=96, seed=0):
    """Numbered, touching cells (nearest of some points), and images of them with dark rims."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(0, side, (24, 2))
    y, x = np.mgrid[:side, :side]
    images, numbers = [], []
    for z in range(slices):
        moved = points + 0.8 * z
        page = np.hypot(y[..., None] - moved[:, 0], x[..., None] - moved[:, 1]).argmin(axis=-1) + 1
        rim = ndimage.distance_transform_edt(~find_boundaries(page, mode="thick")) < 2
        images.append(np.where(rim, 60, 170) + rng.normal(0, 8, rim.shape))
        numbers.append(page)
    return np.stack(images).clip(0, 255).astype(np.uint8), np.stack(numbers).astype(np.uint32)


@pytest.fixture
def bring(tmp_path, data_dir):
    """Imports images and labels with options; gives the dataset."""

    def imported(images, labels, **options):
        tifffile.imwrite(tmp_path / "i.tif", images, photometric="minisblack")
        tifffile.imwrite(tmp_path / "l.tif", labels, photometric="minisblack")
        return import_source(tmp_path / "i.tif", "mine", labels=tmp_path / "l.tif", **options)[0]

    return imported


def said(dataset, check):
    return next(one.message for one in dataset.info.checks if one.name == f"mine: {check}")


def test_numbered_objects_are_recognised_and_separated(bring):
    images, numbers = tissue()
    dataset = bring(images, numbers)
    assert said(dataset, "numbered objects").startswith("recognised: 0 and lines of 2 px between two numbers")
    for page, label in zip(numbers, dataset.labels, strict=True):
        # Two pixels wide is scikit-image's `thick`, which looks at four neighbours.
        np.testing.assert_array_equal(label == 0, find_boundaries(page, connectivity=1, mode="thick"))
    assert dataset.info.numbered
    np.testing.assert_array_equal(dataset.numbers, numbers)
    wide = interior_of_instances(numbers[0], 5)
    assert (wide == 0).sum() > 1.5 * (np.asarray(dataset.labels[0]) == 0).sum()


def test_masks_have_no_numbers(bring):
    images, numbers = tissue()
    dataset = bring(images, np.stack([interior_of_instances(page, 3) for page in numbers]))
    assert not dataset.info.numbered
    assert dataset.numbers is None


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.uint64])
def test_numbers_are_kept_as_they_are(dtype):
    numbers = np.array([[[0, 7], [7, 255]]], dtype)
    found = numbers_of_instances(array_stack(numbers), (255,))
    assert found.kept
    assert found.stack.read(0).dtype == np.uint32
    assert found.stack.read(0).tolist() == [[0, 7], [7, 0]]


def test_numbers_of_whole_brains_are_replaced_in_their_order(bring):
    huge = 720575940600000000
    numbers = np.array([[[0, huge + 5], [huge, 3]], [[huge + 5, 9], [0, 2**64 - 1]]], np.uint64)
    found = numbers_of_instances(array_stack(numbers), (2**64 - 1,))
    assert not found.kept
    assert [found.stack.read(z).tolist() for z in (1, 0)] == [[[4, 2], [0, 0]], [[0, 4], [3, 1]]]
    negative = numbers_of_instances(array_stack(np.array([[[0, -4], [2, -1]]], np.int16)), (-1,))
    assert negative.stack.read(0).tolist() == [[0, 1], [2, 0]]
    images, small = tissue()
    dataset = bring(images, small.astype(np.uint64) + huge)
    assert "replaced by 1, 2, 3 .. in their order" in said(dataset, "numbered objects")
    np.testing.assert_array_equal(dataset.numbers, small)


def test_few_objects_have_to_be_declared(bring):
    images, numbers = tissue()
    numbers = numbers % 8 + 1
    with pytest.raises(DataError, match=r"found 8 values: 1 \(.*--labels-are instances if they number objects"):
        bring(images, numbers)
    assert said(bring(images, numbers, labels_are="instances"), "numbered objects").startswith("declared")


def test_two_touching_cells_are_neither_membrane_nor_interior(bring):
    images, numbers = tissue()
    with pytest.raises(DataError, match=r"ambiguous which value of the labels is membrane.*--labels-are instances"):
        bring(images, np.where(numbers > 12, 2, 1).astype(np.uint8))


def test_dark_cells_in_bright_space_are_not_taken_for_membrane(bring):
    y, x = np.mgrid[:128, :128]
    cells = np.hypot(y % 32 - 16, x % 32 - 16) < 10
    images = np.stack([np.where(cells, 70, 200).astype(np.uint8)] * 3)
    with pytest.raises(DataError, match="ambiguous"):
        bring(images, np.stack([cells.astype(np.uint8) * 255] * 3))


def test_classes_by_their_values(bring):
    images, numbers = tissue()
    rims = np.stack([find_boundaries(page) for page in numbers])
    labels = np.where(rims, 7, np.where(numbers % 5 == 0, 3, 1)).astype(np.uint8)
    dataset = bring(images, labels, class_values=ClassValues(membrane=(7,), interior=(1, 3)))
    np.testing.assert_array_equal(dataset.labels, np.where(rims, 0, 255))
    assert said(dataset, "classes") == (f"7 is membrane ({100 * rims.mean():.1f} %) and 1, 3 is interior, as told")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"class_values": ClassValues(membrane=(7,))}, "values of membrane; expected both"),
        ({"labels_are": "classes"}, "found values of neither"),
        ({"class_values": ClassValues(membrane=(7,), interior=(1,))}, "in no list; found 3"),
        ({"class_values": ClassValues(membrane=(8,), interior=(1, 3, 7))}, "one of the two classes only; found inter"),
        ({"labels_are": "instances", "class_values": ClassValues(interior=(1,))}, "--labels-are classes"),
        ({"labels_are": "instances", "polarity": "interior-white"}, "--polarity is for masks of membrane"),
        ({"labels_are": "instances", "threshold_labels": 3}, "--threshold-labels is for masks of membrane"),
        ({"labels_are": "instances", "membrane_px": 0}, "--membrane-px of 1 or more"),
        ({"labels_are": "numbers"}, "expected auto or membrane-mask or instances or classes"),
        ({"labels_are": "membrane-mask"}, r"found 3 values: 1 \(\d+\.\d %\), 3 \(\d+\.\d %\), 7"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(options, words, bring, data_dir, listing):
    images, numbers = tissue()
    labels = np.where(find_boundaries(numbers), 7, np.where(numbers % 5 == 0, 3, 1)).astype(np.uint8)
    with pytest.raises(DataError, match=words):
        bring(images, labels, **options)
    assert listing(data_dir) == []


def test_one_value_cannot_be_two_classes():
    with pytest.raises(DataError, match="found 3; expected each value in one list"):
        ClassValues(membrane=(0, 3), interior=(1, 3))


def test_numbers_with_a_decimal_point_are_refused(bring):
    images, numbers = tissue()
    with pytest.raises(DataError, match="whole numbers; found float32"):
        bring(images, numbers.astype(np.float32), labels_are="instances")


def test_noise_does_not_look_like_instances():
    noise = np.random.default_rng(0).integers(0, 5000, (3, 60, 60), np.uint16)
    assert not look_like_instances(array_stack(noise))
    assert look_like_instances(array_stack(tissue()[1]))


def unlabelled():
    images, numbers = tissue()
    labels = np.stack([interior_of_instances(page, 3) for page in numbers])
    labels[[1, 4]] = 255
    return images, labels


def test_slices_that_nobody_labelled_are_named_and_asked_for(bring):
    with pytest.raises(DataError, match="2 of 6 slices hold one class only") as caught:
        bring(*unlabelled())
    assert "found 001 (interior), 004 (interior)" in str(caught.value)
    assert "--unlabelled-slices ignore, or keep" in str(caught.value)


def test_slices_that_nobody_labelled_are_ignored(bring):
    images, labels = unlabelled()
    dataset = bring(images, labels, unlabelled_slices="ignore")
    assert dataset.info.unlabelled_slices == (1, 4)
    assert dataset.info.ignored_percent == (0, 100, 0, 0, 100, 0)
    assert dataset.info.membrane_percent[1] == 0
    np.testing.assert_array_equal(dataset.labels[1], IGNORE)
    np.testing.assert_array_equal(dataset.labels[0], labels[0])
    assert said(dataset, "labelled slices") == (
        "4 of 6 hold both classes; ignored, as they hold one class only: 001 (interior), 004 (interior); "
        "33.33 % of the pixels are ignored: not learned from, and in no figure"
    )
    split = make_split(6, SplitConfig(test_fraction=0.25, gap=0), left_out=dataset.info.unlabelled_slices)
    assert not {1, 4} & {*split.train, *split.validation, *split.test}


def test_slices_of_one_class_are_kept(bring):
    images, labels = unlabelled()
    dataset = bring(images, labels, unlabelled_slices="keep")
    assert dataset.info.unlabelled_slices == ()
    assert dataset.info.one_class_slices == (1, 4)
    np.testing.assert_array_equal(dataset.labels, labels)


def test_a_value_to_ignore_in_a_mask(bring):
    images, numbers = tissue()
    labels = np.stack([interior_of_instances(page, 3) for page in numbers])
    labels[:, :, :20] = 128
    with pytest.raises(DataError, match=r"128 \(20.8 %\).*--ignore-values"):
        bring(images, labels)
    dataset = bring(images, labels, class_values=ClassValues(ignore=(128,)))
    np.testing.assert_array_equal(dataset.labels, labels)
    assert said(dataset, "two values in the masks") == (
        "the values are 0 and 255; 128 is ignored (20.8 % of the pixels)"
    )
    assert dataset.info.ignored_percent == pytest.approx([100 * 20 / 96] * 6, abs=1e-3)


def test_a_value_to_ignore_that_is_not_there(bring):
    images, numbers = tissue()
    labels = np.stack([interior_of_instances(page, 3) for page in numbers])
    with pytest.raises(DataError, match="no pixel of the masks has a value that is to be ignored; found none of 7"):
        bring(images, labels, class_values=ClassValues(ignore=(7,)))


def test_values_to_ignore_among_classes_and_numbers():
    numbers = tissue()[1]
    classes = np.where(numbers % 2 == 0, 3, 1).astype(np.int16)
    classes[:, ::12] = 7
    classes[:, :, 90:] = -1
    values = ClassValues(membrane=(7,), interior=(1, 3), ignore=(-1,))
    np.testing.assert_array_equal(values.label_of(classes[0])[:, 90:], IGNORE)
    assert values.label_of(classes[0])[0, 0] == 0
    far = interior_of_instances(np.array([[5, 5, 0, 0, 9, 9]]), 2, (0,))
    assert far.tolist() == [[255, 255, IGNORE, IGNORE, 255, 255]]


def test_masks_that_were_inverted_in_some_slices_are_named(bring):
    images, numbers = tissue()
    labels = np.stack([interior_of_instances(page, 3) for page in numbers])
    labels[[1, 4]] = 255 - labels[[1, 4]]
    found = said(bring(images, labels, polarity="interior-white"), "labelled slices")
    assert "WARNING: much more membrane than in the others (" in found
    assert "as if inverted: 001 (" in found
    assert "004 (" in found


def test_masks_of_other_images_are_doubted(bring):
    images, numbers = tissue()
    labels = np.stack([interior_of_instances(page, 3) for page in numbers])
    found = said(bring(images, labels[:, ::-1, ::-1], polarity="interior-white"), "masks fit their images")
    assert found.startswith("WARNING: membrane and interior are equally bright")


def test_padding_of_the_images_is_ignored(bring):
    images, numbers = tissue()
    labels = np.stack([interior_of_instances(page, 3) for page in numbers])
    images[:, 70:] = 0
    dataset = bring(images, labels)
    np.testing.assert_array_equal(dataset.labels[:, 70:], IGNORE)
    np.testing.assert_array_equal(dataset.labels[:, :70], labels[:, :70])


def test_a_lost_section_is_left_out_and_no_copy_of_another(bring):
    images, numbers = tissue()
    labels = np.stack([interior_of_instances(page, 3) for page in numbers])
    images[[2, 3]], labels[[2, 3]] = 0, 0
    dataset = bring(images, labels)
    assert dataset.info.unlabelled_slices == (2, 3)
    assert dataset.info.slice_fingerprints[2:4] == ("", "")
    assert "left out, as nothing of them is tissue with a label: 002, 003" in said(dataset, "labelled slices")
    whole = Split(protocol="blocks", slices=6, train=(0, 1, 2), validation=(3,), gap=(), test=(4, 5))
    assert not audit_split(whole, dataset.info.slice_fingerprints).leaks


def test_an_ignored_value_is_not_taken_for_a_smeared_mask(bring):
    images, numbers = tissue()
    labels = (np.stack([interior_of_instances(page, 3) for page in numbers]) > 0).astype(np.uint8)
    labels[:, :70] = 255
    with pytest.raises(DataError, match="found 3 values") as raised:
        bring(images, labels)
    assert "JPEG" not in str(raised.value)
    assert "--threshold-labels" not in str(raised.value)


HUGE = 2**64 - 1


def cremi_like(code=HUGE, dtype=np.uint64):
    """Numbered cells of which nobody labelled the left 20 of 96 columns."""
    images, numbers = tissue()
    numbers = numbers.astype(dtype)
    numbers[:, :, :20] = code
    return images, numbers


@pytest.mark.parametrize(("code", "dtype"), [(HUGE, np.uint64), (-1, np.int64), (65535, np.uint16)])
def test_a_code_for_what_nobody_labelled_is_ignored_and_no_neurite(code, dtype, bring):
    images, numbers = cremi_like(code, dtype)
    dataset = bring(images, numbers, labels_are="instances", class_values=ClassValues(ignore=(code,)))
    assert dataset.info.ignored_percent == pytest.approx([100 * 20 / 96] * 6, abs=1e-3)
    np.testing.assert_array_equal(np.unique(dataset.numbers), np.unique([0, *numbers[:, :, 20:].ravel()]))
    assert f"{code} is ignored (20.8 % of the pixels)" in said(dataset, "numbered objects")


def test_a_value_to_ignore_that_no_number_is(bring, data_dir, listing):
    with pytest.raises(DataError, match=f"none of -1 among numbers from .* to {HUGE}; expected --ignore-values {HUGE}"):
        bring(*cremi_like(), labels_are="instances", class_values=ClassValues(ignore=(-1,)))
    assert listing(data_dir) == []


@pytest.mark.parametrize(("code", "dtype"), [(HUGE, np.uint64), (2**32 - 1, np.uint32), (-1, np.int32)])
def test_a_code_that_counts_as_a_neurite_is_warned_of(code, dtype, bring):
    found = said(bring(*cremi_like(code, dtype), labels_are="instances"), "numbered objects")
    assert f"WARNING: {code} counts as a neurite" in found
    assert found.endswith(f"--ignore-values {code}")


def test_plain_numbers_are_not_warned_of(bring):
    assert "WARNING" not in said(bring(*tissue()), "numbered objects")


@pytest.mark.parametrize(("code", "dtype"), [(HUGE, np.uint64), (65535, np.uint16), (255, np.uint8)])
def test_one_value_far_above_the_others_is_no_smeared_mask(code, dtype, bring):
    with pytest.raises(DataError, match=f"far above all others.*--ignore-values {code} if it is one") as caught:
        bring(*cremi_like(code, dtype))
    assert "--threshold-labels" not in str(caught.value)


def test_whole_numbers_are_compared_as_such():
    page = np.array([[HUGE, HUGE - 1, 2**53 + 1, 0]], np.uint64)
    assert is_one_of(page, (HUGE, -1)).tolist() == [[True, False, False, False]]
    assert is_one_of(page, (2**53, 0.5, float("inf"))).tolist() == [[False] * 4]
    assert is_one_of(np.array([[-1, 255]], np.int16), (HUGE, 255.0)).tolist() == [[False, True]]
    assert is_one_of(np.array([[0.5, 1]]), (0.5,)).tolist() == [[True, False]]


def test_values_are_written_as_an_option_takes_them():
    assert [value_text(value) for value in (HUGE, -1, 3.0, 0.25, float("nan"))] == [str(HUGE), "-1", "3", "0.25", "nan"]


def test_numbers_saved_with_a_decimal_point_are_called_by_their_type(bring):
    images, numbers = tissue()
    with pytest.raises(DataError, match="numbers of objects are whole numbers; found float32"):
        bring(images, numbers.astype(np.float32))


def test_a_polarity_is_not_passed_over(bring, data_dir, listing):
    with pytest.raises(DataError, match="--polarity is for masks of membrane; found labels that seem to number"):
        bring(*tissue(), polarity="interior-white")
    assert listing(data_dir) == []
