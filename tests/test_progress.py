"""How far something is: told to a function, as a bar on stderr, or not at all; and it can be ended."""

import pytest

from segcore.progress import SILENT, Cancelled, Progress


def test_a_function_is_told_what_is_done_after_it_is_done():
    heard, done = [], []
    for item in Progress(tell=lambda *at: heard.append((*at, len(done)))).over("abc", "reading", 3):
        done.append(item)
    assert done == ["a", "b", "c"]
    assert heard == [("reading", number, 3, "slice", number) for number in range(4)]


def test_a_total_may_become_known_later():
    heard = []
    with Progress(tell=lambda *at: heard.append(at)).step("downloading", unit="B") as say:
        say(10, 30)
    assert heard == [("downloading", 0, None, "B"), ("downloading", 10, 30, "B")]


def test_who_is_told_can_end_it():
    def told(step, done, total, unit):
        if done == 2:
            raise Cancelled

    done = []
    with pytest.raises(Cancelled):
        done.extend(Progress(tell=told).over(range(9), "reading", 9))
    assert done == [0, 1]


def test_a_bar_is_shown_where_it_is_wanted_and_its_line_ends_with_an_error(capsys):
    list(SILENT.over(range(3), "reading", 3))
    assert capsys.readouterr() == ("", "")

    def write_and_fail():
        with Progress(bars=True).step("writing", 4, "file") as say:
            say(3)
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        write_and_fail()
    out, err = capsys.readouterr()
    assert out == ""
    assert "writing:  75%" in err
    assert "3/4" in err
    assert err.endswith("\n")
