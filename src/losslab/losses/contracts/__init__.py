"""Loss cards: what a loss does, found by measuring it on small pictures."""

from losslab.losses.contracts.card import LossCard, loss_card

__all__ = ["LossCard", "loss_card"]
