"""The stream and the bucket: created where they are missing, updated on request."""

import nats.errors
import nats.js.errors
from nats.aio.client import Client
from nats.js import JetStreamContext, api

from broker.errors import NotProvisioned, ServerTooOld
from broker.settings import BrokerSettings
from broker.subjects import Subjects

# The oldest server on which all of this was seen to work; 2.10 lacks message TTL, and on 2.11.0
# an expired lease did not reach the view.
OLDEST_SERVER = (2, 11, 11)
STREAM_EXISTS = 10058  # "stream name already in use with a different configuration"
MAX_MESSAGE = 64 * 1024
MAX_RECORDS_PER_SUBJECT = 50_000  # one runaway call cannot evict the others
DUPLICATE_WINDOW = 120.0  # longer than a retry can take while the server answers
MARKER_SECONDS = 60  # how long the bucket remembers that a key has expired


def check_version(client: Client) -> None:
    """Refuse a server that is too old, by name."""
    version = client.connected_server_version
    if (version.major, version.minor, version.patch) < OLDEST_SERVER:
        needed = ".".join(map(str, OLDEST_SERVER))
        raise ServerTooOld(f"{version.major}.{version.minor}.{version.patch}", needed)


async def provision(js: JetStreamContext, subjects: Subjects, settings: BrokerSettings) -> None:
    """
    See to it that stream and bucket exist; idempotent.

    Raises:
        NotProvisioned: one is missing, and the user may not create it or the server refuses.
    """
    try:
        await _ensure_stream(js, _stream(subjects, settings), update=settings.provision)
    except (nats.errors.Error, TimeoutError) as exc:
        raise NotProvisioned(f"stream {subjects.stream}", _said(exc)) from exc
    try:
        if settings.provision or not await _exists(js, f"KV_{subjects.bucket}"):
            await _ensure_bucket(js, subjects, settings)
    except (nats.errors.Error, TimeoutError) as exc:
        raise NotProvisioned(f"bucket {subjects.bucket}", _said(exc)) from exc


async def _ensure_stream(js: JetStreamContext, config: api.StreamConfig, *, update: bool) -> None:
    if not update and await _exists(js, str(config.name)):
        return
    try:
        await js.add_stream(config)
    except nats.js.errors.BadRequestError as exc:
        if exc.err_code != STREAM_EXISTS:
            raise
        await js.update_stream(config)


async def _exists(js: JetStreamContext, stream: str) -> bool:
    try:
        await js.stream_info(stream)
    except nats.js.errors.NotFoundError:
        return False
    return True


def _stream(subjects: Subjects, settings: BrokerSettings) -> api.StreamConfig:
    return api.StreamConfig(
        name=subjects.stream,
        subjects=[subjects.ingest],
        # Live subscribers see what was stored, once and in order; retries and replaced writers
        # never show.
        subject_transform=api.SubjectTransform(src=subjects.ingest, dest=subjects.live),
        republish=api.RePublish(src=subjects.live, dest=subjects.live),
        storage=api.StorageType.FILE,
        num_replicas=settings.replicas,
        retention=api.RetentionPolicy.LIMITS,
        discard=api.DiscardPolicy.OLD,
        max_age=settings.retention,
        max_bytes=settings.max_bytes,
        max_msgs_per_subject=MAX_RECORDS_PER_SUBJECT,
        max_msg_size=MAX_MESSAGE,
        duplicate_window=min(DUPLICATE_WINDOW, settings.retention),
        allow_direct=True,  # off by default; without it a Direct Get gets no answer at all
        deny_delete=True,  # single messages; purging a whole call stays possible
    )


async def _ensure_bucket(
    js: JetStreamContext, subjects: Subjects, settings: BrokerSettings
) -> None:
    republish = api.RePublish(src=subjects.bucket_keys, dest=subjects.registry)
    try:
        await js.create_key_value(
            bucket=subjects.bucket,
            history=1,
            limit_marker_ttl=MARKER_SECONDS,
            direct=True,
            replicas=settings.replicas,
            republish=republish,
        )
    except nats.js.errors.BadRequestError as exc:
        if exc.err_code != STREAM_EXISTS or not settings.provision:
            raise
        config = (await js.stream_info(f"KV_{subjects.bucket}")).config
        await js.update_stream(config.evolve(num_replicas=settings.replicas, republish=republish))


def _said(exc: Exception) -> str:
    """What went wrong, in words; a request that may not be made is never answered."""
    if isinstance(exc, TimeoutError | nats.errors.TimeoutError):
        return "no answer; may this user create it? Run it once with a user that may"
    return str(exc) or type(exc).__name__
