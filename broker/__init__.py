"""Everything that touches NATS: subjects, stream, registry, publishing, following."""
