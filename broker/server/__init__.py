"""A nats-server of our own."""
