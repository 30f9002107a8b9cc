"""Measurements, runnable by anyone: ``make bench``. What each figure means: ``bench/README.md``."""
