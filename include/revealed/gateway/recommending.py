"""The GET calls: recommendations, similar items, questions."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter()
