"""The cluster: its API as plain documents, and why a pod doesn't run."""
