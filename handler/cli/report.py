"""How `doctor` and `probe` tell what they have found: to people, or to programs."""

import argparse
import json
from collections.abc import Sequence

from handler import findings
from handler.findings import Finding


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add ``--json``."""
    parser.add_argument("--json", action="store_true", help="print one JSON object, for programs")


def tell(found: Sequence[Finding], *, as_json: bool) -> int:
    """Print a report; returns the exit code."""
    if as_json:
        print(json.dumps(findings.message(found)))
    else:
        for line in findings.lines(found):
            print(line)
    return findings.exit_code(found)
