"""Active learning: which answers would teach the recommender most, and whom to ask without asking too much."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from revealed.active_learning.published import QueriesManifest, QueryBudget, current_queries

if TYPE_CHECKING:
    from revealed.active_learning.publish import publish_queries

__all__ = ["QueriesManifest", "QueryBudget", "current_queries", "publish_queries"]


def __getattr__(name: str) -> Any:
    """Import what computes only for who publishes: a gateway, which reads, must be up in a second."""
    if name == "publish_queries":
        from revealed.active_learning.publish import publish_queries

        return publish_queries
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
