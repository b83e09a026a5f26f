"""Cluster-wide rates that greenlets wait on: due times, the gate they wait at, throttles by name.

The throttle ``user_rate`` paces the starts of users.
"""
