"""Fetching by name, from a real server on this machine, from folders and zips; only pixels count."""

import hashlib
import http.server
import os
import threading
import zipfile
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import tifffile

from segcore.data.dataset import install, installed, open_dataset
from segcore.data.downloading import download
from segcore.data.fetching import CATALOGUE, ISBI2012, SAMPLE, Fetchable, Target, fetch
from segcore.errors import FetchError, StorageError
from segcore.progress import Cancelled, Progress
from segcore.stacks import array_stack


def sha(pages):
    return hashlib.sha256(pages.tobytes()).hexdigest()


@dataclass
class Server:
    """A web server whose connections break, and what it was asked for.

    Attributes:
        break_after: bytes after which the connection breaks, one entry an answer; then it holds.
        status: instead of the file, one entry an answer; then it answers.
        length: whether it says how long a file is.
        asked: the path of every request.
    """

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    break_after: list[int] = field(default_factory=list)
    status: list[int] = field(default_factory=list)
    length: bool = True
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def server():
    state = Server()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            state.asked.append(self.path)
            if state.status:
                self.send_error(state.status.pop(0))
                return
            if self.path not in state.files:
                self.send_error(404)
                return
            whole = state.files[self.path]
            self.send_response(200)
            if state.length:
                self.send_header("Content-Length", str(len(whole)))
            self.end_headers()
            self.wfile.write(whole[: state.break_after.pop(0) if state.break_after else len(whole)])

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        state.url = f"http://127.0.0.1:{running.server_port}"
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield state
        running.shutdown()
        thread.join()


@pytest.fixture
def tiny(tmp_path, small_pair, server, monkeypatch, data_dir):
    """A catalogue entry like that of ISBI 2012, small, with its three files and their zip on the server."""
    images, labels = small_pair
    stacks = {"volume.tif": images, "labels.tif": labels, "test.tif": images[::-1]}
    folder = tmp_path / "tiny"
    folder.mkdir()
    for name, pages in stacks.items():
        tifffile.imwrite(folder / name, pages)
        server.files[f"/mirror/{name}"] = (folder / name).read_bytes()
    with zipfile.ZipFile(tmp_path / "tiny.zip", "w") as packed:
        for name in stacks:
            packed.write(folder / name, f"tiny/{name}")
    server.files["/tiny.zip"] = (tmp_path / "tiny.zip").read_bytes()
    item = Fetchable(
        name="tiny",
        targets=(
            Target(name="tiny", title="Tiny", images=sha(images), labels=sha(labels)),
            Target(name="tiny-test", title="Tiny, test", images=sha(np.ascontiguousarray(images[::-1]))),
        ),
        slices=5, height=61, width=48, voxel_size_nm=(50.0, 4.0, 4.0), labelled=True, synthetic=False,
        source="a test", terms="none", citation="nobody", url=f"{server.url}/tiny.zip", files=tuple(stacks),
    )  # fmt: skip
    monkeypatch.setitem(CATALOGUE, "tiny", item)
    return folder


def get(source=None):
    return fetch("tiny", source=None if source is None else str(source))


def assert_complete(datasets, small_pair):
    train, test = datasets
    np.testing.assert_array_equal(train.images, small_pair[0])
    np.testing.assert_array_equal(train.labels, small_pair[1])
    np.testing.assert_array_equal(test.images, small_pair[0][::-1])
    assert test.labels is None
    assert [info.name for info in installed()] == ["tiny", "tiny-test"]
    assert train.info.voxel_size_nm == (50, 4, 4)
    assert (train.info.source, train.info.terms, train.info.citation) == ("a test", "none", "nobody")


def assert_refused(source, message, data_dir):
    with pytest.raises(FetchError, match=message) as caught:
        get(source)
    assert "\n" not in str(caught.value)
    assert not data_dir.exists()


# --- downloads --------------------------------------------------------------------------------


def test_download_of_the_archive(tiny, small_pair, data_dir):
    assert_complete(get(), small_pair)
    assert sorted(path.name for path in data_dir.iterdir()) == ["tiny", "tiny-test"]


def test_mirror_of_the_files(tiny, small_pair, server):
    assert_complete(get(f"{server.url}/mirror/"), small_pair)
    assert server.asked == ["/mirror/volume.tif", "/mirror/labels.tif", "/mirror/test.tif"]


def test_broken_download_starts_again(tiny, small_pair, server):
    server.break_after = [20_000]
    assert_complete(get(), small_pair)
    assert server.asked == ["/tiny.zip"] * 2


def test_a_busy_server_is_asked_again(tiny, small_pair, server):
    server.status = [503, 429]
    assert_complete(get(), small_pair)


def test_download_that_stops_half_way_every_time(tiny, data_dir, server):
    server.break_after = [1000] * 9
    assert_refused(
        None, r"tiny\.zip: the download failed 3 times; found .*; expected a connection that lasts", data_dir
    )


def test_download_that_stops_half_way_unnoticed(tiny, data_dir, server):
    # Without a length only the content tells.
    server.length = False
    server.break_after = [20_000]
    assert_refused(None, r"tiny\.zip: damaged or no zip file", data_dir)


