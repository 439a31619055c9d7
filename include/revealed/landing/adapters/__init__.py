"""Readers of other people's log formats, by the name that `--format` takes."""

from __future__ import annotations

from revealed.landing.adapter_protocol import Adapter
from revealed.landing.adapters.kuairand import KuaiRand
from revealed.landing.adapters.open_bandit import OpenBandit

ADAPTERS: dict[str, Adapter] = {adapter.name: adapter for adapter in (KuaiRand(), OpenBandit())}

__all__ = ["ADAPTERS"]
