"""A JupyterLab that answers at once: what `make lab` asks of the Jupyter server.

A move of a slider comes back as several short messages.  By default the operating system holds a short one back until
the browser has confirmed the one before (Nagle 1984, RFC 896), and the browser's side takes its time with that, 40 ms
on Linux (RFC 1122, 4.2.3.2): the picture was ready and waited.  This way to the kernel sends every message as it comes.
"""

from __future__ import annotations

from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection


class Prompt(ZMQChannelsWebsocketConnection):
    """The server's own connection between browser and kernel, without that wait.

    ``jupyter lab --ServerApp.kernel_websocket_connection_class=minnet.jupyter_nodelay.Prompt``
    """

    def connect(self):
        self.websocket_handler.set_nodelay(True)
        return super().connect()
