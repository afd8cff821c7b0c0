"""A page that counts its visits in redis. Connections to redis are kept for the next request, as services do; a page that
has not got its answer within two seconds says so with a 503."""
import http.server
import queue
import socket

REDIS = ("redis", 6379)
PATIENCE = 2.0
idle = queue.LifoQueue()  # connections


def ask_redis(command):
    """One line to redis, one line back."""
    try:
        connection = idle.get_nowait()
    except queue.Empty:
        connection = socket.create_connection(REDIS, PATIENCE)
    try:
        connection.sendall(command + b"\r\n")
        answer = connection.recv(512)
    except OSError:
        connection.close()
        raise
    if not answer:
        connection.close()
        raise OSError("redis has closed the connection")
    idle.put(connection)
    return answer.strip()


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        try:
            status, text = 200, f"visit {int(ask_redis(b'INCR visits')[1:])}\n"
        except (OSError, ValueError) as e:
            status, text = 503, f"redis: {e}\n"
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_request(self, code="-", size="-"):
        if code != 200:
            super().log_request(code, size)


http.server.ThreadingHTTPServer(("", 80), Page).serve_forever()
