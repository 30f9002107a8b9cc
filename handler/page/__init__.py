"""The page that reads calls in a browser."""
