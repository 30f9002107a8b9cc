"""What ASGI has no word for."""
