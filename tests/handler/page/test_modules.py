"""The page's modules that need no browser, by the tests beside this file."""

from pathlib import Path

from support.deno import missed_lines

# They have no document, no clock, no network.
PURE = (
    "delay",
    "en",
    "format",
    "glance",
    "identifiers",
    "known_calls",
    "last_words",
    "numbers",
    "ordering",
    "previews",
    "texts",
    "visible_rows",
    "words",
)


def test_the_pure_modules_pass_their_tests_which_reach_every_line(tmp_path):
    missed = missed_lines(Path(__file__).parent, tmp_path)
    assert missed == {name: [] for name in PURE}
