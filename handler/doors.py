"""Which doors a process has, by its roles, and where others are. Pure."""

from handler.roles import Role, Roles
from handler.twilio.places import TWILIO

PROBES = frozenset({"/healthz", "/readyz"})
# Who comes to each.
_COMING = {
    Role.MEDIA: f"Twilio's media streams and webhooks ({TWILIO}…)",
    Role.SUBSCRIBERS: "subscribers (/client, /calls…) and the page",
}


def role_of(path: str) -> Role | None:
    """Return whose a path is, whatever lies there; None if every process has it."""
    if path in PROBES:
        return None
    return Role.MEDIA if f"{path}/".startswith(f"{TWILIO}/") else Role.SUBSCRIBERS


def wrong_role(path: str, roles: Roles) -> str | None:
    """Return what to say to whoever comes to a process that does not do this; None if it does."""
    role = role_of(path)
    if role is None or role in roles:
        return None
    ours = ",".join(sorted(one.value for one in roles))
    return (
        f"this container has ROLES={ours}: let the proxy before it send {_COMING[role]} to one "
        f"with ROLES={role.value}."
    )
