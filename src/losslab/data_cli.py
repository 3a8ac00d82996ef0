"""`losslab data`: get, check, generate and cache data sets."""

from pathlib import Path
from typing import Annotated

import typer

from losslab.cli_options import CacheRoot, DataRoot

data_app = typer.Typer(help="Get, check, generate and cache data sets.", no_args_is_help=True)

Options = Annotated[
    list[str] | None,
    typer.Option("--option", metavar="KEY=VALUE", help="An option of the data set; repeatable."),
]
DatasetName = Annotated[str, typer.Argument(metavar="NAME", help="A data set of `losslab list`.")]


@data_app.command(name="get")
def data_get(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="A published data set.")
    ] = None,
    data_root: DataRoot = None,
    list_: Annotated[
        bool, typer.Option("--list", help="Print the data sets, how they are got and their terms.")
    ] = False,
) -> None:
    """Download a published data set, or print what a person has to do for it.

    Called again it goes on where it stopped. The exit status is 1 while something is left to do by
    hand.
    """
    from losslab.data.get import describe_sources, get_dataset
    from losslab.errors import DataError

    if list_ or name is None:
        typer.echo("\n".join(describe_sources(data_root)))
        return
    if data_root is None:
        raise DataError(
            "no data root: the folder that the data set goes into; give --data-root FOLDER or set "
            "LOSSLAB_DATA"
        )
    if not get_dataset(name, data_root.expanduser(), typer.echo):
        raise SystemExit(1)


@data_app.command(name="check")
def data_check(
    name: DatasetName,
    options: Options = None,
    data_root: DataRoot = None,
    partial: Annotated[bool, typer.Option(help="Allow fewer pictures than published.")] = False,
    manifest: Annotated[
        bool,
        typer.Option(
            "--manifest",
            help="Record the SHA-256 of every file in NAME.manifest.jsonl in the data root, where "
            "there is none. To record anew, delete it.",
        ),
    ] = False,
) -> None:
    """Read every file of a data set and print what it holds and what breaks its rules.

    Where there is a manifest, files that have changed, are missing or are new are errors; a cache
    is built only from files that it has. The exit status is 1 where there is an error.
    """
    from losslab.data.check import survey
    from losslab.study.plan import parse_values

    found = survey(name, data_root, parse_values(options), partial=partial, manifest=manifest)
    for fact in found.facts:
        typer.echo(fact)
    findings = found.findings
    for finding in findings:
        remedy = f"; {finding.remedy}" if finding.remedy else ""
        typer.echo(f"{finding.severity}: {finding.file}: {finding.rule}{remedy}")
    errors = sum(finding.severity == "error" for finding in findings)
    counts = {"error": errors, "warning": len(findings) - errors}
    told = ", ".join(f"{n} {kind}{'s' * (n != 1)}" for kind, n in counts.items())
    typer.echo(f"{name}: {told}")
    if errors:
        raise SystemExit(1)


@data_app.command(name="fixture")
def data_fixture(
    name: DatasetName,
    directory: Annotated[Path, typer.Argument(help="An empty folder, then a data root.")],
    count: Annotated[int, typer.Option(min=4, help="Pictures, half of them for training.")] = 8,
    options: Options = None,
) -> None:
    """Write a small generated copy in a data set's own layout, for tests and rehearsals."""
    from losslab.data.fixtures import write_fixture
    from losslab.study.plan import parse_values

    write_fixture(name, directory, count, parse_values(options))
    typer.echo(f"wrote {name} in {directory}")


@data_app.command(name="cache")
def data_cache(
    name: DatasetName,
    size: Annotated[tuple[int, int], typer.Option(help="Height and width, pixels.")] = (64, 64),
    fit: Annotated[
        str, typer.Option(help="How pictures come to it: stretch, pad or keep, as in a run.")
    ] = "stretch",
    options: Options = None,
    data_root: DataRoot = None,
    cache_root: CacheRoot = None,
) -> None:
    """Decode and resize a data set now, so that no run has to."""
    from losslab.data import open_dataset, parse_options
    from losslab.data.cache import cached, read_content
    from losslab.data.preparation import cache_folder, check_annotated
    from losslab.study.plan import parse_values

    values = parse_values(options)
    parse_options(name, values)  # names an option such as "split", which below is an argument
    # all pictures: how they are divided is no matter of the cache
    dataset = open_dataset(name, data_root, split="all", **values)
    folder = cache_folder(cache_root)
    content = read_content(dataset, folder)
    check_annotated(dataset, cached(dataset, content, size, fit, folder))
    typer.echo(
        f"{name}: {len(dataset)} pictures at {size[0]} x {size[1]} ({fit}), classes: "
        f"{', '.join(dataset.class_names)}"
    )
