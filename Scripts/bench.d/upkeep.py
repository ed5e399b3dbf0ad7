"""Rows about what keeps others waiting: files, snapshots, one step that touches much."""
import calendar
import itertools
import os
import statistics
import threading
import time

from lines import Line, line
from servers import Trouble, name

# Files of the journal: one that is written, one made ready, and what full speed leaves to sealing for a moment.
MOST_UNSEALED = 8
FULL = (16, 32)  # connections and depth of charges at full rate, where the depth is not what is measured


def aged(bench):
    """Two charges a request, while the journal goes on from file to file, full ones are sealed and snapshots made, and
    a month of the calendar ends in which everybody stored something: nobody waits long for any of it."""
    size, seconds = ("64MiB", 60) if bench.seconds > 2 else ("8MiB", 12)
    enough = 10 if bench.seconds > 2 else 1
    lead = 45 if bench.seconds > 2 else 12  # seconds from the start of a server to the end of the month there

    def files(server):
        return max(int(file.name.split(".")[0]) for file in (server.data / "journal").glob("[0-9]*"))

    def measured(side):
        ahead = month_after_next() - lead - int(time.time())
        server = bench.florin(side, "--segment-size", size, ahead=ahead)
        server.fill(bench.users)
        server.bulk(("STORAGE", "CREATE", name(user), f"bucket-{user}", "bucket", "10") for user in range(bench.users))
        bench.measure(server, "charge", *FULL, bench.seconds * 2)
        server.quiet()
        first, before = files(server), server.info("persistence")["last_snapshot_lsn"]
        fired = int(server.info("stats")["timers_fired"])
        snapshot = threading.Timer(seconds / 3, server.ask, ("SNAPSHOT",))
        snapshot.start()
        with DiskControl(server.home) as control:
            run = bench.measure(server, "charge", 1, 2, seconds)
        snapshot.join()
        if int(server.info("stats")["timers_fired"]) - fired < bench.users:
            raise Trouble("the month did not end within the run")
        rolls, waiting = files(server) - first, server.unsealed()
        if rolls < enough or waiting > MOST_UNSEALED or server.info("persistence")["last_snapshot_lsn"] == before:
            raise Trouble(f"{rolls} new files, {waiting} of all not sealed: too few or too many, or no snapshot")
        said = f"{run['rate']:,.0f} charges/s, {rolls} new files of {size}, {waiting} not sealed at the end, a snapshot"
        said += f", {bench.users:,} postings at a month's end"
        said += f"; p99.9 {run['p99.9']:.1f} ms; a raw sync beside it took {control.longest:.0f} ms at most"
        bench.end(server)
        return run | {"note": said}

    rounds = {side: [measured(side)] for side in bench.binaries}
    found = line("2 a request, aged file: p100", rounds, unit="ms", most=50, note=rounds["florin"][0]["note"])
    found.figures = {side: [run["max"] for run in runs] for side, runs in rounds.items()}
    return [found]


def month_after_next():
    """When it begins, in seconds since 1970: no less than a month from now."""
    now = time.gmtime()
    year, month = divmod(now.tm_year * 12 + now.tm_mon - 1 + 2, 12)
    return calendar.timegm((year, month + 1, 1, 0, 0, 0))


class Beside:
    """Does something fifty times a second beside what is measured, on a thread of its own."""

    def __init__(self):
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.work)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()

    def turns(self):
        """Their numbers, until it has ended."""
        return itertools.takewhile(lambda _: not self.ended.wait(0.02), itertools.count())


class DiskControl(Beside):
    """Syncs 4 KiB of a file of its own: what takes long there, too, is the disk's doing."""

    def __init__(self, home):
        super().__init__()
        self.path = home / "control"
        self.longest = 0

    def work(self):
        file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        os.pwrite(file, bytes(1 << 20), 0)
        os.fsync(file)
        for turn in self.turns():
            began = time.monotonic()
            os.pwrite(file, b"x" * 4096, turn % 256 * 4096)
            os.fdatasync(file)
            self.longest = max(self.longest, (time.monotonic() - began) * 1000)
        os.close(file)


class Resident(Beside):
    """The memory of a server: at first, and at most."""

    def __init__(self, server):
        super().__init__()
        self.server = server
        self.first = self.most = server.resident()

    def work(self):
        for _ in self.turns():
            self.most = max(self.most, self.server.resident())


