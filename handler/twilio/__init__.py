"""Twilio's wire: messages of a media stream, and signatures."""
