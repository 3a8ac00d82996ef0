"""`losslab bench losses | train`."""

from pathlib import Path
from typing import Annotated

import typer

from losslab.errors import SpecError, unknown

bench_app = typer.Typer(
    help="Measure what a loss costs in time and memory, as ratios within one run.",
    no_args_is_help=True,
)

LossOption = Annotated[
    list[str] | None,
    typer.Option("--loss", metavar="EXPR", help="A loss; may be repeated. Default: all."),
]
Output = Annotated[
    Path | None, typer.Option(help="Folder for the table as CSV and Markdown; default: none.")
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")]


@bench_app.command()
def losses(
    loss: LossOption = None,
    shape: Annotated[
        list[str] | None,
        typer.Option(metavar="A|B|B2|C|D|n,c,h,w", help="May be repeated. Default: A, B, C, D."),
    ] = None,
    layout: Annotated[
        list[str] | None,
        typer.Option(help="contiguous (default) or channels_last; may be repeated."),
    ] = None,
    dtype: Annotated[
        list[str] | None, typer.Option(help="float32 or bfloat16; may be repeated.")
    ] = None,
    peers: Annotated[bool, typer.Option(help="Measure other libraries' losses too.")] = True,
    device: Device = "auto",
    repeats: Annotated[int, typer.Option(min=1, help="Rounds in each process.")] = 7,
    processes: Annotated[int, typer.Option(min=1, help="Fresh processes.")] = 5,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads.")] = 1,
    output: Output = None,
) -> None:
    """Time and memory of each loss, forward and backward, in units of torch's cross-entropy."""
    from losslab.bench.inputs import DTYPES, LAYOUTS, parse_shape
    from losslab.bench.losses import Setting, bench_losses
    from losslab.bench.report import losses_text, machine, verdict, write_report
    from losslab.bench.rows import default_losses
    from losslab.losses import canonical
    from losslab.losses.peers import missing_libraries
    from losslab.training.device import choose_device

    where = choose_device(device)
    expressions = tuple(canonical(text) for text in loss) if loss else default_losses()
    layouts, dtypes = layout or ["contiguous"], dtype or list(_dtypes(where.type))
    for kind, given, known in (("layout", layouts, LAYOUTS), ("dtype", dtypes, DTYPES)):
        for name in given:
            if name not in known:
                raise SpecError(unknown(kind, name, known))
    settings = [
        Setting(text, expressions, kind, order, str(where), repeats, peers)
        for order in layouts
        for kind in dtypes
        for text in shape or ("A", "B", "C", "D")
        if parse_shape(text)
    ]
    table, notes = bench_losses(settings, processes=processes, threads=threads, echo=_say)
    missing = missing_libraries() if peers else ""
    facts = machine(where, threads)
    text = losses_text(table, facts, [*notes, *filter(None, [missing])])
    if output is None:
        typer.echo(text)
        return
    write_report(output, "losses", table, facts, text)
    typer.echo(verdict(table))
    typer.echo(f"wrote {output / 'losses.csv'} and {output / 'losses.md'}")


def _dtypes(device: str) -> tuple[str, ...]:
    """What networks give out there: on a GPU they mostly run in mixed precision."""
    return ("float32", "bfloat16") if device == "cuda" else ("float32",)


def _say(text: str) -> None:
    typer.echo(text, err=True)
