"""Do higher rewards go with what people did and said, where neither the people nor the days were trained on?"""

from __future__ import annotations

from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from revealed.reward.history import History
from revealed.reward.judgement import area_under_curve, area_within_lists
from revealed.reward.model import RewardModel
from revealed.reward.split import codes, is_tested


def judge_outcomes(
    con: duckdb.DuckDBPyConnection, history: History, model: RewardModel, since: np.datetime64
) -> dict[str, Any]:
    """Return areas under the curve on the showings of test people from `since` on, over all and within their lists.

    `satisfied` are mature showings by `is_satisfied`; `stated` showings by the last word that the person said of the
    item there (thumbs, rating, preference, correction, hide, not interested). Areas are None where a side is missing.
    """
    con.execute(_HELD_OUT.format(since=str(since).replace("T", " ")))
    found = con.execute(
        "select place, request_id, actor_id, is_satisfied, is_mature, said from held_out order by place"
    ).fetchnumpy()
    # Everybody is ranked by one query; whose are of the test is a matter of their ids.
    tested = is_tested(np.asarray(found["actor_id"], dtype=object))
    showings = history.features("held_out")
    utility, lists = model.utility(showings.features), codes(found["request_id"])
    said = np.ma.filled(found["said"], 0).astype(int)
    satisfied = np.asarray(found["is_satisfied"], dtype=bool)
    mature = tested & np.asarray(found["is_mature"], dtype=bool)
    return {
        "satisfied": _areas(utility, satisfied, lists, mature),
        "stated": _areas(utility, said > 0, lists, tested & (said != 0)),
    }


def _areas(
    utility: NDArray[np.float64], label: NDArray[np.bool_], lists: NDArray[np.int64], kept: NDArray[np.bool_]
) -> dict[str, Any]:
    return {
        "auc": area_under_curve(utility[kept], label[kept]),
        "auc_within_lists": area_within_lists(utility[kept], label[kept], lists[kept]),
        "showings": int(kept.sum()),
        "positive": int(label[kept].sum()),
    }


_HELD_OUT = """
    create or replace temp table held_out as
    with said as (
        select events.matched_request_id as request_id, events.matched_item_id as item_id,
            last(case when events.polarity = 'positive' then 1 else -1 end order by events.occurred_at, events.event_id) as said
        from marts.fct_events as events
        inner join policy.signal_policy as signals
            on events.event_type = signals.event_type and signals.anchor_strength is not null
        where events.matched_request_id is not null and not events.is_bot
        group by all
    )
    select row_number() over (order by shown.request_id, shown.item_id) - 1 as place,
        shown.request_id, shown.item_id, shown.actor_id, coalesce(shown.is_satisfied, false) as is_satisfied,
        shown.is_mature, said.said
    from marts.fct_impressions as shown left join said using (request_id, item_id)
    where shown.occurred_at >= timestamp '{since}' and not shown.is_bot"""
