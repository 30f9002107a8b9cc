"""What a token lets its bearer read."""
