"""The page's modules that need no browser, by the tests beside this file."""

import re
from pathlib import Path

import pytest
from support.deno import deno, missed_lines
from support.page_texts import english

from handler.page.linking import read, without_comments

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
    "later",
    "lost",
    "matching",
    "numbers",
    "open_panels",
    "ordering",
    "phrase",
    "pins",
    "previews",
    "remember",
    "service_clock",
    "settings",
    "short_sign",
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


def codes(root=STATIC) -> dict[Path, str]:
    """Return what each module says, the client's left out: that is for anybody."""
    return {
        path: without_comments(path.read_text())
        for path in root.rglob("*.js")
        if "partyline" not in path.relative_to(root).parts
    }


def unused_exports(modules: dict[Path, str], tests: str) -> list[str]:
    """
    Name what is exported and used by no other module; "name: value" is exported under a name.

    A test may look at what its module has for itself, not at what nobody has any use for.
    """
    found = []
    for path, code in modules.items():
        module = read(path.name, code)
        for name in (one.partition(":")[0] for one in (*module.exports, *module.variables)):
            word = re.compile(rf"\b{re.escape(name)}\b")
            others = (other for at, other in modules.items() if at != path)
            used_here = len(word.findall(code)) > 1 and word.search(tests)
            if not used_here and not any(word.search(other) for other in others):
                found.append(f"{path.name}: {name}")
    return found


def test_what_a_module_exports_somebody_imports():
    tests = "".join(path.read_text() for path in HERE.glob("*.test.js"))
    modules = codes()
    entry = "export class PartylineCall"  # others' pages import it
    modules = {path: code.replace(entry, entry[7:]) for path, code in modules.items()}
    assert len(modules) > 50
    assert unused_exports(modules, tests) == []
    gone = Path("gone.js")
    planted = "export const told = 1;\nexport function read() {}\n"
    assert unused_exports({gone: planted, Path("a.js"): "read();\n"}, "told") == ["gone.js: told"]


def unused_texts(texts: dict, code: str, at: str = "texts") -> list[str]:
    """Name the texts that no code names; what is looked up in a group may be any text of it."""
    if re.search(rf"\b{re.escape(at)}(?![\w.])", code) and at != "texts":
        return []
    found = []
    for name, text in texts.items():
        path = f"{at}.{name}"
        if isinstance(text, dict):
            found += unused_texts(text, code, path)
        elif not re.search(rf"\b{re.escape(path)}\b", code):
            found.append(path)
    return found


def test_each_text_is_shown_somewhere(tmp_path):
    code = ""
    for path, said in codes().items():
        if path.parent.name == "languages":
            continue
        said = re.sub(  # noqa: PLW2901
            r"const \{ ([\w, ]+) \} = (texts\.\w+);",
            lambda found: "".join(f"{found[2]}.{name};" for name in found[1].split(", ")),
            said,
        )
        for alias, group in re.findall(r"^const (\w+) = texts\.(\w+);$", said, re.MULTILINE):
            said = re.sub(rf"^const {alias} = .*$", "", said, flags=re.MULTILINE)  # noqa: PLW2901
            said = re.sub(rf"(?<!\.)\b{alias}\.", f"texts.{group}.", said)  # noqa: PLW2901
        code += said
    markup = (STATIC / "index.html").read_text()
    code += "".join(f"texts.{path}\n" for path in re.findall(r'data-text[\w-]*="([\w.]+)"', markup))
    assert unused_texts(english(tmp_path), code) == []
    planted = {"a": "", "b": {"c": "", "d": ""}, "e": {"f": ""}}
    assert unused_texts(planted, "texts.b.cc; f(texts.b.c); texts.e[how];") == [
        "texts.a",
        "texts.b.d",
    ]
