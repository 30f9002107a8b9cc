"""What a command says while it runs: on standard error, beside a line of progress."""

import sys


def tell(line: str) -> None:
    """Say something to the person; a line of progress gives way to it."""
    print(f"\r\033[K{line}" if sys.stderr.isatty() else line, file=sys.stderr, flush=True)