def test_no_such_file_is_not_asked_for_again(tiny, data_dir, server):
    del server.files["/tiny.zip"]
    assert_refused(None, "the server has no such file; found 404 Not Found", data_dir)
    assert len(server.asked) == 1


@pytest.mark.parametrize("length", [True, False])
def test_a_download_over_the_limit_is_ended(tmp_path, server, length):
    server.length = length
    server.files = {"/large": bytes(3_000_000), "/fits": bytes(1_000_000)}
    download(f"{server.url}/fits", tmp_path / "fits", limit=1_000_000)
    assert (tmp_path / "fits").read_bytes() == bytes(1_000_000)
    with pytest.raises(FetchError, match="/large: the download is too large; expected at most 1 MB"):
        download(f"{server.url}/large", tmp_path / "large", limit=1_000_000)
    assert [path.name for path in tmp_path.iterdir()] == ["fits"]
    assert server.asked == ["/fits", "/large"]


def test_a_web_page_instead_of_the_archive(tiny, data_dir, server):
    server.files["/tiny.zip"] = b"<html>Please log in</html>"
    assert_refused(None, "damaged or no zip file", data_dir)


def test_nobody_listens(tiny, data_dir):
    assert_refused("http://127.0.0.1:1/a.zip", "the download failed 3 times; found .*refused", data_dir)


def test_wrong_pixels(tiny, data_dir, server, tmp_path, small_pair):
    wrong = small_pair[1].copy()
    wrong[2, 3, 4] ^= 255
    tifffile.imwrite(tiny / "labels.tif", wrong)
    with zipfile.ZipFile(tmp_path / "wrong.zip", "w") as packed:
        for path in tiny.iterdir():
            packed.write(path, path.name)
    server.files["/tiny.zip"] = (tmp_path / "wrong.zip").read_bytes()
    message = (
        r"the pixels of tiny are not there \(1 of 3 stacks missing\); found labels.tif with other pixels; expected"
    )
    assert_refused(None, message, data_dir)


def test_archive_that_leads_out(tiny, data_dir, server, tmp_path):
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as packed:
        packed.writestr("../../evil.tif", "x")
    server.files["/tiny.zip"] = (tmp_path / "evil.zip").read_bytes()
    assert_refused(None, r"tiny\.zip: a name that leads out", data_dir)


# --- local copies -----------------------------------------------------------------------------


def test_local_folder_and_zip(tiny, tmp_path, small_pair, data_dir, server):
    assert_complete(get(tiny), small_pair)
    for name in ("tiny", "tiny-test"):
        (data_dir / name).rename(tmp_path / f"old-{name}")
    assert_complete(get(tmp_path / "tiny.zip"), small_pair)
    assert server.asked == []


def test_any_container_under_any_name(tmp_path, tiny, small_pair):
    images, labels = small_pair
    other = tmp_path / "other"
    (other / "a").mkdir(parents=True)
    tifffile.imwrite(other / "a/x.tiff", labels, compression="lzw")
    tifffile.imwrite(other / "y.tif", images[::-1], bigtiff=True, compression="zstd")
    (other / "notes.txt").write_text("x")
    (other / "broken.tif").write_text("x")
    tifffile.imwrite(other / "z.ome.tif", images, ome=True)
    assert_complete(get(other), small_pair)


def test_folder_without_stacks(tiny, tmp_path, data_dir):
    (tmp_path / "empty").mkdir()
    assert_refused(tmp_path / "empty", r"3 of 3 stacks missing\); found no image stacks", data_dir)


def test_missing_source(tiny, tmp_path, data_dir):
    assert_refused(tmp_path / "nowhere", "nowhere: there is no such file or folder", data_dir)


# --- what is there already --------------------------------------------------------------------


def test_what_is_there_is_left_as_it_is(tiny, data_dir, server, small_pair, caplog):
    get(tiny)
    before = (data_dir / "tiny/dataset.json").stat().st_mtime_ns
    caplog.set_level("INFO")
    assert_complete(get(), small_pair)
    assert server.asked == []
    assert (data_dir / "tiny/dataset.json").stat().st_mtime_ns == before
    assert "already installed, with the expected pixels: tiny, tiny-test" in caplog.text


def test_only_what_is_missing_is_installed(tiny, data_dir, tmp_path, small_pair):
    get(tiny)
    created = (data_dir / "tiny/dataset.json").stat().st_mtime_ns
    (data_dir / "tiny-test").rename(tmp_path / "gone")
    assert_complete(get(tiny), small_pair)
    assert (data_dir / "tiny/dataset.json").stat().st_mtime_ns == created


def test_another_dataset_of_that_name_is_kept(tiny, small_pair):
    install("tiny-test", array_stack(small_pair[0]))
    with pytest.raises(FetchError, match="there is already another dataset tiny-test"):
        get(tiny)
    assert [info.name for info in installed()] == ["tiny-test"]


def test_unknown_name(data_dir):
    with pytest.raises(FetchError, match="unknown dataset; found mnist; expected isbi2012 or sample"):
        fetch("mnist")


