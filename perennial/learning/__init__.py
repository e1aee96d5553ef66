"""Learning: what turns embeddings and labels into a model, and brings a model up to date at the cost of what is new."""
