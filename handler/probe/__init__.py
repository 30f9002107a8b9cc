"""A canary call through the deployed service, and how its doors are asked from outside."""
