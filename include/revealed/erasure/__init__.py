"""Erasing a person: from every file under `REVEALED_HOME`, for good, with a receipt (docs/erasure.md).

Landing and the gateway import `revealed.erasure.tombstones` alone; the rest knows every stage of the loop, and is imported
by name where it is needed.
"""
