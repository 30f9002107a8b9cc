"""The page's modules that need no browser, by the tests beside this file."""

from pathlib import Path

from support.deno import missed_lines

# They have no document, no clock, no network.
PURE = (
    "call_words",
    "delay",
    "en",
    "folding",
    "format",
    "known_calls",
    "numbers",
    "phrase",
    "previews",
    "service_clock",
    "signals",
    "texts",
    "vocabulary",
    "watch_words",
    "word_index",
    "words",
)

# The client's, which has its own tests.
CLIENTS = {path.stem for path in (Path(__file__).parents[3] / "clients" / "js").glob("*.js")}


def test_the_pure_modules_pass_their_tests_which_reach_every_line(tmp_path):
    missed = missed_lines(Path(__file__).parent, tmp_path)
    assert {name: missed[name] for name in missed.keys() - CLIENTS} == {name: [] for name in PURE}
