"""Measuring programs, run inside a container's network namespace. Each prints one JSON value; servers print "ready"."""
import errno
import hashlib
import json
import os
import socket
import struct
import sys
import threading
import time

UDP_PORT = 9999
TCP_PORT = 9998


def udp_socket():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    return s


def echo_server():
    s = udp_socket()
    s.bind(("", UDP_PORT))
    print("ready", flush=True)
    while True:
        data, peer = s.recvfrom(65536)
        s.sendto(data, peer)


def echo_client(host, count, interval):
    """Round-trip times in ms, in the order of sending; None where nothing came back within 2 s."""
    s = udp_socket()
    rtts = []
    for number in range(int(count)):
        sent = time.monotonic()
        s.sendto(struct.pack("!I", number), (host, UDP_PORT))
        rtts.append(None)
        while True:
            s.settimeout(max(0.001, sent + 2 - time.monotonic()))
            try:
                data, _ = s.recvfrom(65536)
            except TimeoutError:
                break
            if struct.unpack("!I", data)[0] == number:
                rtts[-1] = (time.monotonic() - sent) * 1000
                break
        time.sleep(float(interval))
    return rtts


def watch(host, seconds, interval):
    """[time sent (UNIX), RTT in ms or None] of datagrams sent at a steady pace, whatever becomes of those before."""
    s = udp_socket()
    sent, rtts = [], {}
    end = time.monotonic() + float(seconds)

    def receive():
        s.settimeout(0.2)
        while time.monotonic() < end + 2:
            try:
                data, _ = s.recvfrom(65536)
            except (TimeoutError, OSError):
                continue
            number = struct.unpack("!I", data)[0]
            rtts[number] = (time.time() - sent[number]) * 1000

    s.sendto(struct.pack("!I", 0xFFFFFFFF & 0), (host, UDP_PORT + 1))  # binds the socket before anybody reads
    reader = threading.Thread(target=receive)
    reader.start()
    while time.monotonic() < end:
        sent.append(time.time())
        s.sendto(struct.pack("!I", len(sent) - 1), (host, UDP_PORT))
        time.sleep(float(interval))
    reader.join()
    return [[at, rtts.get(number)] for number, at in enumerate(sent)]


def count_server():
    """Counts datagrams; when asked ("?"), answers with [received, out of order] of the series since the last question."""
    s = udp_socket()
    s.bind(("", UDP_PORT))
    print("ready", flush=True)
    seen, late, highest = set(), 0, -1
    while True:
        data, peer = s.recvfrom(65536)
        if data == b"?":
            s.sendto(json.dumps([len(seen), late]).encode(), peer)
            seen, late, highest = set(), 0, -1
            continue
        number = struct.unpack("!I", data[:4])[0]
        late += number < highest
        highest = max(highest, number)
        seen.add(number)


def send_series(host, count, interval):
    """Sends numbered datagrams; how many errors (by name) the sender saw."""
    s = udp_socket()
    errors = {}
    for number in range(int(count)):
        try:
            s.sendto(struct.pack("!I", number), (host, UDP_PORT))
        except OSError as e:
            errors[errno.errorcode[e.errno]] = errors.get(errno.errorcode[e.errno], 0) + 1
        time.sleep(float(interval))
    return errors


def ask_count(host):
    s = udp_socket()
    s.settimeout(1)
    for _ in range(20):
        s.sendto(b"?", (host, UDP_PORT))
        try:
            return json.loads(s.recvfrom(65536)[0])
        except TimeoutError:
            continue
    return None


def tcp_sink():
    """Reads connections to their end and answers with the SHA-256 of what came."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("", TCP_PORT))
    listener.listen()
    print("ready", flush=True)

    def serve(connection):
        digest = hashlib.sha256()
        with connection:
            while data := connection.recv(1 << 16):
                digest.update(data)
            connection.sendall(digest.hexdigest().encode())

    while True:
        threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()


def tcp_transfer(host, megabytes):
    """Sends random bytes; whether the other side saw the same, and Mbit/s."""
    data = os.urandom(1 << 20) * int(megabytes)
    began = time.monotonic()
    with socket.create_connection((host, TCP_PORT), timeout=60) as s:
        s.sendall(data)
        s.shutdown(socket.SHUT_WR)
        answer = b""
        while part := s.recv(4096):
            answer += part
    seconds = time.monotonic() - began
    return {"same": answer.decode() == hashlib.sha256(data).hexdigest(), "mbits": len(data) * 8 / 1e6 / seconds}


def tcp_trickle(host, seconds):
    """Sends a line every 50 ms over one connection; the times (UNIX) at which each echo came, and the error if any."""
    times, error = [], None
    end = time.monotonic() + float(seconds)
    try:
        with socket.create_connection((host, TCP_PORT + 1), timeout=5) as s:
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            s.settimeout(float(seconds))
            while time.monotonic() < end:
                s.sendall(b"x")
                if not s.recv(1):
                    break
                times.append(time.time())
                time.sleep(0.05)
    except OSError as e:
        error = errno.errorcode.get(e.errno, type(e).__name__) if e.errno else type(e).__name__
    return {"times": times, "error": error}


def tcp_echo():
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("", TCP_PORT + 1))
    listener.listen()
    print("ready", flush=True)

    def serve(connection):
        with connection:
            while data := connection.recv(4096):
                connection.sendall(data)

    while True:
        threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()


def look_up(*names):
    """For each name its IPv4 addresses, or the resolver's error by name; and how long it took, in ms."""
    errors = {getattr(socket, name): name for name in dir(socket) if name.startswith("EAI_")}
    found = []
    for name in names:
        began = time.monotonic()
        try:
            answer = sorted({entry[4][0] for entry in socket.getaddrinfo(name, None, socket.AF_INET)})
        except socket.gaierror as e:
            answer = errors.get(e.errno, str(e))
        found.append([answer, (time.monotonic() - began) * 1000])
    return found


def name_server():
    """Over UDP: every name has the address 10.9.8.7, and no other records."""
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("", 53))
    print("ready", flush=True)
    while True:
        query, peer = s.recvfrom(4096)
        is_a = query[-4:] == b"\0\1\0\1"
        record = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x0a\x09\x08\x07" if is_a else b""
        s.sendto(query[:2] + b"\x81\x80\0\1" + (b"\0\1" if is_a else b"\0\0") + b"\0\0\0\0" + query[12:] + record, peer)


COMMANDS = {
    "look-up": look_up,
    "name-server": name_server,
    "echo-server": echo_server,
    "echo-client": echo_client,
    "watch": watch,
    "count-server": count_server,
    "send-series": send_series,
    "ask-count": ask_count,
    "tcp-sink": tcp_sink,
    "tcp-transfer": tcp_transfer,
    "tcp-trickle": tcp_trickle,
    "tcp-echo": tcp_echo,
}

if __name__ == "__main__":
    print(json.dumps(COMMANDS[sys.argv[1]](*sys.argv[2:])))
