"""The HTTP edge of the loop: serves what is published, logs what it shows, collects what people do.

The contract with its clients and between its parts: docs/architecture/gateway.md.
"""
