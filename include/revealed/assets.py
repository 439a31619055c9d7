"""The assets of the loop, named once."""

from __future__ import annotations

from airflow.sdk import Asset

RAW_EVENTS = Asset("raw_events")
RAW_INFERENCES = Asset("raw_inferences")
FEEDBACK_DATASET = Asset("feedback_dataset")
PUBLISHED_WAREHOUSE = Asset("published_warehouse")
CHALLENGER_MODEL = Asset("challenger_model")
CHAMPION_MODEL = Asset("champion_model")
RECOMMENDATION_SNAPSHOT = Asset("recommendation_snapshot")
FEEDBACK_DRIFT = Asset("feedback_drift")
