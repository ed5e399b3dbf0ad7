"""Rows about those who look on: what it costs to be followed, and how fast the recorded past is priced again."""
import socket
import statistics
import threading
import time

import resp
from lines import Line
from servers import SCRIPTS, Trouble

FOLLOWED = (("charge", 16, 32), ("charge", 64, 1), ("record", 16, 32))
RULE = "session_runtime"


class Reader:
    """Follows by one command, and counts what it is told: `mark` stands once in each event or line."""

    def __init__(self, server, mark, *words):
        self.connection = server.connect()
        self.connection.socket.sendall(resp.request("HELLO", "3") + resp.request(*words))
        self.mark = mark
        self.count = 0
        self.thread = threading.Thread(target=self.work)
        self.thread.start()

    def work(self):
        buffer = bytearray(1 << 20)
        rest = b""
        try:
            while size := self.connection.socket.recv_into(buffer):
                # A mark may lie across two pieces.
                piece = rest + buffer[:size]
                self.count += piece.count(self.mark)
                rest = piece[1 - len(self.mark) :]
        except OSError:
            pass

    def end(self):
        self.connection.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.connection.close()
        return self.count


def followed(bench):
    """Work with a MONITOR, a TAIL and a shadow of the price attached, whose readers share the cores; and without."""
    server = bench.sides(bench.users)[0]
    dearer = (SCRIPTS / "rules" / f"{RULE}.lua").read_text().replace('usd"0.05"', 'usd"0.06"')
    version = resp.fields(server.ask("RULE", "LOAD", RULE, dearer))["version"]

    def attached(measure):
        readers = {
            "MONITOR": Reader(server, b"\r\n", "MONITOR"),
            "TAIL": Reader(server, b"$4\r\ntail\r\n", "TAIL", "FROM", "$"),
        }
        server.ask("RULE", "SHADOW", RULE, version)
        try:
            run = measure()
        finally:
            told = {name: reader.end() for name, reader in readers.items()}
            server.ask("RULE", "SHADOW", RULE, "OFF")
        return run, told

    for work, connections, depth in FOLLOWED:
        rates = {"florin": [], "without": []}
        shares = {"MONITOR": [], "TAIL": []}
        for number in range(bench.count):
            for is_followed in (True, False) if number % 2 else (False, True):
                server.quiet()
                measure = lambda: bench.measure(server, work, connections, depth)
                if not is_followed:
                    rates["without"].append(measure()["rate"])
                    continue
                run, told = attached(measure)
                rates["florin"].append(run["rate"])
                for name, count in told.items():
                    shares[name].append(count / run["commands"])
        said = [f"{name} {statistics.median(found):.0%}" for name, found in shares.items()]
        note = f"of the commands were shown while they ran: {', '.join(said)}"
        title = f"{work}, {connections} × {depth}, followed"
        yield Line(title, rates, base="without", ratio=0.8, note=note)


def backtest(bench):
    """Sessions priced again in a second of a core: by a version that asks for nothing but type and tier."""
    server = bench.florin("florin")
    server.fill(bench.users)
    wanted = 1_000_000 if bench.seconds > 2 else 100_000
    recorded = 0
    while recorded < wanted:
        recorded += bench.measure(server, "record", 16, 32, seconds=4 if bench.seconds > 2 else 1)["commands"]
    source = (SCRIPTS / "rules" / f"{RULE}.lua").read_text()
    figures, found = [], {}
    for _ in range(bench.count):
        server.quiet()
        before = server.cpu()
        until = str(int(time.time()) + 86_400)
        found = resp.fields(server.ask("RULE", "BACKTEST", RULE, source, "FROM", "2020-01-01", "TO", until))
        figures.append(found["parts"] / (server.cpu() - before))
        if found["difference"] not in ("0", "0.00"):
            raise Trouble(f"the unchanged rule gives {found['revenue_new']}, the books have {found['revenue_old']}")
    note = f"{found['parts']:,} sessions in {found['seconds']} s; the unchanged rule gives the books"
    return [Line("sessions back-tested a core second", {"florin": figures}, least=1_000_000, note=note)]
