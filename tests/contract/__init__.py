"""The promise, held to."""
