"""What befell a process as a whole, counted where it is noticed. Pure."""

from dataclasses import dataclass


@dataclass(slots=True)
class Vitals:
    """
    The counts of one process.

    Attributes:
        loop_stalls: How many times its event loop did not answer for a second.
        accept_pauses: How many times it could take no connection in: there was no descriptor left.
    """

    loop_stalls: int = 0
    accept_pauses: int = 0
