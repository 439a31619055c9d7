"""The files that present a model to people and to MLflow: card, sample lists, and the pyfunc form."""

from __future__ import annotations

from revealed.registry.model_card import MODEL_CARD, CardFacts, model_card
from revealed.registry.pyfunc import pyfunc_files
from revealed.training.item_titles import read_titles, read_unavailable
from revealed.training.sample_lists import sample_files, sample_lists


def presentation(facts: CardFacts) -> dict[str, bytes]:
    """Return the `pages` for `save_model`, by their path in the model's folder."""
    samples = sample_lists(
        facts.model,
        facts.data,
        read_titles(facts.dataset),
        unavailable=read_unavailable(facts.dataset),
    )
    return (
        {MODEL_CARD: model_card(facts).encode()}
        | sample_files(samples)
        | pyfunc_files(facts.model, facts.data)
    )
