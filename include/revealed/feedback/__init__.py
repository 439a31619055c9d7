"""Feedback datasets: what a model is trained on, frozen as files that never change again."""

from __future__ import annotations

from revealed.feedback.dataset import find_dataset, list_datasets, read_dataset, verify_dataset, write_dataset
from revealed.feedback.differences import compare_datasets
from revealed.feedback.manifest import DatasetManifest, FileEntry
from revealed.feedback.retention import prune_datasets
from revealed.feedback.trail import Explanation, explain_pair

__all__ = [
    "DatasetManifest",
    "Explanation",
    "FileEntry",
    "compare_datasets",
    "explain_pair",
    "find_dataset",
    "list_datasets",
    "prune_datasets",
    "read_dataset",
    "verify_dataset",
    "write_dataset",
]
