"""Settings, read once from the environment. No other module reads it."""

import re
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict, TypeVar
from urllib.parse import SplitResult

from broker import durations
from broker.identifiers import ACCOUNT_SID
from broker.settings import (
    DEFAULT_SERVER,
    read_authorities,
    read_credentials,
    read_megabytes,
    read_prefix,
    read_replicas,
    read_retention,
    read_servers,
    read_shards,
)
from broker.subjects import DEFAULT_PREFIX
from handler import addresses
from handler.deepgram_options import DEFAULTS, FIXED, deepgram_options, option_names
from handler.environment import Reader, log_level, name_instance
from handler.errors import SettingsError, SettingsErrors
from handler.forwarding import (
    DEFAULT_NOTICE,
    Forwarding,
    read_forward_to,
    read_notice,
)
from handler.roles import BOTH, Role, Roles, read_roles
from handler.tokens import grants
from handler.tokens.grants import VerificationKey
from handler.twilio_credentials import MAX_TOKENS, read_api_key

# In order, whatever else is set: for those that have no default to fall back on.
STAND_INS = {
    "DEEPGRAM_API_KEY": "key",
    "PUBLIC_URL": "https://calls.example.com",
    "TOKEN_SECRET": "s" * grants.MIN_SECRET_BYTES,
    "TWILIO_AUTH_TOKEN": "token",
}

