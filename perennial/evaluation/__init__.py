"""Evaluation: champion and challenger on the same held-out images, suspicious batches, and the gate that decides."""
