"""The bucket's inbox: what is dropped there is taken into the catalog and removed, each object once in effect."""
