"""How images and releases are published: what the workflows run, and a person can run, by make."""
