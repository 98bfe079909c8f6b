"""Written stacks come back, whole or not at all, also through a memory map or page by page from the file."""

import tracemalloc

import numpy as np
import pytest
import tifffile

from segcore.errors import DataError, StorageError
from segcore.stacks.formats import open_stack
from segcore.stacks.mapping import map_stack, stored_page
from segcore.stacks.writing import StackWriter


def noise(*shape, dtype=np.uint8):
    return np.random.default_rng(0).integers(0, 256, shape, dtype=dtype)


def read_all(path):
    with open_stack(path) as stack:
        return np.stack([stack.read(z) for z in range(len(stack))])


def write(path, pages, **options):
    with StackWriter(path, height=pages.shape[1], width=pages.shape[2], slices=len(pages), **options) as writer:
        for page in pages:
            writer.write(page)


SHAPES = [(3, 5, 7), (1, 5, 7), (1, 1, 1), (4, 3, 3), (2, 1, 9), (2, 9, 1), (3, 4, 4), (2, 300, 251)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_written_stacks_come_back(tmp_path, shape, compression):
    pages = noise(*shape)
    write(tmp_path / "a.tif", pages, compression=compression, voxel_size_nm=(50, 4, 4.5))
    with open_stack(tmp_path / "a.tif") as stack:
        assert stack.voxel_size_nm == (50, 4, 4.5)
    np.testing.assert_array_equal(read_all(tmp_path / "a.tif"), pages)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "a.tif").reshape(shape), pages)


@pytest.mark.parametrize("shape", SHAPES)
def test_uncompressed_stacks_are_mapped(tmp_path, shape):
    pages = noise(*shape)
    write(tmp_path / "a.tif", pages)
    mapped = map_stack(tmp_path / "a.tif", *shape)
    assert isinstance(mapped, np.memmap)
    assert mapped.shape == shape
    assert not mapped.flags.writeable
    np.testing.assert_array_equal(mapped, pages)
    np.testing.assert_array_equal([stored_page(mapped, z) for z in range(len(pages))], pages)
    np.testing.assert_array_equal(tifffile.memmap(tmp_path / "a.tif", mode="r").reshape(shape), pages)


def test_map_refuses_what_differs(tmp_path):
    write(tmp_path / "a.tif", noise(3, 4, 5), compression="zlib")
    with pytest.raises(DataError, match="do not follow one another"):
        map_stack(tmp_path / "a.tif", 3, 4, 5)
    with pytest.raises(DataError, match="another stack"):
        map_stack(tmp_path / "a.tif", 3, 5, 4)


def test_broken_off_writing_leaves_nothing(tmp_path, listing):
    with pytest.raises(ValueError, match="1 of 3 slices"):
        _one_of_three(tmp_path / "a.tif")
    with pytest.raises(KeyboardInterrupt):
        _interrupted(tmp_path / "a.tif")
    assert listing(tmp_path) == []


def _one_of_three(path):
    with StackWriter(path, height=4, width=4, slices=3) as writer:
        writer.write(noise(4, 4))


def _interrupted(path):
    with StackWriter(path, height=4, width=4, slices=3) as writer:
        writer.write(noise(4, 4))
        raise KeyboardInterrupt


@pytest.mark.parametrize("page", [noise(4, 5), noise(4, 4, dtype=np.uint16)])
def test_a_page_of_another_form_is_a_mistake(tmp_path, page):
    with (
        pytest.raises(ValueError, match="slice 0 of 1"),
        StackWriter(tmp_path / "a.tif", height=4, width=4, slices=1) as writer,
    ):
        writer.write(page)


@pytest.mark.parametrize("compression", [None, "zlib"])
# Of small slices only the last bytes are missing, which the system reports late.
@pytest.mark.parametrize("side", [256, 47])
def test_disk_that_takes_no_more_bytes(tmp_path, run_python, listing, compression, side):
    done = run_python(
        """
        import resource, signal, sys
        from pathlib import Path
        import numpy as np
        from segcore.errors import StorageError
        from segcore.stacks.writing import StackWriter
        side = int(sys.argv[2])
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (side * side * 3 + 777,) * 2)
        rng = np.random.default_rng(0)
        try:
            with StackWriter(Path(sys.argv[1]) / "a.tif", height=side, width=side, slices=9,
                             compression=sys.argv[3] if len(sys.argv) > 3 else None) as writer:
                for _ in range(9):
                    writer.write(rng.integers(0, 255, (side, side), np.uint8))
        except StorageError as error:
            print(error)
        """,
        tmp_path,
        side,
        *([compression] if compression else []),
    )
    assert done.stdout.startswith(f"{tmp_path}/a.tif: "), done.stderr
    assert done.stdout.count("\n") == 1
    assert listing(tmp_path) == []


def test_writing_below_a_file_is_a_storage_error(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError), StackWriter(tmp_path / "file" / "a.tif", height=1, width=1, slices=1):
        pass


def test_memory_does_not_grow_with_the_slices(tmp_path):
    peaks = []
    for slices in (8, 64):
        page = noise(128, 128)
        tracemalloc.start()
        with StackWriter(tmp_path / "a.tif", height=128, width=128, slices=slices) as writer:
            for _ in range(slices):
                writer.write(page)
        with open_stack(tmp_path / "a.tif") as stack:
            for z in range(slices):
                stack.read(z)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # Page headers cost about a kilobyte a slice; pixels would cost sixteen.
    assert peaks[1] < peaks[0] + 56 * 4096
