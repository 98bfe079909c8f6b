"""What training does to a slice before the network sees it: copies over their masks, each with its parameters."""

from __future__ import annotations

import base64
import dataclasses
import html
import io
import shutil
import zipfile
from collections.abc import Sequence
from typing import Any, Literal, get_args, get_origin

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from dashboard import notices, scratch, words, worker
from dashboard.figures import picture_file, small_picture
from dashboard.state import Stamp, current, load_dataset, stamp
from segcore.config import SETTINGS, AugmentConfig
from segcore.errors import SegcoreError
from segcore.runs import Run

MOST_COPIES, MOST_EXPORTED = 48, 200
MOST_EXPORTED_BYTES = 1_500_000_000
# Settings that move pixels; the others change their values. (A comment: Streamlit writes a bare text onto the page.)
_PLACE = ("rotation_deg", "flips", "scale", "elastic_px", "elastic_spacing_px", "border")
_NAMES = tuple(field.name for field in dataclasses.fields(AugmentConfig))
_CHOICES = {
    "flips": {
        "independent": "each axis, one time in two",
        "one-of-three": "vertical, horizontal or none",
        "vertical-only": "vertical or none (the notebook's bug)",
    },
    "border": {"reflect": "mirrored", "black": "black (the notebook's bug)"},
}
_PREFIX = "augment "


def page() -> None:
    selection = current()
    notices.heading("Augmentation", selection, of="dataset")
    if selection.dataset is None:
        st.info("There is no dataset here yet. The Data page fetches or imports one.", icon=":material/info:")
        return
    if not selection.dataset.labelled:
        name = words.plain(selection.dataset.name)
        st.info(f"Dataset {name} has no labels, so there are no pairs to vary. Choose another one in the sidebar.")
        return
    st.markdown(
        "Augmentation makes varied copies of the slices to train on: image and mask are turned and bent together, and "
        "the image's grey values are changed. These copies are made by the very function that training uses."
    )
    if selection.dataset.synthetic:
        notices.synthetic()
    _presets(selection.run)
    left, right = st.columns([4, 5], gap="large")
    with left:
        settings, count, seed, several = _controls()
    slices = selection.dataset.slices
    sources = [(selection.z + step) % slices for step in range(min(count, slices))] if several else [selection.z]
    with right:
        with st.spinner("Making the copies …"):
            cards = _cards(
                selection.dataset.name, stamp(load_dataset(selection.dataset.name).folder),
                tuple(sorted(dataclasses.asdict(settings).items())), tuple(sources), count, seed,
            )  # fmt: skip
        _gallery(cards, count)
    _export(selection.dataset.name, settings, count, seed)


@st.cache_resource(max_entries=4, show_spinner=False)
def _cards(
    dataset: str, key: Stamp, settings: tuple[tuple[str, Any], ...], sources: tuple[int, ...], count: int,
    seed: int,
) -> list[str]:  # fmt: skip
    """The copies, each slice untouched before its first one, as HTML."""
    copies: list[worker.Varied] = worker.call(worker.vary, dataset, dict(settings), list(sources), count, seed)
    stack = load_dataset(dataset)
    cards, shown = [], set()
    for number, copy in enumerate(copies, start=1):
        original = stack.image(copy.source), stack.label(copy.source)
        if copy.source not in shown:
            shown.add(copy.source)
            cards.append(_card(f"slice {copy.source}, untouched", *original, None, {}))
        title = f"copy {number} of slice {copy.source}"
        cards.append(_card(title, copy.image, copy.label, original, copy.parameters))
    return cards


