"""``partyline``: what a person runs."""
