"""Is NATS as the service needs it: the server, the stream, the bucket, the user's rights?"""

import argparse
from collections.abc import Callable, Sequence
from functools import partial

from broker.cli.connect import connected
from broker.client import Client
from broker.connection import INBOX_PREFIX
from broker.errors import BrokerError
from broker.provision import check_version, find_stream
from broker.rights import try_rights
from broker.settings import without_password
from broker.shape import Config, Difference, advice, bucket_differences, stream_differences
from broker.subjects import Subjects
from handler.config import Settings
from handler.findings import Findings

PROVISION = "run `partyline provision` once, with a user that may create it (docs/operations.md)"


class Nats:
    """NATS, as the settings name it."""

    names: tuple[str, ...] = ("nats.server", "nats.stream", "nats.bucket", "nats.rights")
    settings: tuple[str, ...] = ("NATS_URL", "NATS_CREDS", "SUBJECT_PREFIX", "NATS_SHARDS")

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._subjects = Subjects(settings.subject_prefix, settings.nats_shards)

    async def look(self, findings: Findings) -> None:
        """Look at it with the service's own user."""
        settings = self._settings
        if settings.embedded_nats:
            findings.skip_rest(self.names, "`serve --embedded-nats` brings its own")
            return
        reached = argparse.Namespace(
            servers=settings.nats_urls,
            credentials=settings.nats_credentials,
            authorities=settings.nats_authorities,
        )
        try:
            async with connected(
                reached, name="partyline doctor", user="handler", inbox_prefix=INBOX_PREFIX
            ) as client:
                seconds = await self._look(client, findings)
        except BrokerError as exc:
            self._fail(findings, str(exc))
            return
        # Only now: what the user may not do can be heard of behind all that it may.
        if seconds is not None:
            findings.ok(
                "nats.rights",
                f"all that the service needs; a message is back in {1000 * seconds:.1f} ms",
                seconds=round(seconds, 6),
            )

    async def _look(self, client: Client, findings: Findings) -> float | None:
        """Look; returns how long a message took to NATS and back, where that could be tried."""
        check_version(client)
        server = ", ".join(map(without_password, self._settings.nats_urls))
        found = client.connected_server_version
        version = f"{found.major}.{found.minor}.{found.patch}"
        findings.ok("nats.server", f"nats-server {version} at {server}", version=version)
        subjects, looked_at = self._subjects, []
        for name, streams, differences in (
            ("nats.stream", subjects.streams, stream_differences),
            ("nats.bucket", (f"KV_{subjects.bucket}",), bucket_differences),
        ):
            compare = partial(differences, subjects)
            looked_at.append(await _are_in_order(client, findings, name, streams, compare))
        return await try_rights(client, subjects) if all(looked_at) else None

    def _fail(self, findings: Findings, said: str) -> None:
        """Fail what was being looked at, which is the first of which nothing is known."""
        what, _, todo = said.partition(": ")
        name = next(name for name in self.names if not findings.knows(name))
        if name == "nats.server":
            findings.failed(
                name,
                said,
                "check NATS_URL, NATS_CREDS and the server (docs/operations.md); say "
                "--embedded-nats where `partyline serve` does",
            )
        else:
            findings.failed(name, what, todo or "the log of nats-server says more")


async def _are_in_order(
    client: Client,
    findings: Findings,
    name: str,
    streams: Sequence[str],
    differences: Callable[[Config], list[Difference]],
) -> bool:
    for stream in streams:
        found = await find_stream(client, stream)
        if found is None:
            findings.failed(name, f"{stream} is missing", PROVISION)
            return False
        if different := differences(found):
            what, _, todo = advice(stream, different).partition(". ")
            findings.failed(name, f"{stream} {what}", todo)
            return False
    are = "is" if len(streams) == 1 else "are"
    findings.ok(name, f"{', '.join(streams)} {are} as it must be")
    return True
