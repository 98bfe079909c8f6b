"""What can be set, called or switched on is documented: a new setting, command or variable fails here until it is."""

from __future__ import annotations

import argparse
import json
import re

import pytest
from waiting import REPOSITORY

from segcore.cli.commands import settings_page
from segcore.cli.grammar import main, parser
from segcore.config import SETTINGS

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
COMMANDS = next(one for one in parser()._actions if isinstance(one, argparse._SubParsersAction)).choices


def test_settings_md_is_what_the_fields_say():
    written = (REPOSITORY / "SETTINGS.md").read_text(encoding="utf-8")
    assert written == settings_page(), "bring it up to date with: python -m segcore settings > SETTINGS.md"


def test_the_command_prints_the_page_or_a_schema_with_every_setting(capsys):
    assert main(["settings"]) == 0
    assert capsys.readouterr().out == settings_page()
    assert main(["settings", "--json"]) == 0
    schema = json.loads(capsys.readouterr().out)
    sections = {name: schema["$defs"][one["$ref"].rpartition("/")[2]]["properties"]
                for name, one in schema["properties"].items() if "$ref" in one}  # fmt: skip
    assert {f"{section}.{name}" for section, fields in sections.items() for name in fields} == set(SETTINGS)
    assert (sections["augment"]["rotation_deg"]["minimum"], sections["augment"]["rotation_deg"]["maximum"]) == (0, 180)


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_says_what_it_is(name):
    field = SETTINGS[name]
    assert field.title
    assert len(field.description or "") > 5
    assert f"`{name}`" in settings_page()


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_stands_in_the_readme_and_shows_an_example(command):
    assert re.search(rf"^\| `{command}` \|", README, re.MULTILINE)
    assert f"{command} " in (COMMANDS[command].epilog or "") + " "


@pytest.mark.parametrize("command", COMMANDS)
def test_an_option_says_what_it_is_for(command):
    silent = [action.dest for action in COMMANDS[command]._actions if action.option_strings and not action.help]
    assert not silent


def test_a_variable_stands_in_the_readme():
    files = [path for package in ("segcore", "dashboard") for path in (REPOSITORY / package).rglob("*.py")]
    named = set(re.findall(r"SEGCORE_[A-Z_]*[A-Z]", " ".join(path.read_text(encoding="utf-8") for path in files)))
    assert len(named) > 2
    assert not {name for name in named if name not in README}
