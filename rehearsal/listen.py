"""
Deepgram's side of one live connection, without the socket: bytes and texts in, messages out.

Pure: what is said depends on what was received, not on the sizes of the messages nor on the time.
Source: https://developers.deepgram.com/reference/speech-to-text/listen-streaming
"""

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from rehearsal.audio import SAMPLE_RATE
from rehearsal.query import Options
from rehearsal.segments import ChannelRecogniser, RecogniserFactory, Segment, Word

# Made up, but always the same, as that of a version of a model is.
MODEL_UUID = "7e3b0c5e-5d1c-4b5e-9d0f-2b6d3a1c9e47"
# The service says something about once a second, in silence too.
SAY_EVERY = SAMPLE_RATE
# Whether something is due is looked up on this grid of 100 ms, whatever the messages' sizes.
STEP = SAMPLE_RATE // 10
KNOWN_TEXTS = ("CloseStream", "Configure", "Sync", "KeepAlive", "Finalize")
MAX_ECHO = 1000  # characters of a bad message that are sent back


@dataclass(slots=True)
class _Channel:
    recogniser: ChannelRecogniser
    position: int = 0  # samples fed
    said_at: int = 0  # the step at which the last Results went out
    tiled: int = 0  # finals reach this far
    words: tuple[Word, ...] = ()  # of the open segment, as the last interim had them
    speaking: bool = False
    unended: float | None = None  # end of the last word that no UtteranceEnd has followed


