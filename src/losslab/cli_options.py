"""Options that several commands have."""

from pathlib import Path
from typing import Annotated

import typer

Runs = Annotated[Path, typer.Option(help="Folder of the runs.")]
DataRoot = Annotated[
    Path | None, typer.Option(envvar="LOSSLAB_DATA", help="Folder that holds the data sets.")
]
CacheRoot = Annotated[
    Path | None, typer.Option(envvar="LOSSLAB_CACHE", help="Folder of the decoded pictures.")
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Replace a value of the run or study; may be repeated."
    ),
]
Threads = Annotated[int | None, typer.Option(min=1, help="CPU threads of each run.")]
TimeLimit = Annotated[
    float | None, typer.Option(min=1, help="Seconds after which a run saves its state and stops.")
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")]
