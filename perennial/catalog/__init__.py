"""What is known: objects, images, label events, embeddings, and who may write them now."""
