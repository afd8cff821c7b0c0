"""What stands between the service and an engine's socket."""
import os
import threading


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
            except OSError:  # of TLS, too
                pass

        threading.Thread(target=run, daemon=True).start()