# What stands in examples where a secret belongs: words, one repeated sign, brackets to be filled.
PLACEHOLDER = re.compile(
    r"(^|[\s_-])(your|change|replace|insert|paste|placeholder|example|todo|redacted)"
    r"|^[x*._-]+$|\.\.\.|[<>{}\[\]$]|^((twilio|deepgram)[\s_-]?)?(auth[\s_-]?token|api[\s_-]?key)$",
    re.IGNORECASE,
)
# As both consoles show theirs; Deepgram also gives out tokens that live shortly (JWTs).
AUTH_TOKEN = re.compile(r"[0-9a-f]{32}")
API_KEY = re.compile(r"[0-9a-f]{40}|eyJ[\w-]+\.[\w-]+\.[\w-]+", re.ASCII)
# A loop that is only late must not end the calls of its process.
SHORTEST_WATCHDOG_SECONDS = 2.0
# From the start of a container to what it was started for, with some seconds to spare.
SHORT_IDLE_SECONDS = 30.0
OTLP = "http/protobuf"
# Of a file that a setting names.
MAX_FILE = 8 * 2**20
SWITCH = dict.fromkeys(("1", "true", "yes", "on"), True) | dict.fromkeys(
    ("0", "false", "no", "off"), False
)

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """
    All settings of the service; times in seconds unless the name says otherwise.

    Attributes carry the defaults; the README's table says what each is for. One flat list, however
    long: each is a variable of nearly the same name, and a part takes those it needs.
    """

    host: str = "0.0.0.0"  # noqa: S104  a container is reached from outside
    port: int = 8080
    metrics_port: int | None = None
    public_url: str | None = None
    on_fly: bool = False  # Fly.io's proxy takes a refused handshake elsewhere if it is asked to
    insecure: bool = False
    roles: Roles = BOTH
    log_level: str = "INFO"
    instance: str = field(default_factory=lambda: name_instance(socket.gethostname()))

    twilio_account_sid: str | None = None
    twilio_auth_tokens: tuple[str, ...] = field(default=(), repr=False)
    twilio_api_key: tuple[str, str] | None = field(default=None, repr=False)  # SID, secret
    twilio_accounts: str | None = None  # the file of more accounts
    twilio_api_url: str = "https://api.twilio.com"
    notice: str = DEFAULT_NOTICE  # what callers are told; nothing if it is empty
    forward_to: Forwarding = field(default_factory=Forwarding)
    require_ticket: bool | None = None  # None: once a call was answered by our voice webhook

    deepgram_api_key: str = field(default="", repr=False)
    deepgram_url: str = "wss://api.deepgram.com"
    deepgram_options: tuple[tuple[str, str], ...] = DEFAULTS + FIXED
    call_options: frozenset[str] = frozenset()  # those that a call may set for itself

    nats_urls: tuple[str, ...] = field(default=(DEFAULT_SERVER,), repr=False)
    nats_credentials: str | None = field(default=None, repr=False)
    nats_authorities: str | None = field(default=None, repr=False)  # whom to trust besides others
    nats_store: str | None = None  # where the embedded server keeps its files
    embedded_nats: bool = False
    nats_shards: int = 1  # streams that share the records
    nats_replicas: int = 1  # copies of each record in a cluster
    subject_prefix: str = DEFAULT_PREFIX
    retention: float = 72 * 3600.0
    max_bytes: int = 4 * 2**30  # of the stream; beyond it the oldest records go
    lease_seconds: float = 20.0  # a dead process's calls leave the list; an election takes 8.5

    token_keys: tuple[VerificationKey, ...] = field(default=(), repr=False)
    token_jwks_url: str | None = None  # where more public keys are fetched from
    token_audience: str | None = None  # what aud must name; None takes any
    token_max_age: float = 30 * 86_400.0  # how far ahead exp may lie
    allowed_origins: tuple[str, ...] = ()  # of pages; none: see handler/subscribers/access.py
    frame_ancestors: tuple[str, ...] = ()  # origins of pages that may show ours within them

    max_calls: int = 100
    max_stream_seconds: float = 0.0  # an older media stream is followed by another; 0: never
    resume_seconds: float = 60.0  # how long a call outlives the loss of its media stream
    replay_seconds: float = 60.0  # audio kept for a recogniser that is away; 16 kB each second
    drain_seconds: float = 8.0  # from SIGTERM to the end; Cloud Run kills after 10 s
    close_seconds: float = 10.0  # wait for the last results; Deepgram's own examples wait as long
    chunk_ms: int = 100  # 60 has 20 ms less of delay for a quarter more of CPU (bench/)
    mix_wait_ms: int = 200  # ten frames: how long one side waits for the other
    write_timeout: float = 10.0  # a subscriber that takes nothing for so long is too slow
    max_subscribers: int = 5000  # one result to so many takes some 0.1 s (bench/)
    max_share: int = 25  # of these and the next two, for a token or a sub: percent
    max_awaited_calls: int = 1000  # unknown ones that are asked for; each some 20 kB
    max_transcripts: int = 12  # whole ones at once; an hour takes up to 0.5 s of CPU, 3 MB
    await_call_seconds: float = 30.0  # for a call that a subscriber knows before we do
    pause_seconds: float = 8.0  # how long readers stay with a call that was stopped: it may go on
    watchdog_seconds: float = 30.0  # a loop that is stuck for so long ends the process; 0: never
    idle_exit_seconds: float = 0.0  # a process that holds nothing for so long leaves; 0: never
    traces_url: str | None = None  # where spans go, by OTLP
    ecs_agent_uri: str | None = None  # what keeps an ECS task from being stopped while calls live

    @classmethod
    def from_environ(
        cls, environ: Mapping[str, str], *, insecure: bool = False, embedded_nats: bool = False
    ) -> "Settings":
        """
        Read the settings.

        Args:
            environ: The environment, ``os.environ``.
            insecure: Do without a Twilio auth token and without token keys.
            embedded_nats: Run a nats-server of our own instead of reaching one by NATS_URL.

        Raises:
            SettingsError: some are missing or malformed; it says which, and what to set.
        """
        settings, errors = cls.read_what_can_be(
            environ, insecure=insecure, embedded_nats=embedded_nats
        )
        if settings is None or errors:
            raise errors[0] if len(errors) == 1 else SettingsErrors(errors)
        return settings

    @classmethod
    def read_what_can_be(
        cls, environ: Mapping[str, str], *, insecure: bool = False, embedded_nats: bool = False
    ) -> "tuple[Settings | None, tuple[SettingsError, ...]]":
        """
        Read the settings as :meth:`from_environ` does; returns them, and each that is wrong.

        What is wrong has something that stands in for it, where there is such a thing.
        """
        found: dict[str, SettingsError] = {}
        while True:
            try:
                return cls._read(environ, insecure, embedded_nats), tuple(found.values())
            except SettingsError as exc:
                if exc.name in found:  # what stands in for it does not help
                    return None, tuple(found.values())
                found[exc.name] = exc
                environ = _with_stand_in(environ, exc.name)

    @classmethod
    def of_twilio(cls, environ: Mapping[str, str]) -> "Settings":
        """
        Read the settings of Twilio's side alone, for commands that need no others.

        Raises:
            SettingsError: one is malformed; none need be there.
        """
        read = Reader(environ)
        default = cls()
        return cls(
            public_url=_public_url(read, default.host, insecure=True),
            forward_to=read.read("FORWARD_TO", _forward_to, default.forward_to),
            **_twilio(read, default, insecure=True),
        )

    @classmethod
    def _read(cls, environ: Mapping[str, str], insecure: bool, embedded_nats: bool) -> "Settings":
        read = Reader(environ)
        default = cls()
        host = read.text("HOST", default.host)
        roles = read.read("ROLES", read_roles, default.roles)
        # What guards a door that is not here need not be set.
        no_media = insecure or Role.MEDIA not in roles
        no_subscribers = insecure or Role.SUBSCRIBERS not in roles
        return cls(
            roles=roles,
            host=host,
            port=read.whole("PORT", default.port, 0, 65535),
            metrics_port=read.whole("METRICS_PORT", 0, 1, 65535) or None,
            public_url=_public_url(read, host, no_media),
            on_fly=read.optional("FLY_MACHINE_ID") is not None,
            insecure=insecure,
            log_level=log_level(read.text("LOG_LEVEL", default.log_level)),
            instance=name_instance(read.optional("FLY_MACHINE_ID") or socket.gethostname()),
            **_twilio(read, default, insecure=no_media),
            notice=read.read("NOTICE", read_notice, _default_notice(environ)),
            forward_to=read.read("FORWARD_TO", _forward_to, default.forward_to),
            require_ticket=_require_ticket(read),
            deepgram_api_key=_deepgram_key(read.optional("DEEPGRAM_API_KEY"), roles),
            deepgram_url=_deepgram_url(read.text("DEEPGRAM_URL", default.deepgram_url)),
            deepgram_options=read.read("DEEPGRAM_OPTIONS", deepgram_options, DEFAULTS + FIXED),
            call_options=read.read("CALL_OPTIONS", option_names, default.call_options),
            nats_urls=read.read("NATS_URL", read_servers, default.nats_urls),
            nats_credentials=read.read("NATS_CREDS", read_credentials, None),
            nats_authorities=read.read("NATS_CA", read_authorities, None),
            nats_store=read.optional("NATS_STORE"),
            embedded_nats=embedded_nats,
            nats_shards=read.read("NATS_SHARDS", read_shards, default.nats_shards),
            nats_replicas=read.read("NATS_REPLICAS", read_replicas, default.nats_replicas),
            subject_prefix=read.read("SUBJECT_PREFIX", read_prefix, default.subject_prefix),
            retention=read.read("RETENTION", read_retention, default.retention),
            max_bytes=read.read("MAX_MEGABYTES", read_megabytes, default.max_bytes >> 20) << 20,
            lease_seconds=read.duration("LEASE_SECONDS", default.lease_seconds, 2, 3600),
            token_keys=_token_keys(read, no_subscribers),
            token_jwks_url=_jwks_url(read.optional("TOKEN_JWKS_URL")),
            token_audience=read.optional("TOKEN_AUDIENCE"),
            token_max_age=read.duration("TOKEN_MAX_AGE", default.token_max_age, 60, 3660 * 86_400),
            allowed_origins=_origins(read, "ALLOWED_ORIGINS"),
            frame_ancestors=_origins(read, "FRAME_ANCESTORS"),
            max_calls=read.whole("MAX_CALLS", default.max_calls, 1, 10_000),
            max_stream_seconds=read.duration(
                "MAX_STREAM_SECONDS", default.max_stream_seconds, 0, 86_400
            ),
            resume_seconds=read.duration("RESUME_SECONDS", default.resume_seconds, 0, 3600),
            replay_seconds=read.duration("REPLAY_SECONDS", default.replay_seconds, 1, 600),
            drain_seconds=read.duration("DRAIN_SECONDS", default.drain_seconds, 1, 86_400),
            close_seconds=read.duration("CLOSE_SECONDS", default.close_seconds, 1, 120),
            chunk_ms=read.whole("CHUNK_MS", default.chunk_ms, 20, 250),
            mix_wait_ms=read.whole("MIX_WAIT_MS", default.mix_wait_ms, 20, 5000),
            write_timeout=read.duration("WRITE_TIMEOUT", default.write_timeout, 1, 300),
            max_subscribers=read.whole("MAX_SUBSCRIBERS", default.max_subscribers, 1, 100_000),
            max_share=read.whole("MAX_SHARE", default.max_share, 1, 100),
            max_awaited_calls=read.whole(
                "MAX_AWAITED_CALLS", default.max_awaited_calls, 1, 100_000
            ),
            max_transcripts=read.whole("MAX_TRANSCRIPTS", default.max_transcripts, 1, 1000),
            await_call_seconds=read.duration(
                "AWAIT_CALL_SECONDS", default.await_call_seconds, 0, 300
            ),
            pause_seconds=read.duration("PAUSE_SECONDS", default.pause_seconds, 0, 3600),
            watchdog_seconds=read.read("WATCHDOG_SECONDS", _watchdog, default.watchdog_seconds),
            idle_exit_seconds=read.duration(
                "IDLE_EXIT_SECONDS", default.idle_exit_seconds, 0, 86_400
            ),
            traces_url=_traces_url(read),
            ecs_agent_uri=_ecs_agent_uri(read.optional("ECS_AGENT_URI")),
        )


