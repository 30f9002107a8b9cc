"""The modules of the JavaScript client, by the tests beside this file; and what they weigh."""

import gzip
import re
from pathlib import Path

from support.deno import missed_lines

HERE = Path(__file__).parent
CLIENT = HERE.parents[1] / "clients" / "js"
# They have no document, no clock, no network.
PURE = ("position", "token", "transcript")
LIMIT = 6 * 1024


def test_the_pure_modules_pass_their_tests_which_reach_every_line(tmp_path):
    missed = missed_lines(HERE, tmp_path)
    assert missed == {name: [] for name in PURE}


def code_of(text: str) -> str:
    """Return a module without its comments and its indentation, as whoever bundles it sends it."""
    text = re.sub(r"/\*\*.*?\*/", "", text, flags=re.DOTALL)
    text = re.sub(r"(^|\s)//[^\n]*", "", text)
    return re.sub(r"\n\s*", "\n", text)


def test_the_client_weighs_no_more_than_6_kb_gzipped_in_all():
    """
    Names are as they are written: a bundler that shortens them makes less of it. The hooks are on
    top of it, for those who use React.
    """
    paths = [path for path in sorted(CLIENT.glob("*.js")) if path.name != "react.js"]
    code = "".join(code_of(path.read_text()) for path in paths)
    weight = len(gzip.compress(code.encode()))
    assert 0 < weight <= LIMIT, f"{weight} bytes"
