"""Clients for the protocols under test, made for load; each counts what it does as operations."""