def verify_busy(bench):
    """Readers wait for nobody: VERIFY beside charges at full rate, and alone."""
    server = bench.sides(bench.users)[0]
    alone, beside, charges = [], [], []
    for _ in range(bench.count):
        alone.append(bench.measure(server, "verify", 64, 16)["rate"])
        other = bench.load(server, "charge", *FULL, bench.seconds + 4)
        time.sleep(0.5)
        beside.append(bench.measure(server, "verify", 64, 16)["rate"])
        charges.append(other.end()["rate"])
    note = f"{statistics.median(charges):,.0f} charges/s beside it"
    return [Line("VERIFY while charges run", {"florin": beside, "alone": alone}, base="alone", ratio=0.6, note=note)]


def snapshots(bench):
    """Charges at full rate with a snapshot that is forced meanwhile, and without. On a ledger of its own: the rows of
    recorded sessions leave millions of names behind, which a snapshot has to write down as well."""
    server = bench.sides(bench.users, fresh=True)[0]
    seconds = bench.seconds * 2
    rates, tails, memory = [], [], []

    def snapshot():
        time.sleep(0.5 + seconds / 4)
        server.ask("SNAPSHOT")

    def forced():
        before = server.info("persistence")["last_snapshot_lsn"]
        asking = threading.Thread(target=snapshot)
        asking.start()
        with Resident(server) as resident:
            run = bench.measure(server, "charge", *FULL, seconds)
            asking.join()
            server.quiet()
        memory.append((resident.most / resident.first - 1) * 100)
        if server.info("persistence")["last_snapshot_lsn"] == before:
            raise Trouble("no snapshot was made")
        return run

    for number in range(bench.count):
        server.quiet()
        runs = {}
        for with_one in (True, False) if number % 2 else (False, True):
            runs[with_one] = forced() if with_one else bench.measure(server, "charge", *FULL, seconds)
        rates.append((1 - runs[True]["rate"] / runs[False]["rate"]) * 100)
        tails.append(runs[True]["p99.9"] - runs[False]["p99.9"])
    return [
        Line("snapshot at full load: slower by", {"florin": rates}, "%", most=5, note=spread(rates, "%")),
        Line("  its p99.9 longer by", {"florin": tails}, "ms", most=1, note=spread(tails, "ms")),
        Line("  memory more by, at most", {"florin": memory}, "%", most=10, note=spread(memory, "%")),
    ]


def spread(figures, unit):
    return f"{min(figures):.1f} to {max(figures):.1f} {unit}"


def type_change(bench):
    """The writer's time for a user with a thousand sessions, all of them dearer from then on."""
    servers = bench.sides(bench.users)[:-1]
    tag = time.monotonic_ns()
    for server in servers:
        for kind in ("pro", "enterprise"):
            server.ask("LIMIT", "SET", kind, "sessions", "none")

    def measured(server, number):
        user = f"runs{tag}-{number}"
        start = (("SESSION", "START", f"{user}-{i}", user, "small" if i % 2 else "gpu") for i in range(1000))
        make = ("USER", "CREATE", f"{user}@bench.example", "ID", user, "TYPE", "enterprise")
        server.bulk(itertools.chain([make, ("CREDIT", "PURCHASE", user, "10000", "stripe", "REF", user)], start))
        server.ask("SLOWLOG", "RESET")
        server.ask("USER", "SET", user, "TYPE", "pro")
        return server.ask("SLOWLOG", "GET", "1")[0][2] / 1000

    return [Line("type change, 1,000 sessions", bench.rounds(servers, measured), "ms", most=5)]


def allowances(bench):
    """Everybody of a type is given the first lot of an allowance, at once: how long a charge waits meanwhile."""
    rounds = {}
    for side in bench.binaries:
        server = bench.florin(side)
        server.fill(bench.users)
        given = threading.Timer(2, server.ask, ("ALLOWANCE", "SET", "type:pro", "0.01", "EVERY", "month"))
        given.start()
        run = bench.load(server, "charge", 1, 2, bench.seconds + 4).end()
        given.join()
        last = name(bench.users - 1)
        if not any("allowance" in str(row) for row in server.ask("CREDIT", "LOTS", last)[1]):
            raise Trouble("not everybody was given something within the run")
        rounds[side] = [run | {"note": f"p99.9 {run['p99.9']:.1f} ms, {run['rate']:,.0f} charges/s"}]
    note = rounds["florin"][0]["note"]
    found = line(f"allowances, {bench.users:,} users: p100", rounds, unit="ms", most=50, note=note)
    found.figures = {side: [run["max"] for run in runs] for side, runs in rounds.items()}
    return [found]
