"""What Prometheus reads of a node: its series as text, and the endpoint that serves them.

``GET /metrics`` on loopback, port 9464 by default: node-local series only, so that sums over nodes
count nothing twice. ``GET /sd/prometheus`` is for Prometheus' ``http_sd_configs``.

The series of operations and of what a scenario counts can be thousands, and Prometheus' own library
would stop every user for 100 ms to write them; they are written here, a few at a time, with the
users running in between. The few series of the node itself go through ``prometheus_client``.
"""
