"""Steady requests, whatever becomes of those before: traffic.py URL RATE. A line every second on what the answers were."""
import statistics
import sys
import threading
import time
import urllib.request

PATIENCE = 5.0


class Second:
    """What became of the requests that ended in one second."""

    def __init__(self):
        self.milliseconds, self.failed = [], 0

    def __str__(self):
        if not self.milliseconds:
            return f"no answer, {self.failed} failed"
        middle, slowest = statistics.median(self.milliseconds), max(self.milliseconds)
        return f"{len(self.milliseconds)} answers, median {middle:.1f} ms, slowest {slowest:.1f} ms, {self.failed} failed"


lock = threading.Lock()
current = Second()


def request(url):
    began = time.monotonic()
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
            answer.read()
        took = (time.monotonic() - began) * 1000
        with lock:
            current.milliseconds.append(took)
    except OSError:
        with lock:
            current.failed += 1


def report():
    global current
    while True:
        time.sleep(1)
        with lock:
            done, current = current, Second()
        print(time.strftime("%H:%M:%S"), done, flush=True)


def main(url, rate):
    threading.Thread(target=report, daemon=True).start()
    due = time.monotonic()
    while True:
        threading.Thread(target=request, args=(url,), daemon=True).start()
        due += 1 / rate
        time.sleep(max(0, due - time.monotonic()))


main(sys.argv[1], float(sys.argv[2]))
