"""The service under plain uvicorn: with its own classes for HTTP and websockets, none of ours."""

import argparse
import os

import uvicorn

from handler import logs
from handler.app import create_app
from handler.config import Settings


def main() -> None:
    """Read the settings and serve."""
    argparse.ArgumentParser(prog="python -m bench.plain", description=__doc__).parse_args()
    settings = Settings.from_environ(os.environ)
    logs.configure(settings.log_level)
    uvicorn.run(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        backlog=2048,
        log_config=None,
        access_log=False,
    )


if __name__ == "__main__":
    main()
