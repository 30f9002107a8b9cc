"""The recorded call that comes along: a support call of two minutes, and who is on it."""

from pathlib import Path

SPEECH = Path(__file__).parent / "speech" / "call-support"
# Numbers that are set aside for fiction.
CALLER, CALLEE = "+15550100001", "+15550100002"
# Who answers where the number that was called puts calls through.
DESK = "+15550100003"
# Until the callee's phone was picked up and Twilio plays its first sound.
OUTBOUND_DELAY = 0.4
