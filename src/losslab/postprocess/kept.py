"""Folders of results that belong to one network, one data set and one way to compute."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from losslab.files import write_json

NAME = "made_from.json"


def claim(folder: Path, made_from: Mapping[str, object]) -> None:
    """Make `folder` one of results that are made from `made_from`; what it holds of something else
    is deleted.
    """
    wanted = json.loads(json.dumps(made_from))
    try:
        if json.loads((folder / NAME).read_text()) == wanted:
            return
    except (OSError, ValueError):
        pass
    shutil.rmtree(folder, ignore_errors=True)
    write_json(folder / NAME, wanted)
