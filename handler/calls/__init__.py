"""Live calls: from a media stream to records."""
