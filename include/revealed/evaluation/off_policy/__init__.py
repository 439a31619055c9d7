"""Off-policy evaluation: what another policy would have earned, read off a log with known propensities."""

from revealed.evaluation.off_policy.evaluate import PolicyValue, Value, evaluate_policy
from revealed.evaluation.off_policy.policy_log import PolicyLog, policy_log, read_policy_log
from revealed.evaluation.off_policy.support import Support, SupportLimits
from revealed.evaluation.off_policy.target import Target, read_target, uniform

__all__ = [
    "PolicyLog",
    "PolicyValue",
    "Support",
    "SupportLimits",
    "Target",
    "Value",
    "evaluate_policy",
    "policy_log",
    "read_policy_log",
    "read_target",
    "uniform",
]
