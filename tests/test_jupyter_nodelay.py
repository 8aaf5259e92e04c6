"""`make lab` starts a JupyterLab that sends each message as it comes (the browser tests run with it, too)."""

import re
from importlib import import_module
from types import SimpleNamespace

from jupyter_server.serverapp import ServerApp
from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection

from minnet.jupyter_nodelay import Prompt
from tests.notebooks import ROOT


def test_make_lab_names_the_class():
    setting, name = re.search(r"--ServerApp\.(\w+)=(\S+)", (ROOT / "Makefile").read_text()).groups()
    module, _, of = name.rpartition(".")
    assert getattr(import_module(module), of) is Prompt
    assert issubclass(Prompt, ServerApp.class_traits()[setting].klass)


def test_it_asks_for_no_delay_and_then_connects(monkeypatch):
    done = []
    monkeypatch.setattr(ZMQChannelsWebsocketConnection, "connect", lambda self: done.append("connected"))
    handler = SimpleNamespace(set_nodelay=lambda on: done.append(on))
    _connection(handler).connect()
    assert done == [True, "connected"]


def _connection(handler):
    """One that was not made by a server: only what `connect` looks at."""
    made = Prompt.__new__(Prompt)
    made._trait_values = {"websocket_handler": handler}
    return made
