"""The POST calls: lines in, one verdict each, durable before they are acknowledged."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter()
