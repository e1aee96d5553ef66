"""What touches several rooms: runs and their outcomes, reports, the demo."""
