"""What is on record of one run: a sample each second, what was changed, and the summary."""
