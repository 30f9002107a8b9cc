"""Does Deepgram take the key and the options? One handshake, without audio."""

from handler.config import Settings
from handler.deepgram.connection import Dialer
from handler.deepgram.retry import Breaker
from handler.deepgram.start_check import hang_up
from handler.deepgram.timing import Timing
from handler.errors import DeepgramError
from handler.findings import Findings

NAME = "deepgram"


class Recogniser:
    """Deepgram, as the settings name it."""

    names: tuple[str, ...] = (NAME,)
    settings: tuple[str, ...] = ("DEEPGRAM_API_KEY", "DEEPGRAM_URL", "DEEPGRAM_OPTIONS")

    def __init__(self, settings: Settings) -> None:
        self._dialer = Dialer(settings, Breaker(), Timing())
        options = dict(settings.deepgram_options)
        self._model = options.get("model", "its own model")

    async def look(self, findings: Findings) -> None:
        """Ask once."""
        try:
            socket, trial = await self._dialer.open(lambda _: None)
        except DeepgramError as exc:
            advice = exc.advice or "its status page may say more: https://status.deepgram.com"
            findings.failed(NAME, str(exc), advice, retry=exc.retry)
            return
        trial.gave_up()  # a handshake alone proves nothing of the recogniser
        await hang_up(socket)
        findings.ok(NAME, f"takes the key and the options ({self._model})")
