"""Active learning: which answers would teach the recommender most, and whom to ask without asking too much."""

from __future__ import annotations

from revealed.active_learning.publish import publish_queries
from revealed.active_learning.published import QueriesManifest, QueryBudget, current_queries

__all__ = ["QueriesManifest", "QueryBudget", "current_queries", "publish_queries"]
