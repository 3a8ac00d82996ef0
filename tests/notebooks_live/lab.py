"""A JupyterLab server of its own and a headless Chromium that looks at it."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

QUIET = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
"""The browser draws for nobody and calls nobody."""

SETTINGS = {
    # Cells out of sight stay in the page: otherwise nothing can be asked of them.
    "notebook-extension/tracker": {"windowingMode": "none"},
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}


def missing_programs() -> str:
    """What is missing for a live check, as a sentence; "" for nothing."""
    lacking = [] if find_browser() else ["Chromium (chromium or google-chrome)"]
    lacking += [] if shutil.which("chromedriver") else ["chromedriver"]
    return f"not installed: {', '.join(lacking)}" if lacking else ""


def find_browser() -> str | None:
    return next(filter(None, map(shutil.which, BROWSERS)), None)


@dataclass(frozen=True)
class Lab:
    """A running server."""

    address: str
    token: str

    def url(self, path: str) -> str:
        return f"{self.address}/{path}?token={self.token}"


@contextmanager
def jupyter_lab(folder: Path, notebooks: Sequence[Path]) -> Iterator[Lab]:
    """JupyterLab on copies of these notebooks, with everything that it writes below `folder`."""
    root = folder / "notebooks"
    root.mkdir(parents=True)
    for notebook in notebooks:
        shutil.copy(notebook, root)
    for name, values in SETTINGS.items():
        path = folder / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(values))
    token, port = os.urandom(12).hex(), _free_port()
    words = [sys.executable, "-m", "jupyterlab", "--no-browser", "--expose-app-in-browser"]
    words += [f"--ServerApp.root_dir={root}", f"--ServerApp.port={port}"]
    words += ["--ServerApp.port_retries=0", f"--IdentityProvider.token={token}"]
    words += ["--LabApp.extension_manager=readonly"]
    words += ["--allow-root"] if getattr(os, "geteuid", lambda: 1)() == 0 else []
    places = {f"JUPYTER_{kind}_DIR": str(folder / kind) for kind in ("CONFIG", "RUNTIME")}
    places |= {"JUPYTERLAB_SETTINGS_DIR": str(folder / "settings")}
    places |= {"JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"), "OMP_NUM_THREADS": "1"}
    log = folder / "server.log"
    with log.open("wb") as file:
        server = subprocess.Popen(
            words, stdout=file, stderr=file, stdin=subprocess.DEVNULL, env=os.environ | places
        )
    lab = Lab(f"http://127.0.0.1:{port}", token)
    try:
        _wait_until_up(lab, server, log)
        yield lab
    finally:
        server.terminate()  # ends the kernels too
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


@contextmanager
def chromium(folder: Path) -> Iterator[Chrome]:
    """A headless browser with a new profile below `folder`."""
    options = ChromeOptions()
    options.binary_location = find_browser() or ""
    for flag in (*QUIET, f"--user-data-dir={folder / 'profile'}", "--window-size=1300,1500"):
        options.add_argument(flag)
    # the path is given, or selenium would look for a driver to download
    driver = Chrome(options, Service(shutil.which("chromedriver")))
    try:
        yield driver
    finally:
        driver.quit()


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def _wait_until_up(lab: Lab, server: subprocess.Popen, log: Path, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and server.poll() is None:
        try:
            with urlopen(lab.url("api/status"), timeout=5):
                return
        except (URLError, OSError):
            time.sleep(0.2)
    raise RuntimeError(f"JupyterLab did not start; it wrote:\n{log.read_text(errors='replace')}")
