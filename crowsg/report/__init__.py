"""What a run shows: a line a second while it goes on, a table when it is over."""
