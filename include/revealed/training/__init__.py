"""Training: feedback in, a challenger out, compared with what it would replace."""

from __future__ import annotations

from revealed.training.device import Device, detect_device
from revealed.training.request import TrainingRequest
from revealed.training.train import TrainingResult, train_challenger

__all__ = ["Device", "TrainingRequest", "TrainingResult", "detect_device", "train_challenger"]
