"""The deployable service: everything that touches Twilio, Deepgram and subscribers."""
