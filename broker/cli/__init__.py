"""What an operator runs against NATS."""