def doubts(settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield the names of settings that are hardly meant so, though they may be right, and why."""
    if settings.public_url is not None and addresses.is_in_clear(settings.public_url):
        yield (
            "PUBLIC_URL",
            (
                "is without TLS: Twilio opens no ws://, and tokens and transcripts can be read on "
                "the way; begin it with https://"
            ),
        )
    if unnamed := sorted(settings.forward_to.option_names - settings.call_options):
        yield (
            "CALL_OPTIONS",
            (
                f"does not name {', '.join(unnamed)}, which FORWARD_TO sets: that changes nothing; "
                "name what a call may set, or leave it out there"
            ),
        )
    if 0 < settings.idle_exit_seconds < SHORT_IDLE_SECONDS:
        yield (
            "IDLE_EXIT_SECONDS",
            (
                "is so short that a container may leave before the call that it was started for "
                f"comes in; set {SHORT_IDLE_SECONDS:g}s or more"
            ),
        )
    if settings.idle_exit_seconds and settings.embedded_nats and settings.nats_store is None:
        yield (
            "IDLE_EXIT_SECONDS",
            "ends the nats-server with the service, and all transcripts with it: set NATS_STORE",
        )
    if not all(map(AUTH_TOKEN.fullmatch, settings.twilio_auth_tokens)):
        yield (
            "TWILIO_AUTH_TOKEN",
            (
                "is not 32 hexadecimal digits (0-9, a-f), as Twilio's auth tokens are: is it the "
                "Auth Token of the Console's front page, whole, and no SID or API key?"
            ),
        )
    theirs = addresses.read(settings.deepgram_url).hostname or ""
    key = settings.deepgram_api_key
    if key and theirs.endswith("deepgram.com") and not API_KEY.fullmatch(key):
        yield (
            "DEEPGRAM_API_KEY",
            (
                "is not 40 hexadecimal digits (0-9, a-f), as Deepgram's keys are: is it the key "
                "itself, whole, and not its ID?"
            ),
        )


def _with_stand_in(environ: Mapping[str, str], name: str) -> Mapping[str, str]:
    """Make a setting one that is in order, so that the others can be read: all are told at once."""
    filled = {**environ, name: STAND_INS.get(name, "")}
    if name.startswith("TOKEN_") and not filled.get("TOKEN_SECRET", "").strip():
        # Keys were given, if malformed ones: a secret is not missing beside them.
        filled["TOKEN_SECRET"] = STAND_INS["TOKEN_SECRET"]
    return filled


def _check_secret(name: str, text: str) -> None:
    """Refuse what no console gives out; it may be a part of a secret, and is not shown."""
    if not text.isascii() or not text.replace("\n", " ").isprintable():
        raise SettingsError(name, "holds other signs than ASCII ones: an ellipsis, a curly quote?")
    if text[0] in "\"'":
        raise SettingsError(name, "set it without quotes around it")
    if PLACEHOLDER.search(text):
        raise SettingsError(name, "is the placeholder of an example: set the one of your account")


def _deepgram_key(text: str | None, roles: Roles) -> str:
    name = "DEEPGRAM_API_KEY"
    if text is None:
        if Role.MEDIA not in roles:
            return ""
        raise SettingsError(name, "missing: set your Deepgram API key (any word for a stand-in)")
    if re.match(r"(token|bearer)\s", text, re.IGNORECASE):
        raise SettingsError(name, "set the key alone, without the word Token or Bearer before it")
    _check_secret(name, text)
    if not re.fullmatch(r"[!-~]+", text):
        raise SettingsError(name, "a key is one word of letters and digits, without blanks")
    return text


class _Twilio(TypedDict):
    twilio_account_sid: str | None
    twilio_auth_tokens: tuple[str, ...]
    twilio_api_key: tuple[str, str] | None
    twilio_accounts: str | None
    twilio_api_url: str


def _twilio(read: Reader, default: Settings, *, insecure: bool) -> _Twilio:
    return {
        "twilio_account_sid": _account_sid(read.optional("TWILIO_ACCOUNT_SID")),
        "twilio_auth_tokens": _auth_tokens(read, insecure),
        "twilio_api_key": read.read("TWILIO_API_KEY", read_api_key, None),
        "twilio_accounts": read.optional("TWILIO_ACCOUNTS"),
        "twilio_api_url": _twilio_api_url(read.text("TWILIO_API_URL", default.twilio_api_url)),
    }


def _auth_tokens(read: Reader, insecure: bool) -> tuple[str, ...]:
    text = read.optional("TWILIO_AUTH_TOKEN")
    if text is None:
        if insecure or read.optional("TWILIO_ACCOUNTS") is not None:
            return ()
        raise SettingsError(
            "TWILIO_AUTH_TOKEN",
            "missing: set the auth token of your Twilio account, or of several by TWILIO_ACCOUNTS, "
            "so that only Twilio can send audio (or start with --insecure on a machine that nobody "
            "else reaches)",
        )
    _check_secret("TWILIO_AUTH_TOKEN", text)
    found = tuple(part for part in re.split(r"[,\s]+", text) if part)
    if not found:
        raise SettingsError("TWILIO_AUTH_TOKEN", "holds no token")  # none would take any signature
    if len(found) > MAX_TOKENS:
        raise SettingsError(
            "TWILIO_AUTH_TOKEN",
            f"holds {len(found)} tokens: at most {MAX_TOKENS}; name each account with its own in "
            "TWILIO_ACCOUNTS",
        )
    return found


def _default_notice(environ: Mapping[str, str]) -> str:
    """Of all settings, this one may be empty on purpose."""
    return "" if "NOTICE" in environ else DEFAULT_NOTICE


def _forward_to(text: str) -> Forwarding:
    """Read the setting, or the file that it names."""
    if not text.startswith("@"):
        return read_forward_to(text)
    path = Path(text[1:].strip())
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE + 1)
    except (OSError, ValueError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else None
        raise ValueError(f"{str(path)!r} cannot be read: {reason or exc}") from exc
    if len(data) > MAX_FILE:
        raise ValueError(f"{str(path)!r} is larger than {MAX_FILE >> 20} MB")
    try:
        return read_forward_to(data.decode("utf-8-sig").strip())
    except ValueError as exc:  # no UTF-8 is one, too
        raise ValueError(f"{str(path)!r}: {exc}") from exc


def _require_ticket(read: Reader) -> bool | None:
    """Read whether tickets are needed; whoever sets up the voice webhook wants them."""
    given = read.read("REQUIRE_TICKET", _switch, None)
    if given is not None:
        return given
    return True if read.optional("FORWARD_TO") or read.optional("NOTICE") else None


def _switch(text: str) -> bool:
    try:
        return SWITCH[text.lower()]
    except KeyError:
        raise ValueError(f"{text!r} is not 1 or 0") from None


def _token_keys(read: Reader, insecure: bool) -> tuple[VerificationKey, ...]:
    keys: list[VerificationKey] = []
    nothing: tuple[str, ...] = ()
    secrets_given = read.read("TOKEN_SECRET", grants.read_secrets, nothing)
    keys += [grants.secret_key(secret) for secret in secrets_given]
    pem = read.text("TOKEN_PUBLIC_KEY", "").replace("\\n", "\n")
    for block in re.findall(r"-----BEGIN [^-]+-----.*?-----END [^-]+-----", pem, re.DOTALL):
        try:
            keys.append(_public_key(block))
        except ValueError as exc:
            raise SettingsError("TOKEN_PUBLIC_KEY", str(exc)) from exc
    if pem and not any(key.algorithm != "HS256" for key in keys):
        raise SettingsError("TOKEN_PUBLIC_KEY", "holds no PEM public key")
    if not keys and not insecure and read.optional("TOKEN_JWKS_URL") is None:
        raise SettingsError(
            "TOKEN_SECRET",
            f"missing: set a random secret of at least {grants.MIN_SECRET_BYTES} bytes that "
            "subscribers' tokens are signed with, or TOKEN_PUBLIC_KEY, or TOKEN_JWKS_URL (or start "
            "with --insecure on a machine that nobody else reaches)",
        )
    return tuple(keys)


def _public_key(pem: str) -> VerificationKey:
    from handler.tokens import tokens  # noqa: PLC0415  large: see there

    return tokens.public_key(pem)


def _url(name: str, text: str) -> SplitResult:
    try:
        return addresses.read(text)
    except ValueError as exc:
        raise SettingsError(name, str(exc)) from exc


def _jwks_url(text: str | None) -> str | None:
    if text is None:
        return None
    _url("TOKEN_JWKS_URL", text)
    if not addresses.is_safe(text, near=True):  # who can change what comes makes keys
        raise SettingsError(
            "TOKEN_JWKS_URL", f"{addresses.shown(text)!r} is not like https://id.example.com/jwks"
        )
    return text


def _origins(read: Reader, name: str) -> tuple[str, ...]:
    """Read origins of pages, spelled as browsers spell them."""
    return tuple(_origin(name, part) for part in re.split(r"[,\s]+", read.text(name, "")) if part)


def _origin(name: str, text: str) -> str:
    if text == "*":
        return text
    try:
        url, origin = addresses.read(text), addresses.origin(text)
    except ValueError:
        url, origin = None, ""
    if url is None or url.path.strip("/") or url.query or url.fragment:
        raise SettingsError(
            name, f"{addresses.shown(text)!r} is not like https://crm.example.com, nor *"
        )
    return origin


def _public_url(read: Reader, host: str, insecure: bool) -> str | None:
    name = "PUBLIC_URL"
    text = read.optional(name)
    if text is None:
        if insecure or addresses.is_loopback(host):
            return None
        raise SettingsError(
            name,
            "missing: set the address that the <Stream url> begins with, such as "
            "https://calls.example.com, so that a signature that Twilio made for another host "
            "opens nothing here (or HOST=127.0.0.1 on a machine that nobody else reaches)",
        )
    url = _url(name, text)
    schemes, unused = ("https", "http", "wss", "ws"), url.query or url.fragment
    if url.scheme not in schemes or not url.hostname or unused:
        raise SettingsError(
            name, f"{addresses.shown(text)!r} is not like https://calls.example.com"
        )
    if url.username is not None:  # it would stand in each call's TwiML
        raise SettingsError(name, "without a user: let everybody reach /twilio, as Twilio must")
    read.read(name, addresses.origin, "")
    if url.path.rstrip("/").endswith("/twilio"):
        raise SettingsError(name, "without /twilio, which the service adds")
    return text.rstrip("/")


def _deepgram_url(text: str) -> str:
    name = "DEEPGRAM_URL"
    url = _url(name, text)
    if url.scheme not in ("wss", "ws") or not url.hostname or url.username is not None:
        raise SettingsError(
            name, f"{addresses.shown(text)!r} is not like wss://api.eu.deepgram.com"
        )
    if url.query or url.fragment:
        raise SettingsError(name, "no query here; use DEEPGRAM_OPTIONS")
    theirs = re.fullmatch(r"(.*\.)?deepgram\.com", url.hostname) is not None
    path = url.path.strip("/")
    if path and (theirs or {"v1", "v2", "listen"} & set(path.lower().split("/"))):
        raise SettingsError(name, f"without /{path}: the service itself adds /v1/listen")
    if theirs and url.scheme == "ws":
        raise SettingsError(name, "wss://, not ws://: the key is not to be sent in clear")
    return text.rstrip("/")


def _watchdog(text: str) -> float:
    seconds = durations.read_between(text, 0, 3600)
    if 0 < seconds < SHORTEST_WATCHDOG_SECONDS:
        raise ValueError(f"{text!r} is neither 0 nor {SHORTEST_WATCHDOG_SECONDS:g}s or more")
    return seconds


def _traces_url(read: Reader) -> str | None:
    """Read where OpenTelemetry's exporters are told to send to, by its own variables."""
    if read.text("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    for name, path in (
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", ""),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "/v1/traces"),
    ):
        if (text := read.optional(name)) is None:
            continue
        url = _url(name, text)
        if url.scheme not in ("http", "https") or not url.hostname or url.query or url.fragment:
            raise SettingsError(
                name, f"{addresses.shown(text)!r} is not like http://collector:4318"
            )
        protocol = read.text("OTEL_EXPORTER_OTLP_PROTOCOL", OTLP)
        if read.text("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", protocol) != OTLP:
            raise SettingsError(
                "OTEL_EXPORTER_OTLP_PROTOCOL",
                f"only {OTLP} is spoken, at port 4318 of most collectors",
            )
        return text.rstrip("/") + path if path else text
    return None


def _ecs_agent_uri(text: str | None) -> str | None:
    name = "ECS_AGENT_URI"
    if text is None:
        return None
    url = _url(name, text)
    if url.scheme not in ("http", "https") or not url.hostname or url.query or url.fragment:
        raise SettingsError(
            name,
            f"{addresses.shown(text)!r} is not like http://169.254.170.2/api/…, as ECS itself "
            "sets it",
        )
    return text.rstrip("/")


def _twilio_api_url(text: str) -> str:
    name = "TWILIO_API_URL"
    url = _url(name, text)
    if not addresses.is_safe(text, near=True) or url.path.strip("/") or url.query or url.fragment:
        raise SettingsError(
            name,
            f"{addresses.shown(text)!r} is not like https://api.twilio.com, or for another edge "
            "and region https://api.dublin.ie1.twilio.com",
        )
    if url.username is not None:
        raise SettingsError(name, "without a user: the credentials are in TWILIO_API_KEY")
    return text.rstrip("/")


def _account_sid(text: str | None) -> str | None:
    if text is not None and not ACCOUNT_SID.fullmatch(text):
        raise SettingsError("TWILIO_ACCOUNT_SID", f"{text!r} is not AC and 32 hex digits")
    return text
