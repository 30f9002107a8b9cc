"""
A stand-in for Twilio.

What replays a recording to a media stream is offered here. The account with its numbers, webhooks,
calls and REST is in :mod:`rehearsal.twilio.stand_in`, which needs an HTTP server and client.
"""

from rehearsal.errors import HandshakeRefused
from rehearsal.frames import Frame, schedule
from rehearsal.twilio.media_stream import place_call
from rehearsal.twilio.messages import Messages, headers
from rehearsal.twilio.options import HangUp, Options, Report, Signature
from rehearsal.twilio.signing import sign as signature

__all__ = [
    "Frame",
    "HandshakeRefused",
    "HangUp",
    "Messages",
    "Options",
    "Report",
    "Signature",
    "headers",
    "place_call",
    "schedule",
    "signature",
]
