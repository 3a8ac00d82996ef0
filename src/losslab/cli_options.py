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
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")]
