"""Modules that are linked do what they did apart: here Deno runs them both ways."""

import re

import pytest
from support.deno import deno

from handler.page.linking import Linker, LinkingError, without_comments

FILES = {
    "main.js": """\
import { count, bump as bumped } from "./room/counter.js";
import * as names from "./room/names.js";
import {
  Speaker,
  speak,
} from "./room/speaker.js";
import "./room/first.js";

export const said = [];
bumped();
said.push(speak(new Speaker(names.ANA)), `${count}`, String(await wait()));
export { Speaker as Person, bumped };
export async function later() {
  const { told } = await import("./room/later.js");
  return told();
}
async function wait() {
  return await Promise.resolve(count + 1);
}
""",
    "room/counter.js": """\
// counts
/** @import { Speaker } from "./speaker.js" */

/**
 * How often: it is assigned again.
 */
export let count = 0;
export function bump() { count += 1; }
""",
    "room/names.js": 'export const ANA = "Ana"; /** said */\n',
    "room/first.js": 'globalThis.order = [...(globalThis.order ?? []), "first"];\n',
    "room/speaker.js": """\
import "./first.js";
import { count } from "./counter.js";
export class Speaker { constructor(name) { this.name = name; } }
export function* letters({ name }) { yield* name; }
export const speak = (one) => [...letters(one), count].join("");
globalThis.order.push("speaker");
""",
    "room/later.js": """\
import { Speaker, speak } from "./speaker.js";
import { ADDED } from "./added.js";
import { join } from "node:path";
export const told = () => join(speak(new Speaker("Bo")), ADDED, String(globalThis.order));
""",
    "room/added.js": 'export const ADDED = "added";\n',
}
SAYS = """\
import { said, later, Person, bumped } from "./main.js";
bumped();
console.log(JSON.stringify([said, await later(), Person.name]));
"""


def linker(files: dict[str, str]) -> Linker:
    return Linker(files, "v1", "files/v1")


def run(directory, files: dict[str, str]) -> str:
    for path, text in {**files, "says.js": SAYS}.items():
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).write_text(text)
    return deno("run", "--no-check", "--allow-read", str(directory / "says.js"), cache=directory)


def test_modules_that_are_linked_do_what_they_did_apart(tmp_path):
    linked = linker(FILES)
    assert linked.later("main.js") == {"room/later.js"}
    have = linked.needed("main.js")
    assert have[-1] == "main.js"
    later = linked.link("room/later.js", "files/v1/room/later.js", have)
    assert "class Speaker" not in later
    whole = {"main.js": linked.link("main.js", "main.js"), "files/v1/room/later.js": later}
    assert "// counts" not in whole["main.js"]
    apart = run(tmp_path / "apart", FILES)
    assert run(tmp_path / "linked", whole) == apart
    assert apart == '[["Ana1","1","2"],"Bo2/added/first,speaker","Speaker"]\n'


def test_what_is_loaded_later_is_found_from_wherever_it_is_asked_for():
    linked = linker({"a/b.js": 'import("../c.js");\n', "c.js": ""})
    assert '$later("../files/v1/c.js")' in linked.link("a/b.js", "a/b.js")
    assert '$later("./files/v1/c.js")' in linked.link("a/b.js", "index.html")


def test_what_failed_to_load_is_asked_for_under_another_address_and_else_nothing_is(tmp_path):
    files = {
        "main.js": """\
export const load = () => import("./later.js");
export const loadOther = () => import("./other.js");
""",
        "later.js": "globalThis.ran += 1;\nif (globalThis.ran === 1) throw new Error('no');\n",
        "other.js": "",
    }
    linked = linker(files)
    for path in ("later.js", "other.js"):
        served = tmp_path / "files" / "v1" / path
        served.parent.mkdir(parents=True, exist_ok=True)
        served.write_text(linked.link(path, f"files/v1/{path}") + "console.log(import.meta.url);\n")
    (tmp_path / "main.js").write_text(linked.link("main.js", "main.js"))
    says = tmp_path / "says.js"
    says.write_text("""\
import { load, loadOther } from "./main.js";
globalThis.ran = 0;
await load().catch(() => console.log("failed"));
await load();
await load();
await loadOther();
console.log(globalThis.ran);
""")
    said = deno("run", "--no-check", "--allow-read", str(says), cache=tmp_path).splitlines()
    assert said[0] == "failed"
    assert re.search(r"/later\.js\?\d+$", said[1])
    assert said[2].endswith("/other.js")  # what did not fail has the address that the browser knows
    assert said[3:] == ["2"]  # a module runs once


@pytest.mark.parametrize(
    "text",
    [
        "export default 1;\n",
        'export * from "./b.js";\n',
        "export var one = 1;\n",
        "  import(name);\n",
        'const html = "</script>";\n',
        "const text = `a\n  b`;\n",
        'import { gone } from "./gone.js";\n',
        'import { b } from "./a.js";\n',
        'import { b } from "./b.js";\nexport let one = 1;\n',
        'import { b } from "./meta.js";\n',
    ],
)
def test_what_is_not_read_is_refused_before_it_is_served(text):
    files = {
        "a.js": text,
        "b.js": "export let one = 2;\nexport const b = 1;\n",
        "meta.js": "export const b = import.meta.url;\n",
    }
    with pytest.raises(LinkingError):
        linker(files).link("a.js", "a.js")


def test_lines_that_are_comment_alone_are_left_out():
    text = "/* one */\n  a /* stays */\n/* b\n c */\n\n// d\n/* e */ f\n/**/\n"
    assert without_comments(text) == "a /* stays */\n/* e */ f\n"


def test_types_and_remarks_are_left_out_and_texts_stay():
    text = "a = /** @type {B} */ (b); // why\nc = \"d // e\"; // f's\ng = 'https://h';\n"
    assert without_comments(text) == "a = (b);\nc = \"d // e\"; // f's\ng = 'https://h';\n"
