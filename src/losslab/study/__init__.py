"""Studies: many runs, where they are executed, what they left, and the report on them."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from losslab.study.store import load_histories, load_results, load_runs

__all__ = ["load_histories", "load_results", "load_runs"]


def __getattr__(name: str) -> Any:
    """Import the store, and torch with it, on first use: the process around a run has none."""
    if name in __all__:
        from losslab.study import store

        return getattr(store, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
