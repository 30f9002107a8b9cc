"""The recogniser: one call, over as many connections to Deepgram as it takes."""
