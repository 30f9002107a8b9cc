"""Whoever reads calls: by websocket, event stream or plain request."""
