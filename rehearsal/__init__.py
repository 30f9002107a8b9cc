"""Stand-ins for Twilio and Deepgram, recorded calls, and the demo that joins them."""
