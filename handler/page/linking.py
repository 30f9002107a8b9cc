"""
ES modules, linked: one text has a module and all that it imports. Pure.

What a module is stays as the language has it: each runs once, after those that it imports, and
whoever imports it has the same one, also who comes later by ``import()``. In two things it does
not: who comes later has what is exported by ``let`` as it was then; and an ``import()`` that failed
asks under another address the next time, as a browser may keep what failed for as long as the page
lives.

It reads this project's JavaScript, and no other: what imports and exports begins a line, and there
is no circle. A test links every module that there is.
"""

import posixpath
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

IMPORT = re.compile(r'^import (?:([^"]+?) from )?"([^"]+)";\n', re.MULTILINE)
VARIABLE = re.compile(r"^export let (\w+)(?= = )", re.MULTILINE)
DECLARED = re.compile(r"^export (?=(?:async function|function\*?|class|const) (\w+))", re.MULTILINE)
NAMED = re.compile(r"^export \{([^}]*)\};\n", re.MULTILINE)
LATER = re.compile(r'\bimport\("(\.[^"]+)"\)')
REMARK = re.compile(r"/\*\* @\w+[^*]*\*/ ?|[ \t]+// [^\"'`]*$")
WAITS = re.compile(r"^(?:\w.*[ (])?await ", re.MULTILINE)
# Loads a module later. One that ran is never asked for under another address than before: what the
# browser has it has then, too, when nobody answers.
LOADS = """\
const $again = $files.$again ??= {};
const $later = (path) => import(path + ($again[path] ?? "")).catch((error) => {
$again[path] = `?${Date.now()}`;
throw error;
});"""
# What none of these has read; and what would end a script within a document.
UNREAD = re.compile(
    r"^(?:import|export)\b(?!\().*|\bimport\((?!\").*|</script.*|<!--.*", re.MULTILINE
)


class LinkingError(ValueError):
    """A module says what is not read here."""


@dataclass(frozen=True, slots=True)
class Module:
    """What a module says."""

    #: Names, as a pattern for an object has them, each with the path of one of ours that has it.
    imports: list[tuple[str, str]]
    #: Paths of those of ours that it imports, in their order.
    sources: list[str]
    #: Statements that import from elsewhere.
    foreign: list[str]
    #: Paths of those that it may load later.
    later: list[str]
    #: Names that it exports, as an object's literal has them.
    exports: list[str]
    #: Those of them that may be assigned again.
    variables: list[str]
    #: Whether it runs only once something has come.
    waits: bool
    body: str


def read(path: str, text: str) -> Module:
    """Read the text of a module."""
    waits = WAITS.search(text) is not None  # where a line begins is known here alone
    text = without_comments(text)
    imports = []
    sources = []
    foreign = []
    for names, source in IMPORT.findall(text):
        if not source.startswith("."):
            foreign.append(f'import {names} from "{source}";')
            continue
        sources.append(_beside(path, source))
        imports += [(name, sources[-1]) for name in _names(names)]
    exports = DECLARED.findall(text)
    for names in NAMED.findall(text):
        exports += [_swapped(name) for name in _names(names)]
    variables = VARIABLE.findall(text)
    body = IMPORT.sub("", text)
    for statement, left in ((NAMED, ""), (DECLARED, ""), (VARIABLE, r"\1")):
        body = statement.sub(left, body)
    if any(line.count("`") % 2 for line in body.splitlines()):
        raise LinkingError(f"{path}: a template of several lines")  # their blanks would be lost
    if unread := UNREAD.search(body):
        raise LinkingError(f"{path}: {unread[0]}")
    later = [_beside(path, source) for source in LATER.findall(body)]
    return Module(imports, sources, foreign, later, exports, variables, waits, body)


