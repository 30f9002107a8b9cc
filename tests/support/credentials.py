"""Secrets of services that live for a test."""

AUTH_TOKEN = "twilio-auth-token-of-the-tests"
TOKEN_SECRET = "subscriber-token-secret-of-the-tests"
DEEPGRAM_KEY = "a-key-of-the-tests"
# What a service does not start without.
NEEDED = {
    "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
    "TOKEN_SECRET": TOKEN_SECRET,
    "DEEPGRAM_API_KEY": DEEPGRAM_KEY,
    "PUBLIC_URL": "https://calls.example.com",
}
# The text of a .creds file, of nobody.
NATS_CREDS = f"""\
-----BEGIN NATS USER JWT-----
eyJh.eyJi.c2ln
------END NATS USER JWT------

-----BEGIN USER NKEY SEED-----
SU{"A" * 56}
------END USER NKEY SEED------
"""
# What looks like one, of nobody.
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIB+/==\n-----END CERTIFICATE-----\n"