def _presets(run: Run | None) -> None:
    trained = run.config.augment if run else AugmentConfig()
    if f"{_PREFIX}rotation_deg" not in st.session_state:
        _set(trained)
    with st.container(horizontal=True):
        st.button(
            "Same as training", on_click=_set, args=(trained,), icon=":material/model_training:",
            help=f"The settings that run {run.name} was trained with." if run else "The settings training starts from.",
        )  # fmt: skip
        st.button(
            "As in the notebook", on_click=_set, args=(AugmentConfig.notebook(),), icon=":material/menu_book:",
            help="25 degrees, one flip of three, strong Gaussian noise.",
        )  # fmt: skip
        st.button("Nothing", on_click=_set, args=(AugmentConfig.off(),), help="Leaves every slice as it is.")


def _controls() -> tuple[AugmentConfig, int, int, bool]:
    switches = [name for name in _NAMES if SETTINGS[f"augment.{name}"].annotation is bool]
    geometry, light = st.container(key="two settings").columns(2)
    with geometry:
        st.markdown("**Place**")
        for name in _PLACE:
            _control(name)
    with light:
        st.markdown("**Intensity**")
        for name in _NAMES:
            if name not in (*_PLACE, *switches):
                _control(name)
    for name in switches:
        _control(name)
    number, beginning = st.container(key="two copies").columns(2)
    count = number.slider("Copies", 1, MOST_COPIES, 6, key="augmentation count", persist_state="session")
    seed = beginning.number_input(
        "Seed", 0, 2**31 - 1, 0, key="augmentation seed", persist_state="session",
        help="The same seed gives the same copies.",
    )  # fmt: skip
    several = st.toggle("A new slice for each copy", key="augmentation several", persist_state="session")
    values = {name: st.session_state[_PREFIX + name] for name in _NAMES}
    values["noise"] = tuple(values["noise"]) or ("none",)
    return AugmentConfig(**values), int(count), int(seed), several


def _control(name: str) -> None:
    """What suits the setting's type, with its title, its help and its choices or range."""
    field = SETTINGS[f"augment.{name}"]
    title, kind, kept = str(field.title), field.annotation, {"help": field.description, **_kept(name)}
    if kind is bool:
        st.toggle(title, **kept)
    elif get_origin(kind) is Literal:
        titles = _CHOICES.get(name, {})
        st.selectbox(title, get_args(kind), format_func=lambda choice: titles.get(choice, choice), **kept)
    elif get_origin(kind) is tuple:
        st.multiselect(title, get_args(get_args(kind)[0]), **kept)
    else:
        extra: Any = field.json_schema_extra
        low, high, step = extra["slider"]
        # A run may have been trained with more than the slider offers.
        now = float(st.session_state[_PREFIX + name])
        st.slider(title, min(low, now), max(high, now), step=step, **kept)


def _kept(name: str) -> dict[str, Any]:
    return {"key": _PREFIX + name, "persist_state": "session"}


def _set(config: AugmentConfig) -> None:
    for name, value in dataclasses.asdict(config).items():
        st.session_state[_PREFIX + name] = list(value) if isinstance(value, tuple) else value


def _gallery(cards: Sequence[str], count: int) -> None:
    st.subheader(words.counted(count, "copy", "copies"))
    original = st.toggle(
        "Show the untouched originals",
        key="augmentation original",
        help="Or hold the mouse over a copy: it shows the slice it was made from.",
    )
    st.html(f'{_STYLE}<div class="sg-gallery{" sg-on" if original else ""}">{"".join(cards)}</div>')
    st.caption(
        "Image above, mask below (interior white, membrane black). Hold the mouse over a copy to see its original."
    )


_STYLE = """<style>
.sg-gallery{display:grid;grid-template-columns:repeat(auto-fill,minmax(150px,1fr));gap:14px}
.sg-card{border:1px solid rgba(128,128,128,.35);border-radius:8px;padding:6px;font-size:.78rem;line-height:1.35}
.sg-two{position:relative;display:block;margin-bottom:4px}
.sg-two img{width:100%;display:block;border-radius:4px}
.sg-two img+img{position:absolute;inset:0;opacity:0;transition:opacity .25s}
.sg-card:hover .sg-two img+img,.sg-on .sg-two img+img{opacity:1}
.sg-card b{display:block;margin:.35em 0 .1em}
@media (prefers-reduced-motion:reduce){.sg-two img+img{transition:none}}
</style>"""


