"""handler/logs.py: what a log line holds, and what it never does."""

import json
import subprocess
import sys

from support.processes import ENVIRON
from support.timing import PATIENCE

from handler.logs import MAX_ITEMS, MAX_TEXT, MAX_TRACEBACK

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjF9.c2lnbmF0dXJl"


def logged(*statements: str) -> list[dict]:
    """Run statements in a process whose log is ours."""
    program = "import logging, structlog\nfrom handler import logs\nlogs.configure('DEBUG')\n"
    program += "log = structlog.get_logger()\n" + "\n".join(statements)
    ended = subprocess.run(
        [sys.executable, "-c", program],
        env=ENVIRON,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    return [json.loads(line) for line in ended.stderr.splitlines()]


def test_a_library_that_prints_addresses_is_quiet():
    lines = logged(
        "for name in ('httpx', 'httpcore.connection', 'websockets', 'nats'):",
        "    logging.getLogger(name).info('GET https://id.example.com/jwks?key=secret')",
        "logging.getLogger('httpx').warning('something is wrong')",
    )
    assert [line["event"] for line in lines] == ["something is wrong"]


def test_a_line_is_no_longer_than_somebody_reads_whatever_a_peer_sends():
    (line,) = logged(
        "log.warning('refused ' + 'e' * 9000, host='h' * 9000, tried=['u' * 9000] * 900,",
        "            facts={'deep': ['d' * 9000]})",
    )
    assert line["host"] == "h" * MAX_TEXT + " … (8000 more)"
    assert len(line["tried"]) == MAX_ITEMS + 1
    assert line["tried"][-1] == f"… ({900 - MAX_ITEMS} more)"
    assert len(line["facts"]["deep"][0]) < MAX_TEXT + 20
    assert len(json.dumps(line)) < (MAX_ITEMS + 5) * (MAX_TEXT + 50)


def test_of_a_traceback_the_end_is_kept():
    (line,) = logged(
        "try:",
        "    raise ValueError('m' * 90_000 + ' the last words')",
        "except ValueError:",
        "    log.exception('defect')",
    )
    assert line["exception"].endswith(" the last words")
    assert len(line["exception"]) == MAX_TRACEBACK


def test_tokens_are_cut_out_of_whatever_a_line_holds():
    (line,) = logged(
        f"log.info('asked', path='/calls?token=abc', tried=['wss://h/?token=abc', '{JWT}'],",
        f"         facts={{'was': '{JWT}', 'cut off': '{JWT[:-16]}'}})",
    )
    assert line["path"] == "/calls?token=***"
    assert line["tried"] == ["wss://h/?token=***", "***"]
    assert line["facts"] == {"was": "***", "cut off": "***"}


def test_lines_that_may_ask_for_something_are_counted():
    *_, counted = logged(
        "log.info('a')",
        "log.warning('b')",
        "log.error('c')",
        "log.exception('d')",
        "logging.getLogger('asyncio').error('e')",
        "log.info('counted', **logs.lines)",
    )
    counts = {level: counted[level] for level in ("warning", "error", "critical")}
    assert counts == {"warning": 1, "error": 3, "critical": 0}
