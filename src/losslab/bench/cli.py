"""`losslab bench losses | train | metrics | steps`."""

import os
from pathlib import Path
from typing import Annotated

import typer

from losslab.cli_options import CacheRoot, Device
from losslab.errors import SpecError, unknown

bench_app = typer.Typer(
    help="Measure what losses and scores cost, as ratios within one run.",
    no_args_is_help=True,
)


@bench_app.callback()
def quiet() -> None:
    """Keep torch's profiler, which counts the memory, from writing of itself to the terminal."""
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")


LossOption = Annotated[
    list[str] | None,
    typer.Option("--loss", metavar="EXPR", help="A loss; may be repeated. Default: all."),
]
Output = Annotated[
    Path | None, typer.Option(help="Folder for the table as CSV and Markdown; default: none.")
]


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
    repeats: Annotated[int, typer.Option(min=1, help="Rounds in each process.")] = 5,
    processes: Annotated[int, typer.Option(min=1, help="Fresh processes.")] = 5,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads.")] = 1,
    output: Output = None,
) -> None:
    """Time and memory of each loss, forward and backward, in units of torch's cross-entropy."""
    from losslab.bench.inputs import DTYPES, LAYOUTS, parse_shape
    from losslab.bench.losses import Setting, bench_losses
    from losslab.bench.peers import missing_libraries
    from losslab.bench.report import losses_text, machine, verdict, write_report
    from losslab.bench.rows import default_losses
    from losslab.losses import canonical
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


@bench_app.command()
def train(
    loss: LossOption = None,
    steps: Annotated[int, typer.Option(min=1, help="Steps of each loss, after one more.")] = 10,
    batch_size: Annotated[int, typer.Option(min=1, help="Pictures in a batch.")] = 8,
    classes: Annotated[int, typer.Option(min=2, max=255, help="Number of classes.")] = 19,
    size: Annotated[tuple[int, int], typer.Option(help="Height and width, pixels.")] = (256, 256),
    encoder: Annotated[str, typer.Option(help="Encoder of the U-Net.")] = "mobilenet_v2",
    precision: Annotated[str, typer.Option(help="fp32, bf16 or fp16.")] = "fp32",
    device: Device = "auto",
    threads: Annotated[
        int | None, typer.Option(min=1, help="CPU threads; default: one a core.")
    ] = None,
    output: Output = None,
) -> None:
    """Time of a whole training step with each loss, in units of the step with cross-entropy."""
    from losslab.bench.report import machine, training_text, verdict, write_report
    from losslab.bench.training import Setting, bench_training
    from losslab.losses import LOSSES, canonical
    from losslab.models import check_model
    from losslab.study.run import available_cores
    from losslab.training.device import PRECISIONS, choose_device

    where = choose_device(device)
    if precision not in PRECISIONS:
        raise SpecError(unknown("precision", precision, PRECISIONS))
    check_model("unet", encoder=encoder, options={})
    expressions = tuple(canonical(text) for text in loss) if loss else tuple(LOSSES)
    setting = Setting(expressions, steps, batch_size, classes, size, encoder, precision, str(where))
    threads = threads or available_cores()
    table = bench_training(setting, threads=threads)
    facts = machine(where, threads)
    what = (
        f"U-Net with {encoder}, {batch_size} pictures of {size[0]} x {size[1]} pixels a step, "
        f"{classes} classes, {precision}."
    )
    text = training_text(table, facts, what)
    if output is None:
        typer.echo(text)
        return
    write_report(output, "train", table, facts, text)
    typer.echo(verdict(table))
    typer.echo(f"wrote {output / 'train.csv'} and {output / 'train.md'}")


@bench_app.command()
def metrics(
    size: Annotated[tuple[int, int], typer.Option(help="Height and width, pixels.")] = (512, 1024),
    classes: Annotated[int, typer.Option(min=2, max=255, help="Number of classes.")] = 19,
    device: Device = "auto",
    repeats: Annotated[int, typer.Option(min=1, help="Rounds in each process.")] = 20,
    processes: Annotated[int, typer.Option(min=1, help="Fresh processes.")] = 5,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads.")] = 1,
    output: Output = None,
) -> None:
    """Time of the scores of one picture, in units of a confusion matrix by bincount."""
    from losslab.bench.metrics import Setting, bench_metrics
    from losslab.bench.report import machine, metrics_text, verdict, write_report
    from losslab.bench.score_rows import versions
    from losslab.training.device import choose_device

    if min(size) < 1:
        raise SpecError(f"size: a height and width of at least 1 pixel, got {size[0]} {size[1]}")
    where = choose_device(device)
    setting = Setting(size, classes, repeats, str(where))
    table, notes = bench_metrics(setting, processes=processes, threads=threads, echo=_say)
    facts = machine(where, threads, versions())
    text = metrics_text(table, facts, notes)
    if output is None:
        typer.echo(text)
        return
    write_report(output, "metrics", table, facts, text)
    typer.echo(verdict(table))
    typer.echo(f"wrote {output / 'metrics.csv'} and {output / 'metrics.md'}")


@bench_app.command()
def steps(
    study: Annotated[
        list[str] | None,
        typer.Argument(metavar="STUDY...", help="Default: all that come with losslab."),
    ] = None,
    device: Device = "auto",
    threads: Annotated[int, typer.Option(min=1, help="CPU threads of a run.")] = 1,
    cache_root: CacheRoot = None,
) -> None:
    """How fast this machine trains the networks of studies: what `losslab study --plan` reckons
    with.

    The rates are kept beside the decoded pictures, in the cache.
    """
    from losslab.bench.steps import keep_rates, measure_rates
    from losslab.study.plan import expand, load_study, study_names
    from losslab.training.device import choose_device

    names = study or study_names()
    specs = [spec for name in names for spec in expand(load_study(name))]
    rates = measure_rates(specs, choose_device(device), threads=threads, tell=typer.echo)
    typer.echo(f"wrote {keep_rates(rates, cache_root)}")


def _dtypes(device: str) -> tuple[str, ...]:
    """What networks give out there: on a GPU they mostly run in mixed precision."""
    return ("float32", "bfloat16") if device == "cuda" else ("float32",)


def _say(text: str) -> None:
    typer.echo(text, err=True)