def _card(
    title: str,
    image: NDArray[np.uint8],
    label: NDArray[np.uint8],
    source: tuple[NDArray[np.uint8], NDArray[np.uint8]] | None,
    parameters: dict[str, Any],
) -> str:
    rows = []
    for name, place, shown in (("image", 0, image), ("mask", 1, label)):
        below = f'<img src="{_data(source[place])}" alt="original {name}">' if source else ""
        rows.append(f'<span class="sg-two"><img src="{_data(shown)}" alt="{html.escape(title)}, {name}">{below}</span>')
    text = html.escape("; ".join(_described(parameters)) or "as it is")
    return f'<div class="sg-card">{"".join(rows)}<b>{html.escape(title)}</b>{text}</div>'


def _described(parameters: dict[str, Any]) -> list[str]:
    if not parameters:
        return []
    said = [f"turned {parameters['angle_deg']:.1f}°"] if parameters["angle_deg"] else []
    said += [
        text
        for key, text in (("flip_vertical", "top ↔ bottom"), ("flip_horizontal", "left ↔ right"))
        if parameters[key]
    ]
    for key, text, usual in (
        ("scale", "zoom × {:.2f}", 1), ("elastic_px", "elastic {:.1f} px", 0), ("contrast", "contrast × {:.2f}", 1),
        ("brightness", "brightness {:+z.2f}", 0), ("gamma", "gamma {:.2f}", 1),
    ):  # fmt: skip
        if parameters[key] != usual:
            said.append(text.format(parameters[key]))
    if parameters["noise_level"]:
        said.append(f"{parameters['noise']} noise {parameters['noise_level']:.3f}")
    return said


def _data(picture: NDArray[np.uint8]) -> str:
    encoded = base64.b64encode(picture_file(small_picture(picture, 256), "png")).decode()
    return f"data:image/png;base64,{encoded}"


def _export(dataset: str, settings: AugmentConfig, count: int, seed: int) -> None:
    st.subheader("Export")
    usual = dataclasses.asdict(AugmentConfig())
    changed = " ".join(
        f"augment.{key}={','.join(value) if isinstance(value, tuple) else value}".lower()
        for key, value in dataclasses.asdict(settings).items()
        if value != usual[key]
    )
    st.markdown(
        "Matrices of images and labels (`.npy`), a table of every copy's parameters, and a preview, as the command "
        "line writes them; the slices as they are come first, then copies of each in turn:"
    )
    info = load_dataset(dataset).info
    number = st.number_input("Pairs", 1, MOST_EXPORTED, min(MOST_EXPORTED, info.slices + count))
    st.code(
        f"python -m segcore augment {dataset} --count {number} --seed {seed} --out pool"
        + (f" --set {changed}" if changed else ""),
        language="sh", wrap_lines=True,
    )  # fmt: skip
    if number * info.height * info.width * 5 > MOST_EXPORTED_BYTES:
        st.info("That is too large for a download; the command above writes it to disk.")
        return
    st.download_button(
        "Download as zip", lambda: _zipped(dataset, settings, int(number), seed), f"{dataset}-augmented.zip",
        "application/zip", icon=":material/download:", on_click="ignore",
    )  # fmt: skip


def _zipped(dataset: str, settings: AugmentConfig, count: int, seed: int) -> bytes:
    file = io.BytesIO()
    place = scratch.new_folder()
    folder = place / "pool"
    try:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
            try:
                worker.call(worker.write_pool, dataset, dataclasses.asdict(settings), str(folder), count, seed)
            except SegcoreError as error:
                packed.writestr(f"{dataset}-augmented/what-went-wrong.txt", f"{error}\n")
                folder.mkdir(exist_ok=True)
            for path in sorted(folder.iterdir()):
                packed.write(path, f"{dataset}-augmented/{path.name}")
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return file.getvalue()


page()
