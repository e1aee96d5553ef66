"""A web site on loopback with drawn buildings, shaped like ArchDaily: listing JSON, project pages, galleries and pictures."""
