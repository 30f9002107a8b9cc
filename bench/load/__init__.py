"""The load of the measurements: callers, Deepgram's side and subscribers, in one lean process."""
