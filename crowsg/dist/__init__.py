"""A run over several nodes: who carries which users, and what all of them recorded."""
