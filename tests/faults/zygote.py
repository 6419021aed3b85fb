"""Victims without the price of a start: this process has everything imported, and forks one for each connection.

    python -m tests.faults.zygote SOCKET

It has one thread, and has opened neither a store nor a loop, so a fork of it is a process as any other that was begun
anew: real files, real sockets, a real kill. A connection says in one line of JSON what the victim is to do; back come
`pid N`, what the victim tells, and `ended STATUS` when it is gone (-9: it was killed). The zygote ends with its stdin.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import sys
import threading
import traceback

from tests.faults import client_victim, resting_victim
from tests.faults.steps import Steps


def main(path: str) -> None:
    """Serve until nobody is left to ask."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those who wait for victims
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        os.write(sys.stdout.fileno(), b"ready\n")
        while listener in (ready := select.select([listener, sys.stdin], [], [])[0]) and sys.stdin not in ready:
            connection, _ = listener.accept()
            if threading.active_count() != 1:
                raise RuntimeError("a process with threads cannot be forked")
            if os.fork() == 0:
                listener.close()
                watch(connection)
            connection.close()


def watch(connection: socket.socket) -> None:
    """Have a victim, and tell how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    pid = os.fork()
    if pid == 0:
        run(connection)
    _, status = os.waitpid(pid, 0)
    try:
        connection.sendall(b"ended %d\n" % os.waitstatus_to_exitcode(status))
    finally:
        os._exit(0)


def run(connection: socket.socket) -> None:
    """Be the victim."""
    try:
        connection.sendall(b"pid %d\n" % os.getpid())
        with connection.makefile("rb") as lines:
            order = json.loads(lines.readline())
        steps = Steps(order.pop("steps"))
        work = client_victim.main if order["kind"] in client_victim.KINDS else resting_victim.main
        work(connection.fileno(), steps, **order)
        os._exit(0)
    except BaseException:  # noqa: BLE001 - whatever ends a victim is told
        connection.sendall(b"error %s\n" % json.dumps(traceback.format_exc()).encode())
        os._exit(1)


if __name__ == "__main__":
    main(sys.argv[1])
