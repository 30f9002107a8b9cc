"""``partyline rehearse``: the stand-ins as programs, and recordings transcribed in place."""
