"""What the names of pictures say is checked, and kept with what was seen."""

import numpy as np
import pytest
from bringing import import_source, write_folder

from segcore.errors import DataError


@pytest.fixture
def twelve():
    return np.random.default_rng(0).integers(1, 255, (12, 40, 40), np.uint8)


def said_of(folder, check="cells: images"):
    return next(one.message for one in import_source(folder, "cells")[0].info.checks if one.name == check)


def test_a_missing_number_is_named(tmp_path, twelve, data_dir):
    folder = write_folder(tmp_path / "a", twelve)
    (folder / "7.tif").unlink()
    assert "WARNING: no slice has the number 7; those beside it count as neighbours" in said_of(folder)


def test_names_without_numbers_are_said_to_give_the_order(tmp_path, twelve, data_dir):
    folder = write_folder(tmp_path / "a", twelve[:3])
    for number, name in enumerate(("one", "two", "three")):
        (folder / f"{number}.tif").rename(folder / f"{name}.tif")
    assert "in the order of their names, which have no numbers" in said_of(folder)


def test_channels_in_one_folder_are_refused(tmp_path, twelve, data_dir, listing):
    folder = tmp_path / "a"
    for channel in range(2):
        write_folder(tmp_path / f"c{channel}", twelve[:3], f"z{{}}_c{channel}.tif")
    folder.mkdir()
    for path in tmp_path.glob("c?/*.tif"):
        path.rename(folder / path.name)
    with pytest.raises(DataError, match=r"several channels of the same slices; found c0 and c1; expected .*\*c0\*"):
        import_source(folder, "cells")
    assert listing(data_dir) == []
    (one,) = import_source(tmp_path / "a/*c0*", "cells")
    assert one.info.slices == 3


@pytest.mark.parametrize(("name", "kind"), [("a.rar", "a RAR archive"), ("a.7z", "a 7-Zip archive"), ("a.pdf", "PDF")])
def test_what_is_no_image_is_called_by_its_name(tmp_path, data_dir, listing, name, kind):
    (tmp_path / name).write_bytes(b"anything")
    with pytest.raises(DataError, match=f"{kind} is not read"):
        import_source(tmp_path / name, "cells")
    assert listing(data_dir) == []
