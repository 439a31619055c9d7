"""One row per outcome type and channel: the share of outcomes that would be lost without the channel."""

from __future__ import annotations


def model(dbt, session):
    from revealed.feedback.markov import channel_removal_effects

    dbt.config(materialized="table")
    return channel_removal_effects(dbt.ref("int_channel_transitions").to_arrow_table())
