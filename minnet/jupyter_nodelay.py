"""A JupyterLab without network delays between slider and picture, for `make lab`.

The answer to a slider move consists of several short messages.  By default the operating system holds a short message
back until the browser has acknowledged the one before (Nagle's algorithm, RFC 896), and the browser's side delays that
acknowledgement, by 40 ms on Linux (RFC 1122, 4.2.3.2).  This connection sends every message at once.
"""

from __future__ import annotations

from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection


class Prompt(ZMQChannelsWebsocketConnection):
    """The server's own connection between browser and kernel, with TCP_NODELAY.

    ``jupyter lab --ServerApp.kernel_websocket_connection_class=minnet.jupyter_nodelay.Prompt``
    """

    def connect(self):
        self.websocket_handler.set_nodelay(True)
        return super().connect()
