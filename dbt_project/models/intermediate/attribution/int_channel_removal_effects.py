from revealed.feedback.markov import channel_removal_effects


def model(dbt, session):
    dbt.config(materialized="table")
    return channel_removal_effects(dbt.ref("int_channel_transitions").to_arrow_table())
