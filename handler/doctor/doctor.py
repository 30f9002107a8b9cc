"""What the doctor looks at, put together: the parts of the set-up and their order in the report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from handler.config import Settings, doubts
from handler.doctor import accounts
from handler.doctor.clocks import Clocks
from handler.doctor.deepgram import Recogniser
from handler.doctor.look import PART_SECONDS, Part, look_at
from handler.doctor.nats import Nats
from handler.doctor.open_files import OpenFiles
from handler.doctor.public import PublicAddress
from handler.doctor.twilio import Twilio
from handler.errors import SettingsError
from handler.findings import Finding, Findings
from handler.roles import Role
from handler.twilio.accounts import Account

SETTINGS = "settings"


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """
    What the doctor is asked.

    Attributes:
        environ: The environment of the service.
        insecure: As ``partyline serve`` is told.
        embedded_nats: Likewise.
        numbers: Numbers that are to lead here.
        account: Whose calls the service is tried with, of several.
        token: A reader's, to try where there is no secret to make one with.
    """

    environ: Mapping[str, str] = field(repr=False)
    insecure: bool = False
    embedded_nats: bool = False
    numbers: tuple[str, ...] = ()
    account: str | None = None
    token: str = field(default="", repr=False)


async def examine(question: Question, part_seconds: float = PART_SECONDS) -> Sequence[Finding]:
    """Look at everything; returns a finding for each check."""
    settings, errors = Settings.read_what_can_be(
        question.environ, insecure=question.insecure, embedded_nats=question.embedded_nats
    )
    if settings is None:
        findings = Findings((SETTINGS,))
        _judge_settings(findings, None, errors)
        return findings.all
    tried, unusable = await _tried(settings, question.account)
    # Without media, those two are other containers' to reach.
    media = Role.MEDIA in settings.roles
    parts: tuple[Part, ...] = (
        *([Twilio(settings, tried, question.numbers)] if media else []),
        PublicAddress(settings, tried, question.token),
        Nats(settings),
        *([Recogniser(settings)] if media else []),
        Clocks(settings),
        OpenFiles(settings),
    )
    names = [name for part in parts for name in part.names]
    findings = Findings((SETTINGS, accounts.NAME, *names))
    _judge_settings(findings, settings, errors)
    if unusable is None:
        tried.tell(findings)
    else:
        findings.failed(accounts.NAME, str(unusable), "docs/operations.md: Several Twilio accounts")
    wrong = {error.name for error in (*errors, unusable) if error is not None}
    await look_at(parts, findings, wrong, part_seconds)
    return findings.all


async def _tried(
    settings: Settings, wanted: str | None
) -> tuple[accounts.Tried, SettingsError | None]:
    """Find the account to try with; if there is none, return what stands in for it, and why."""
    try:
        return await accounts.Tried.of(settings, wanted), None
    except SettingsError as exc:
        return accounts.Tried(Account()), exc


def _judge_settings(
    findings: Findings, settings: Settings | None, errors: Sequence[SettingsError]
) -> None:
    if errors:
        said = "; ".join(map(str, errors))
        names = [error.name for error in errors]
        advice = f"set {', '.join(names)} as it says there: the service does not start before"
        findings.failed(SETTINGS, said, advice, names=names)
        return
    doubtful = [f"{name} {why}" for name, why in doubts(settings)] if settings else []
    if doubtful:
        findings.warning(SETTINGS, "all can be read; hardly meant so:", "; ".join(doubtful))
    else:
        findings.ok(SETTINGS, "all can be read")
