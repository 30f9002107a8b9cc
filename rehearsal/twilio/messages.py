"""
What a media stream says: its handshake and its messages.

Source: https://www.twilio.com/docs/voice/media-streams/websocket-messages
"""

import base64
import json
from collections import Counter
from typing import Any

from rehearsal.audio import SAMPLE_RATE
from rehearsal.frames import Frame
from rehearsal.twilio.options import Options, Signature
from rehearsal.twilio.signing import sign


class Messages:
    """
    Writes the messages of one media stream: Twilio's order of keys, its numbers as strings.

    Pure.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._sequence = 0
        self._chunks: Counter[str] = Counter()

    def connected(self) -> str:
        """Write the first message, which alone has neither sequenceNumber nor streamSid."""
        return _json({"event": "connected", "protocol": "Call", "version": "1.0.0"})

    def start(self) -> str:
        """Write the second message."""
        options = self._options
        details = {
            "accountSid": options.account_sid,
            "streamSid": options.stream_sid,
            "callSid": options.call_sid,
            "tracks": list(options.tracks),
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": SAMPLE_RATE, "channels": 1},
            "customParameters": options.parameters,
        }
        return self._numbered("start", start=details, streamSid=options.stream_sid)

    def media(self, frame: Frame) -> str:
        """Write the message of a frame."""
        counter = "both" if self._options.shared_chunks else frame.track
        self._chunks[counter] += 1
        media = {
            "track": frame.track,
            "chunk": str(self._chunks[counter]),
            "timestamp": str(frame.timestamp),
            "payload": base64.b64encode(frame.payload).decode(),
        }
        return self._numbered("media", media=media, streamSid=self._options.stream_sid)

    def stop(self) -> str:
        """Write the last message."""
        options = self._options
        sids = {"accountSid": options.account_sid, "callSid": options.call_sid}
        return self._numbered("stop", streamSid=options.stream_sid, stop=sids)

    def _numbered(self, event: str, **rest: Any) -> str:  # noqa: ANN401  JSON
        self._sequence += 1
        return _json({"event": event, "sequenceNumber": str(self._sequence), **rest})


def _json(body: dict[str, Any]) -> str:
    return json.dumps(body, separators=(",", ":"))


def headers(url: str, options: Options) -> dict[str, str]:
    """Return the headers of the handshake that are Twilio's own, in its spelling."""
    signed = options.signed_url or url
    if options.signature is Signature.NONE or not options.auth_token:
        return {}
    key = options.auth_token
    if options.signature is Signature.WRONG:
        key = f"not {key}"
    if options.signature is Signature.SLASH:
        signed = f"{signed.rstrip('/')}/"
    return {"x-twilio-signature": sign(key, signed)}
