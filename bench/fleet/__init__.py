"""How far a fleet goes: many calls on a cluster of NATS, many subjects in a stream."""
