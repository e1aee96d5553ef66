"""Releases and how an endpoint comes to serve them: staged, verified, shifted, stable, or taken back with a reason."""
