"""The manners of a process that carries many users: garbage collection, files, stray errors."""
