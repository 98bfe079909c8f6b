"""What the checks of an import guessed or ask for, as buttons: one click says it and checks again."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import streamlit as st

from dashboard import words
from segcore.data import Check

AGAIN = "import check again"
_SEVERAL = re.compile(r"several stacks in this file; found (.*); expected a path inside it")
_ONE_OF_SEVERAL = re.compile(r"(?:^|, )(\S+) \([^()]*\)")
_MOST = 4


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A click on a button of the form.

    Attributes:
        label: of the button.
        fills: values by the keys of the fields that it fills in.
        help: what speaks for it.
        complete: whether nothing else has to be said, so that the files can be checked again at once.
    """

    label: str
    fills: Mapping[str, object] = field(default_factory=dict)
    help: str = ""
    complete: bool = True


_NUMBERS = Answer(
    label="They number objects",
    fills={"import kind": "instances"},
    help="Every neurite has a number of its own; membrane is drawn where two numbers meet.",
)
_CLASSES = Answer(
    label="They are several classes",
    fills={"import kind": "classes"},
    help="Then say which values are membrane, and which are interior.",
    complete=False,
)
# What a check says, and what can be answered.
_ANSWERS: tuple[tuple[str, tuple[Answer, ...]], ...] = (
    (r"^recognised: black is membrane", (
        Answer(
            label="It is the other way round: white is membrane", fills={"import polarity": "membrane-white"},
            help="Mask and image say that black is membrane. If the picture shows otherwise, turn it round.",
        ),
    )),
    (r"^recognised: white is membrane", (
        Answer(
            label="It is the other way round: black is membrane", fills={"import polarity": "interior-white"},
            help="Mask and image say that white is membrane. If the picture shows otherwise, turn it round.",
        ),
    )),
    (r"ambiguous which value of the labels", (
        Answer(label="White is interior", fills={"import polarity": "interior-white"}),
        Answer(label="White is membrane", fills={"import polarity": "membrane-white"}),
    )),
    (r"^recognised: .*between two numbers", (_CLASSES,)),
    (r"--labels-are instances", (_NUMBERS, _CLASSES)),
    (r"--unlabelled-slices ignore", (
        Answer(
            label="Ignore these slices", fills={"import unlabelled": "ignore"},
            help="They stay in the dataset, but nothing is learned from them and no figure counts them.",
        ),
        Answer(label="Keep them: they are right", fills={"import unlabelled": "keep"}),
    )),
    (r"--axes yxz", (
        Answer(label="The slices lie along the last axis", fills={"import axes": "yxz"}),
    )),
)  # fmt: skip


def answers_to(checks: Sequence[Check], places: Mapping[str, str]) -> list[Answer]:
    """What can be said to the checks, in their order.

    Args:
        checks: the last of which may have failed.
        places: the key of the field that says where in a file the `images` and the `labels` are; empty where there is
            no such field.
    """
    found: list[Answer] = []
    for check in checks:
        for pattern, answers in _ANSWERS:
            if re.search(pattern, check.message):
                found += [one for one in answers if one not in found]
        if several := _SEVERAL.search(check.message):
            key = places.get("labels" if "labels" in check.name else "images", "")
            found += [
                Answer(label=f"{name} holds the {'masks' if 'labels' in check.name else 'images'}", fills={key: name})
                for name in _ONE_OF_SEVERAL.findall(several[1])[:_MOST]
                if key
            ]
        if coded := re.search(r"--ignore-values (-?\d+)", check.message):
            found.append(
                Answer(
                    label=f"Ignore {coded[1]}",
                    fills={"import ignore values": coded[1]},
                    help="Nobody labelled the pixels of this value: nothing is learned from them, and no figure counts "
                    "them.",
                )
            )
        if suggested := re.search(r"--threshold-labels (\d[\d.]*)", check.message):
            value = float(suggested[1])
            found.append(Answer(label=f"Count {value:g} and more as white", fills={"import threshold": value}))
    return found


def show_answers(answers: Sequence[Answer]) -> None:
    """Draws them as buttons in a row."""

    def say(answer: Answer) -> None:
        st.session_state.update(answer.fills)
        st.session_state[AGAIN] = answer.complete

    if answers:
        with st.container(horizontal=True):
            for answer in answers:
                st.button(
                    words.plain(answer.label), key=f"answer {answer.label}", icon=":material/reply:",
                    help=answer.help or None, on_click=say, args=(answer,),
                )  # fmt: skip
