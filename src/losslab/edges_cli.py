"""`losslab edges`: the EdgeNet of a run's data."""

from typing import Annotated

import typer

from losslab.cli_options import CacheRoot, DataRoot


def edges(
    values: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FIELD=VALUE...", help="The run's data, such as dataset=camvid task=Car."
        ),
    ] = None,
    data_root: DataRoot = None,
    cache_root: CacheRoot = None,
) -> None:
    """Train the EdgeNet that semeda needs, if the cache has none; print how good it is and where.

    Runs train it themselves; this shows it beforehand.
    """
    from losslab.data import prepare
    from losslab.spec import RunSpec
    from losslab.study.plan import parse_values
    from losslab.training.edges import edge_net_for, edge_net_path

    spec = RunSpec.from_mapping({"epochs": 1, **parse_values(values)})
    data = prepare(**spec.data_arguments(), data_root=data_root, cache_root=cache_root)
    _, facts = edge_net_for(data, cache_root)
    typer.echo(edge_net_path(data, cache_root))
    typer.echo(
        f"on the test split's label maps: F1 {100 * facts['f1']:.2f} %, "
        f"precision {100 * facts['precision']:.2f} %, recall {100 * facts['recall']:.2f} %; "
        f"trained for {facts['steps']} steps, {facts['seconds']:.1f} s"
    )
