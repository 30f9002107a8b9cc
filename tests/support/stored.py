"""What NATS keeps of calls, as a test wants it kept."""

import nats as nats_client
from support.processes import Service

STREAM = "TRANSCRIPTS"


async def keep_newest(service: Service, call_sid: str, count: int) -> None:
    """Let the stream forget the records of a call but the newest, as it does with time."""
    nats = await nats_client.connect(service.nats_url)
    subject = f"transcripts.*.{call_sid}.>"
    await nats.jetstream().purge_stream(STREAM, subject=subject, keep=count)
    await nats.close()
