"""The reward model: from pairs of what was chosen over what, to what every shown item was worth to the person."""

from __future__ import annotations

from revealed.reward.model import RewardModel, load_reward
from revealed.reward.train import RewardResult, train_reward

__all__ = ["RewardModel", "RewardResult", "load_reward", "train_reward"]