class Linker:
    """Links the modules of a directory."""

    def __init__(self, texts: Mapping[str, str], version: str, folder: str) -> None:
        """
        Prepare it.

        Args:
            texts: What each module says, by its path.
            version: What tells these modules from others of the same names.
            folder: Where those lie that are loaded later; a path below the root, without slashes.
        """
        self._modules = {path: read(path, text) for path, text in texts.items()}
        self._version = version
        self._folder = folder

    def needed(self, entry: str) -> list[str]:
        """Return the paths of what a module needs at once, and itself, in the order they run in."""
        done: list[str] = []
        self._visit(entry, done, [])
        return done

    def later(self, entry: str) -> set[str]:
        """Return the paths of what a module, or what it needs, may load later, sooner or later."""
        found: set[str] = set()
        waiting = [entry]
        while waiting:
            for path in self.needed(waiting.pop()):
                waiting += set(self._modules[path].later) - found
                found.update(self._modules[path].later)
        return found

    def link(self, entry: str, place: str, without: Collection[str] = ()) -> str:
        """
        Return a module with all that it needs.

        Args:
            entry: Its path.
            place: Where the outcome is served, as a path below the root.
            without: Paths of those that are there already.
        """
        paths = [path for path in self.needed(entry) if path not in without]
        folder = ("../" * place.count("/") or "./") + self._folder
        foreign = dict.fromkeys(line for path in paths for line in self._modules[path].foreign)
        lines = [
            *foreign,
            f'const $files = globalThis[Symbol.for("partyline {self._version}")] ??= {{}};',
            *([LOADS] if any(self._modules[path].later for path in paths) else []),
            *self._variables(paths),
        ]
        for path in paths:
            lines += self._statement(path, paths, folder)
        module = self._modules[entry]
        exported = [*module.variables, *module.exports]
        if names := [name.partition(":")[0] for name in exported]:
            lines.append(f'export const {{ {", ".join(names)} }} = $files["{entry}"];')
        return "\n".join([*lines, ""])

    def _variables(self, paths: list[str]) -> list[str]:
        """Return the declarations of what is assigned again: there, for all who import it."""
        found = [(name, path) for path in paths for name in self._modules[path].variables]
        if len(dict(found)) < len(found):
            raise LinkingError(f"two of one name: {found}")
        return [f'let {name} = $files["{path}"]?.{name};' for name, path in found]

    def _statement(self, path: str, paths: list[str], folder: str) -> list[str]:
        """Return a module as a statement: it runs unless it did, and keeps what it exports."""
        module = self._modules[path]
        if "import.meta" in module.body and path != paths[-1]:
            raise LinkingError(f"{path}: import.meta is another file's, once it is linked")
        names: dict[str, list[str]] = {}
        for name, source in module.imports:
            # What is assigned again is in sight under its own name, and under no other.
            if source not in paths or name not in self._modules[source].variables:
                names.setdefault(source, []).append(name)
        body = LATER.sub(lambda found: f'$later("{folder}/{_beside(path, found[1])}")', module.body)
        exports = [f"get {name}() {{ return {name}; }}" for name in module.variables]
        return [
            f'$files["{path}"] ??= ' + ("await (async () => {" if module.waits else "(() => {"),
            *(_taken(taken, source) for source, taken in names.items()),
            body.strip(),
            f"return {{ {', '.join([*exports, *module.exports])} }};",
            "})();",
        ]

    def _visit(self, path: str, done: list[str], way: list[str]) -> None:
        if path in way:
            raise LinkingError(" → ".join([*way, path]))
        if path not in self._modules:
            raise LinkingError(f"{way[-1:]} imports {path}, which is not there")
        if path not in done:
            for source in self._modules[path].sources:
                self._visit(source, done, [*way, path])
            done.append(path)


def _names(names: str) -> list[str]:
    """Part what stands in braces; what is imported as a whole is one name."""
    names = names.strip("{} \n")
    return [" ".join(name.split()) for name in names.split(",") if name.strip()]


def _taken(names: list[str], source: str) -> str:
    """Return the statement that takes names out of what a module exports."""
    whole = [name for name in names if name.startswith("* as ")]
    if whole:
        return f'const {whole[0].removeprefix("* as ")} = $files["{source}"];'
    pattern = ", ".join(name.replace(" as ", ": ") for name in names)
    return f'const {{ {pattern} }} = $files["{source}"];'


def _swapped(name: str) -> str:
    """Write ``own as others'`` as an object has it."""
    own, _, others = name.partition(" as ")
    return f"{others}: {own}" if others else own


def _beside(path: str, source: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), source))


def without_comments(text: str) -> str:
    """
    Leave out what nobody reads on the way: indentation, lines that are comment and nothing else,
    types and remarks at a line's end. A remark has no quotes: what has some may be within a text.
    """
    kept = []
    within = False
    for line in text.splitlines():
        written = line.strip()
        if within:
            within = not written.endswith("*/")
        elif written.startswith("/*") and "*/" not in written:
            within = True
        elif written and not written.startswith("//") and not _is_comment(written):
            kept.append(f"{REMARK.sub('', written)}\n")
    return "".join(kept)


def _is_comment(line: str) -> bool:
    return line.startswith("/*") and line.find("*/") == len(line) - 2
