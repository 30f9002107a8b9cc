"""How many descriptors the process may open: as many as it is let."""

import resource

# Where the hard limit is none, the soft one must be a number all the same.
MANY = 65_536


def raise_limit() -> int:
    """Raise the soft limit to the hard one, which systems set lower for old programs' sake."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MANY if hard == resource.RLIM_INFINITY else hard
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return MANY if soft == resource.RLIM_INFINITY else soft
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError):  # macOS has another limit below
        return soft
    return wanted