@dataclass(slots=True)
class Listen:
    """
    One connection.

    :meth:`audio` and :meth:`text` take what the client sent and return the messages to answer, as
    JSON; ``closing`` is set once the last of them was returned.

    Args:
        options: What the query asked for.
        make_recogniser: Called once for each channel.
        request_id: As in the ``dg-request-id`` of the handshake.
        created: When the connection was opened, RFC 3339.
    """

    options: Options
    make_recogniser: RecogniserFactory
    request_id: str
    created: str = "1970-01-01T00:00:00.000Z"
    closing: bool = False
    answered: bool = False  # something was said
    received: int = 0  # bytes of audio
    _channels: list[_Channel] = field(init=False)
    _rest: bytes = b""  # samples of the first channel whose partners are still to come
    _digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    def __post_init__(self) -> None:
        self._channels = [
            _Channel(self.make_recogniser(channel=number, endpointing=self.options.endpointing))
            for number in range(self.options.channels)
        ]

    @property
    def seconds(self) -> float:
        """Seconds of audio received."""
        return self.received / self.options.channels / SAMPLE_RATE

    def receive(self, message: str | bytes) -> list[str]:
        """Take a websocket message; returns the messages to answer."""
        return self.text(message) if isinstance(message, str) else self.audio(message)

    def audio(self, data: bytes) -> list[str]:
        """Take a binary message."""
        if not data:
            # How a stream was ended before CloseStream existed; still honoured.
            return self._close()
        self.received += len(data)
        self._digest.update(data)
        count = len(self._channels)
        data = self._rest + data
        whole = len(data) - len(data) % count
        self._rest = data[whole:]
        said = []
        for number in range(count):
            said += self._hear(number, data[number:whole:count])
        return said

    def text(self, message: str) -> list[str]:
        """Take a text message."""
        try:
            body = json.loads(message)
        except (ValueError, RecursionError):
            body = None
        kind = body.get("type") if isinstance(body, dict) else None
        match kind:
            case "KeepAlive":
                return []
            case "CloseStream":
                return self._close()
            case "Finalize":
                return self._finalize(body.get("channel"))
            case "Configure":
                return [_json({"type": "ConfigureSuccess", "request_id": self.request_id})]
            case _:
                return [_schema_error(message, kind)]

    def metadata(self, *, complete: bool) -> str:
        """Return the summary that precedes the close; not ``complete`` after a time-out."""
        body: dict[str, Any] = {
            "type": "Metadata",
            "transaction_key": "deprecated",
            "request_id": self.request_id,
            "sha256": self._digest.hexdigest() if complete else "incomplete",
            "created": self.created,
            "duration": self.seconds,
            "channels": self.options.channels if self.received else 0,
        }
        if self.received:
            # Keyed by uuid, unlike in Results.
            body["models"] = [MODEL_UUID]
            body["model_info"] = {MODEL_UUID: self._model_info()}
        return _json(body)

    def _hear(self, number: int, audio: bytes) -> list[str]:
        channel = self._channels[number]
        said = []
        at = 0
        while at < len(audio):
            piece = audio[at : at + STEP - channel.position % STEP]
            at += len(piece)
            channel.position += len(piece)
            for segment in channel.recogniser.feed(piece):
                said += self._say(number, segment)
            if channel.position % STEP == 0:
                said += self._say_what_is_due(number)
        return said

    def _say_what_is_due(self, number: int) -> list[str]:
        channel = self._channels[number]
        said = []
        if self.options.interim_results and channel.position - channel.said_at >= SAY_EVERY:
            # Nothing new: the open segment as it stands.
            segment = Segment(channel.tiled, channel.position, final=False, words=channel.words)
            said.append(self._results(number, segment))
        pause = self.options.utterance_end_ms
        if pause is not None and channel.unended is not None:
            end = channel.unended
            if channel.position / SAMPLE_RATE - end >= pause / 1000:
                channel.unended = None
                said.append(
                    _json(
                        {
                            "type": "UtteranceEnd",
                            "channel": self._index(number),
                            "last_word_end": end,
                        }
                    )
                )
        return said

    def _say(self, number: int, segment: Segment, *, from_finalize: bool = False) -> list[str]:
        channel = self._channels[number]
        said = []
        if segment.words:
            channel.unended = segment.words[-1].end
            if not channel.speaking and self.options.vad_events:
                said.append(
                    _json(
                        {
                            "type": "SpeechStarted",
                            "channel": self._index(number),
                            "timestamp": segment.words[0].start,
                        }
                    )
                )
            channel.speaking = True
        if segment.final:
            channel.tiled = segment.end
            channel.words = ()
            channel.speaking = channel.speaking and not segment.speech_final
        else:
            channel.words = segment.words
        if segment.final or self.options.interim_results:
            said.append(self._results(number, segment, from_finalize=from_finalize))
        return said

    def _results(self, number: int, segment: Segment, *, from_finalize: bool = False) -> str:
        channel = self._channels[number]
        self.answered = True
        channel.said_at = -(-channel.position // STEP) * STEP
        words = segment.words
        return _json(
            {
                "type": "Results",
                "channel_index": self._index(number),
                "duration": (segment.end - segment.start) / SAMPLE_RATE,
                "start": segment.start / SAMPLE_RATE,
                "is_final": segment.final,
                "speech_final": segment.speech_final,
                "channel": {
                    "alternatives": [
                        {
                            "transcript": " ".join(self._written(word) for word in words),
                            "confidence": _mean([word.confidence for word in words]),
                            "words": [self._word(word) for word in words],
                        }
                    ]
                },
                "metadata": {
                    "request_id": self.request_id,
                    "model_info": self._model_info(),
                    "model_uuid": MODEL_UUID,
                },
                "from_finalize": from_finalize,
            }
        )

    def _written(self, word: Word) -> str:
        return word.text if self.options.punctuate else word.plain

    def _word(self, word: Word) -> dict[str, Any]:
        body: dict[str, Any] = {
            "word": word.plain,
            "start": word.start,
            "end": word.end,
            "confidence": word.confidence,
        }
        if self.options.punctuate:
            body["punctuated_word"] = word.text
        return body

    def _finalize(self, only: object) -> list[str]:
        said = []
        for number, channel in enumerate(self._channels):
            if only is None or only == number:
                for segment in channel.recogniser.finish():
                    said += self._say(number, segment, from_finalize=True)
        return said

    def _close(self) -> list[str]:
        said = []
        for number, channel in enumerate(self._channels):
            for segment in channel.recogniser.finish():
                said += self._say(number, segment)
        self.closing = True
        return [*said, self.metadata(complete=True)]

    def _index(self, number: int) -> list[int]:
        return [number, self.options.channels]

    def _model_info(self) -> dict[str, str]:
        return {"name": self.options.model, "version": "rehearsal", "arch": "rehearsal"}


def _schema_error(message: str, kind: object) -> str:
    variants = ", ".join(f"`{name}`" for name in KNOWN_TEXTS)
    problem = (
        f"unknown variant `{kind[:MAX_ECHO]}`, expected one of {variants}"
        if isinstance(kind, str)
        else "missing field `type`"
    )
    return _json(
        {
            "type": "Error",
            "variant": "SchemaError",
            "description": f"Could not deserialize last text message: {problem}",
            "message": message[:MAX_ECHO],
        }
    )


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _json(body: dict[str, Any]) -> str:
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False)
