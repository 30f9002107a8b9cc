"""The page's modules that need no browser, by the tests beside this file."""

import re
from pathlib import Path

import pytest
from support.deno import deno, missed_lines

HERE = Path(__file__).parent
STATIC = HERE.parents[2] / "handler" / "page" / "static"

# They have no document, no clock, no network.
PURE = (
    "bidi",
    "call_words",
    "de",
    "desk_address",
    "en",
    "folding",
    "following",
    "format",
    "glance",
    "identifiers",
    "keys",
    "known_calls",
    "last_words",
    "matching",
    "numbers",
    "ordering",
    "phrase",
    "pins",
    "previews",
    "service_clock",
    "settings",
    "signals",
    "texts",
    "tiling",
    "truth",
    "visible_rows",
    "vocabulary",
    "watch_words",
    "word_index",
    "words",
)

# The client's, which has its own tests.
CLIENTS = {path.stem for path in (HERE.parents[2] / "clients" / "js").glob("*.js")}


def test_the_pure_modules_pass_their_tests_which_reach_every_line(tmp_path):
    missed = missed_lines(HERE, tmp_path)
    assert {name: missed[name] for name in missed.keys() - CLIENTS} == {name: [] for name in PURE}


def look_for_texts(modules, cache):
    """Fail, with what is wrong, if one of them has a text that a person reads; else say nothing."""
    rule = HERE / "lint" / "deno.json"
    return deno("lint", "--compact", f"--config={rule}", *map(str, modules), cache=cache)


def test_what_a_person_reads_stands_in_the_languages_alone(tmp_path):
    """The client (``partyline/``) is told to programmers."""
    rooms = {path.parent for path in STATIC.rglob("*.js")} - {STATIC / "languages"}
    assert len(rooms) > 5
    look_for_texts([path for room in rooms for path in room.glob("*.js")], tmp_path)
    for sheet in STATIC.glob("*.css"):
        for content in re.findall(r'content: *"([^"]*)"', sheet.read_text()):
            assert not re.search("[A-Za-z]", content), sheet.name


@pytest.mark.parametrize(
    "line",
    [
        'element.textContent = "Close";',
        "element.title = `${count} new`;",
        'element.textContent = open ? "Close" : texts.open;',
        'element.setAttribute("aria-label", "Close");',
        'make("p", "hint", "Nothing");',
        'write(element, "Count: " + count);',
        'notify(count, "nothing was found");',
        'const NONE = "None found";',
    ],
)
def test_a_planted_text_is_found(line, tmp_path):
    (tmp_path / "planted.js").write_text(f"{line}\n")
    with pytest.raises(AssertionError, match="a text that a person reads"):
        look_for_texts([tmp_path / "planted.js"], tmp_path)


@pytest.mark.parametrize(
    "line",
    [
        'import "./call/call view.js";',
        'element.className = "call panel";',
        'make("p", "hint small", texts.none);',
        'element.setAttribute("role", "dialog");',
        'element.textContent = state === "live" ? texts.live : "";',
        'root.querySelector("li button");',
        'throw new TypeError("this is no number");',
    ],
)
def test_what_no_person_reads_may_stand_anywhere(line, tmp_path):
    (tmp_path / "fine.js").write_text(f"{line}\n")
    assert look_for_texts([tmp_path / "fine.js"], tmp_path) == ""


def test_each_key_of_the_sheet_is_obeyed_somewhere():
    """By all that its place has: the types see to that."""
    table = (STATIC / "help" / "keys.js").read_text()
    places = re.findall(r"^  (\w+): \{$", table, re.MULTILINE)
    modules = "".join(path.read_text() for path in STATIC.rglob("*.js"))
    obeyed = re.findall(r'obey\([\w.]+, "(\w+)"', modules)
    assert len(places) > 3
    assert set(places) == set(obeyed)
