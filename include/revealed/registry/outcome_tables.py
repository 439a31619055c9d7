"""What people did, beside what they would be shown: value on the log, and satisfaction, as Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from revealed.evaluation.tiers import Tiers

if TYPE_CHECKING:
    from revealed.training.candidates import Trial
    from revealed.training.off_policy_trial import OffPolicyTrial


def outcome_sections(trial: Trial) -> list[str]:
    """Return the sections that follow the comparison: on the log, and by tier; those that say anything."""
    sections = [off_policy_table(trial.off_policy, trial.chosen), tier_table(trial.tiers, trial.chosen)]
    return [section for section in sections if section]


def off_policy_table(found: OffPolicyTrial, chosen: str) -> str:
    """Return each contender's doubly robust value with its interval, and why the chosen one has none if so."""
    from revealed.training.off_policy_trial import DECIDING, REWARD

    if found.reason:
        return f"Value on the log: {found.reason}."
    lines = [
        f"| {REWARD}, lists served by {found.target} | value | 95 % interval | effective sample | could not be shown |",
        "|---|---|---|---|---|",
    ]
    for name, value in found.values.items():
        one, support = value.by(DECIDING), value.support
        told = (
            ("refused", "")
            if one.estimate is None
            else (f"{one.estimate:.4f}", f"{one.ci_low:.4f} … {one.ci_high:.4f}")
        )
        lines.append(f"| {name} | {told[0]} | {told[1]} | {support.ess:,.0f} | {support.missing:.1%} |")
    refused = found.values[chosen].reason if chosen in found.values else ""
    return "\n".join([*lines, "", _log_of(found)]) + (f" {chosen} is refused: {refused}." if refused else "")


def _log_of(found: OffPolicyTrial) -> str:
    """Return what the values were read off."""
    drawn = f", drawn by lot ({found.not_drawn:,} others were not)" if found.not_drawn else ""
    return (
        f"{found.rows:,} logged showings to {found.people:,} people{drawn}; {found.left_out:,} left out (unknown people or"
        " propensity, nothing explored, or a logger that draws from other items). Doubly robust. What these people could not"
        " have been shown, for their lists did not hold it, is taken to earn from nothing to twice the average."
    )


def tier_table(tiers: Tiers, chosen: str) -> str:
    """Return what the lists hold, by tier: how often it is clicked, and how often a click satisfies."""
    if not tiers.clicks:
        return ""
    columns = list(next(iter(tiers.values.values())))
    lines = [f"| what the lists hold | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for name in (chosen, *(name for name in tiers.values if name != chosen)):
        lines.append(f"| {name} | {' | '.join(f'{tiers.values[name][tier]:.4f}' for tier in columns)} |")
    return "\n".join([*lines, "", f"Item by item, from {tiers.clicks:,} mature clicks since the split."])
