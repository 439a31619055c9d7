"""A person's decision as an Airflow task that remembers who decided, and why, also when the answer is no."""

from __future__ import annotations

from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator

ANSWER = "answer"


class RecordedApproval(ApprovalOperator):  # type: ignore[misc,unused-ignore]
    """An ApprovalOperator that hands on the answer under the key `answer` before it acts on it.

    On a rejection Airflow skips what follows and drops the return value, and with it the reviewer and the comment.
    """

    def execute_complete(self, context: Any, event: dict[str, Any]) -> Any:
        """Record the answer, then go on or skip as the operator does."""
        if "error" not in event:
            person = (event.get("responded_by_user") or {}).get("name")
            comment = (event.get("params_input") or {}).get("comment")
            answer = {"who": str(person or "unknown reviewer"), "note": str(comment or "")}
            context["ti"].xcom_push(key=ANSWER, value=answer)
        return super().execute_complete(context, event)
