"""Starts JupyterLab for this machine only: a free port, a copy of the lessons, no personal settings."""

import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.notebooks import ROOT


@dataclass
class Server:
    """A running JupyterLab: its address and token, the folder that it serves, the file that it logs into."""

    address: str
    token: str
    folder: Path
    log: Path

    def url(self, path):
        return f"{self.address}/{path}{'&' if '?' in path else '?'}token={self.token}"


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_until_it_answers(server, process, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            break
        try:
            urllib.request.urlopen(server.url("api/status"), timeout=5).close()
            return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError(f"JupyterLab did not start within {seconds} s:\n{server.log.read_text()}")


@contextmanager
def serve(folder):
    """JupyterLab in `folder` (a new, empty one), with a copy of the lessons; yields a Server."""
    root = folder / "root"
    shutil.copytree(ROOT / "lessons", root / "lessons", ignore=shutil.ignore_patterns(".*"))
    port = _free_port()
    server = Server(f"http://127.0.0.1:{port}", secrets.token_hex(16), root, folder / "jupyterlab.log")
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "IPYTHONDIR": str(folder / "ipython"),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "JUPYTER_TOKEN": server.token,
    }
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root",
        f"--ServerApp.port={port}", "--ServerApp.port_retries=0", "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.root_dir={root}",
        f"--LabApp.app_settings_dir={ROOT / 'jupyter'}",  # our defaults, whether minnet is installed or not
        "--ServerApp.kernel_websocket_connection_class=minnet.jupyter_nodelay.Prompt",  # as `make lab`
        "--LabApp.expose_app_in_browser=True",  # the tests run JupyterLab's own commands
        "--LabApp.extension_manager=readonly",  # asks no package index
    ]
    with server.log.open("w") as log:
        process = subprocess.Popen(command, cwd=root, env=environment,
                                   stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            _wait_until_it_answers(server, process)
            yield server
        finally:
            process.terminate()  # JupyterLab then ends its kernels
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
