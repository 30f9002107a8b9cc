"""The audio of a call: two tracks in, one stream of two channels out. Pure."""
