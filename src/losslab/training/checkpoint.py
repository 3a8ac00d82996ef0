"""The state of a run on disk: whole, and enough to go on as if nothing had happened."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from losslab.errors import StudyError, brief
from losslab.files import write_atomically
from losslab.training.randomness import global_states, restore_global_states


@dataclass
class Progress:
    """How far a run has come: position in the data order, history, and what ends it."""

    epoch: int = 0
    step: int = 0
    """Steps done in this epoch; a full epoch that still lacks its validation has all of them."""
    iterations: int = 0
    best_epoch: int = -1
    best_value: float = 0.0
    stopped_early: bool = False
    order_digest: str = ""
    """SHA-256 over the ids of all pictures seen, in order."""
    seconds: float = 0.0
    epoch_seconds: float = 0.0
    history: list[dict[str, Any]] = field(default_factory=list)
    peak_memory: int = 0
    """Bytes, of training and validation."""
    weights: dict[str, Any] | None = None
    """The file with the encoder's weights that it began with, and their mean and deviation."""


@dataclass
class RunState:
    """Everything that changes while a run trains."""

    model: nn.Module
    optimizer: Optimizer
    schedule: LambdaLR
    scaler: GradScaler
    progress: Progress
    loss_log: Tensor
    """(steps, terms) losses of the current epoch, on the device."""
    data: str
    """Fingerprint of the pictures."""
    user_losses: dict[str, str]
    """SHA-256 of the sources of the users' losses that it trains with, by their names."""
    device: torch.device

    def save(self, path: Path) -> None:
        """Write the whole state atomically."""
        state = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "scaler": self.scaler.state_dict(),
            "progress": vars(self.progress),
            "loss_log": self.loss_log,
            "data": self.data,
            "user_losses": self.user_losses,
            "random": global_states(self.device),
        }
        write_atomically(path, lambda temporary: torch.save(state, temporary))

    def restore(self, path: Path) -> None:
        """Read the state that `save` wrote.

        Raises `StudyError` for a file that is none, and for a state that saw other pictures or
        another version of a user's loss.
        """
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
            seen, user_losses = state["data"], state["user_losses"]
            self.model.load_state_dict(state["model"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.schedule.load_state_dict(state["schedule"])
            self.scaler.load_state_dict(state["scaler"])
            self.progress = Progress(**state["progress"])
            self.loss_log.copy_(state["loss_log"])
            restore_global_states(state["random"], self.device)
        except Exception as error:  # damaged pickles raise nearly anything
            raise StudyError(
                f"{path} is not a checkpoint of this run ({brief(error)}); delete it to train the "
                f"run from its start"
            ) from error
        if seen != self.data:
            raise StudyError(
                f"{path} was trained on other data: pictures, labels or their division have "
                f"changed since; delete the run's folder to train it anew"
            )
        if user_losses != self.user_losses:
            names = ", ".join(user_losses | self.user_losses)
            raise StudyError(
                f"{path} was trained with another version of {names}; delete the run's folder to "
                "train it anew"
            )


def save_weights(model: nn.Module, path: Path) -> None:
    """Write a network's weights and buffers atomically as safetensors."""
    state = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    write_atomically(path, lambda temporary: safetensors.torch.save_file(state, temporary))


def load_weights(model: nn.Module, path: Path) -> None:
    """Load what `save_weights` wrote; raises `StudyError` where it is missing or does not fit."""
    try:
        model.load_state_dict(safetensors.torch.load_file(path))
    except Exception as error:
        raise StudyError(
            f"{path} does not hold this run's weights ({brief(error)}); delete "
            "the run's folder "
            f"to train it again"
        ) from error


def load_start(model: nn.Module, run_dir: Path) -> None:
    """Load the tested weights of the run in `run_dir`, from which another begins; raises
    `StudyError` where it has none.
    """
    path = run_dir / "best.safetensors"
    if not path.is_file():
        raise StudyError(
            f"start_from: there are no weights of {run_dir.name} in {run_dir.parent}; execute that "
            "run first"
        )
    load_weights(model, path)
