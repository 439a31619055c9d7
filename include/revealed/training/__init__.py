"""Training: feedback in, a challenger out, compared with what it would replace."""

from __future__ import annotations

from revealed.training.train import TrainingResult, train_challenger

__all__ = ["TrainingResult", "train_challenger"]
