"""Importing this cuts the process off from the network; only this machine itself can still be reached.

The kernels of lesson tests import it before the lesson starts, because a classroom may have no internet.
"""

import socket

LOCAL = ("localhost", "127.0.0.1", "::1")
_connect, _getaddrinfo = socket.socket.connect, socket.getaddrinfo


def _refuse(host):
    if host not in LOCAL:
        raise OSError(f"a lesson tried to reach {host}, but lessons must work without the internet")


def connect(self, address):
    if self.family in (socket.AF_INET, socket.AF_INET6):
        _refuse(address[0])
    return _connect(self, address)


def getaddrinfo(host, *args, **kwargs):
    _refuse(host)
    return _getaddrinfo(host, *args, **kwargs)


socket.socket.connect = connect
socket.getaddrinfo = getaddrinfo