# --- progress ---------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [True, False])
def test_who_watches_hears_every_step_and_how_far_it_is(tiny, server, length):
    server.length = length
    heard = []
    fetch("tiny", progress=Progress(tell=lambda *step: heard.append(step)))
    steps = list(dict.fromkeys(step for step, *_ in heard))
    assert steps[:2] == ["downloading", "unpacking"]
    assert any("checking the pixels of volume.tif" in step for step in steps)
    assert steps[-2:] == ["writing tiny", "writing tiny-test"]
    size = len(server.files["/tiny.zip"])
    arrived = [(done, total) for step, done, total, _ in heard if step == "downloading"][1:]
    if length:
        assert arrived[-1] == (size, size)
        assert [done for done, _ in arrived] == sorted(done for done, _ in arrived)
    else:
        assert {total for _, total in arrived} == {None}
        assert max(done for done, _ in arrived) >= size


@pytest.mark.parametrize("at", ["downloading", "unpacking", "checking the pixels of labels.tif", "writing tiny-test"])
def test_a_fetch_can_be_ended_at_every_step_and_leaves_nothing(tiny, data_dir, at):
    def told(step, done, total, unit):
        if step == at and (done or step != "downloading"):
            raise Cancelled

    with pytest.raises(Cancelled):
        fetch("tiny", progress=Progress(tell=told))
    assert not data_dir.exists()


def test_a_fetch_can_be_ended_when_it_is_tried_again(tiny, data_dir, server):
    server.status = [503] * 9

    def told(step, done, total, unit):
        if server.asked:
            raise Cancelled

    with pytest.raises(Cancelled):
        fetch("tiny", progress=Progress(tell=told))
    assert len(server.asked) == 1
    assert not data_dir.exists()


def test_two_fetches_at_once_do_not_break_each_other(tiny, small_pair, data_dir):
    both = threading.Barrier(2)

    def told(step, done, total, unit):
        # Both have everything that is needed before the first writes.
        if step == "writing tiny":
            both.wait(20)

    made, failed = [], []

    def work():
        try:
            made.append(fetch("tiny", progress=Progress(tell=told)))
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failed
    for datasets in made:
        assert_complete(datasets, small_pair)
    assert sorted(path.name for path in data_dir.iterdir()) == ["tiny", "tiny-test"]


# --- the catalogue ----------------------------------------------------------------------------


def test_sample_is_made_here_and_says_that_it_is_synthetic(data_dir, monkeypatch):
    monkeypatch.setitem(CATALOGUE, "sample", replace(SAMPLE, slices=3, height=64, width=64))
    (dataset,) = fetch("sample")
    assert dataset.info.synthetic
    assert dataset.info.labelled
    assert "synthetic" in dataset.info.source
    assert 5 < np.mean(dataset.info.membrane_percent) < 40
    fingerprint = dataset.info.fingerprint
    assert fetch("sample")[0].info == dataset.info
    dataset.folder.rename(data_dir.parent / "old")
    assert fetch("sample")[0].info.fingerprint == fingerprint


def test_catalogue_says_what_there_will_be():
    for name, item in CATALOGUE.items():
        assert item.name == name == item.targets[0].name
        assert item.source
        assert item.terms
        assert min(item.slices, item.height, item.width) > 0


def test_isbi_2012_from_a_local_folder(isbi_folder, data_dir):
    train, test = fetch("isbi2012", source=str(isbi_folder))
    assert train.images.shape == train.labels.shape == test.images.shape == (30, 512, 512)
    assert sha(train.images) == ISBI2012.targets[0].images
    assert sha(train.labels) == ISBI2012.targets[0].labels
    assert sha(test.images) == ISBI2012.targets[1].images
    assert test.labels is None
    # 78.0 % of the pixels are interior.
    assert 100 - np.mean(train.info.membrane_percent) == pytest.approx(78.0, abs=0.2)
    assert open_dataset("isbi2012").info.voxel_size_nm == (50, 4, 4)


def test_isbi_2012_as_single_pages_in_a_zip(isbi_folder, data_dir, tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as packed:
        for folder, name in (("train", "train-volume"), ("label", "train-labels"), ("test", "test-volume")):
            for z, page in enumerate(tifffile.imread(isbi_folder / f"{name}.tif")):
                tifffile.imwrite(tmp_path / "page.tif", page)
                packed.write(tmp_path / "page.tif", f"{folder}/{z}.tif")
    train, test = fetch("isbi2012", source=str(tmp_path / "a.zip"))
    assert (len(train.images), len(test.images)) == (30, 30)


def test_folder_without_write_permission(tiny, tmp_path, run_python, monkeypatch):
    closed = tmp_path / "closed"
    closed.mkdir()
    closed.chmod(0o555)
    if os.getuid() == 0:
        pytest.skip("root may write everywhere; tests/test_storage.py does this as another user")
    monkeypatch.setenv("SEGCORE_DATA_DIR", str(closed / "data"))
    with pytest.raises(StorageError, match="no permission"):
        get(tiny)
