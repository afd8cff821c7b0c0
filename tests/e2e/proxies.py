"""What stands between the service and an engine's socket."""
import contextlib
import dataclasses
import os
import random
import socket
import threading
import time


class EngineProxy:
    """Listens, and has a thread for each connection, in which `serve` says what becomes of it."""

    def __init__(self, listener):
        self.engine = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://")
        self.listener = listener
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    @staticmethod
    def head_of(client):
        """The bytes of a request's head and what came with it, its method and its target; None if it does not come."""
        head = b""
        while b"\r\n\r\n" not in head:
            part = client.recv(65536)
            if not part:
                return None
            head += part
        method, target, _ = head.split(b"\r\n")[0].decode().split(" ")
        return head, method, target

    @staticmethod
    def carry(source, sink):
        """In a thread of its own: whatever comes, until nothing more does."""
        def run():
            try:
                while part := source.recv(65536):
                    sink.sendall(part)
                sink.shutdown(socket.SHUT_RDWR)  # or an engine would go on with a stream that nobody has any more
            except OSError:
                pass

        threading.Thread(target=run, daemon=True).start()


@dataclasses.dataclass(frozen=True)
class Weather:
    """What becomes of calls, as shares of 1."""
    slow: float = 0.0  # up to `slowest` seconds late
    slowest: float = 0.0
    refused: float = 0.0  # answered with 500, and not done
    unanswered: float = 0.0  # done, but the connection breaks off in the middle of the answer's first part
    mute: float = 0.0  # of the parts of an answer or stream: neither it nor what follows arrives
    away: bool = False  # nobody is there


class StormyProxy(EngineProxy):
    """Before an engine's socket, on another; what the weather does to which call is by chance."""

    def __init__(self, folder, seed):
        self.path = str(folder / "engine.sock")
        self.weather = Weather()
        self.dice = random.Random(seed)
        self.connections = set()
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(self.path)
        listener.listen(128)
        super().__init__(listener)

    def change(self, weather):
        self.weather = weather
        if weather.away:
            self.cut_all()

    def cut_all(self):
        for each in list(self.connections):
            self.end(each)

    @staticmethod
    def end(connection):
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)

    def serve(self, client):
        if self.weather.away:
            return client.close()
        with client, socket.socket(socket.AF_UNIX) as engine:
            self.connections |= {client}
            try:
                if request := self.head_of(client):
                    self.forward(request[0], client, engine)
            except OSError:
                pass
            self.connections -= {client}
            self.end(client)  # closing alone says nothing while another thread reads
            self.end(engine)

    def forward(self, head, client, engine):
        weather = self.weather
        if self.dice.random() < weather.slow:
            time.sleep(self.dice.uniform(0, weather.slowest))
        if self.dice.random() < weather.refused:
            text = b'{"message": "a storm"}'
            client.sendall(b"HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/json\r\nConnection: close\r\n"
                           b"Content-Length: %d\r\n\r\n%s" % (len(text), text))
            return
        engine.connect(self.engine)
        engine.sendall(head)
        self.carry(client, engine)
        part = engine.recv(65536)
        if self.dice.random() < weather.unanswered:
            return client.sendall(part[:len(part) // 2])
        mute = False
        while part:
            mute = mute or self.dice.random() < self.weather.mute
            if not mute:
                client.sendall(part)
            part = engine.recv(65536)
