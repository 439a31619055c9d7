"""Off-policy evaluation: what another policy would have earned, read off a log with known propensities."""

from revealed.evaluation.off_policy.evaluate import PolicyValue, Value, evaluate_policy, evaluated
from revealed.evaluation.off_policy.policy_log import PolicyLog, policy_log, read_policy_log
from revealed.evaluation.off_policy.served_pools import ServedPools
from revealed.evaluation.off_policy.support import Support, SupportLimits
from revealed.evaluation.off_policy.target import Policy, Target, read_target, uniform

__all__ = [
    "Policy",
    "PolicyLog",
    "PolicyValue",
    "ServedPools",
    "Support",
    "SupportLimits",
    "Target",
    "Value",
    "evaluate_policy",
    "evaluated",
    "policy_log",
    "read_policy_log",
    "read_target",
    "uniform",
]
