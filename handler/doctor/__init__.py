"""``partyline doctor``: is all set up as it must be, and if not, what is to be done."""
