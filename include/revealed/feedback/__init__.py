"""Feedback datasets: what a model is trained on, frozen as files that never change again."""

from __future__ import annotations

from revealed.feedback.dataset import list_datasets, read_dataset, verify_dataset, write_dataset
from revealed.feedback.manifest import DatasetManifest, FileEntry
from revealed.feedback.trail import Explanation, explain_pair

__all__ = [
    "DatasetManifest",
    "Explanation",
    "FileEntry",
    "explain_pair",
    "list_datasets",
    "read_dataset",
    "verify_dataset",
    "write_dataset",
]
