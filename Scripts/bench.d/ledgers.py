"""Rows about whole ledgers: starts, memory, disk, and how fast one is filled."""
import os
import pathlib
import re
import statistics
import struct
import subprocess
import time

from lines import Line, line
from resp import Refused, fields
from servers import SCRIPTS, WARM_UP, Trouble, name
from upkeep import FULL


def restart(bench):
    """Killed with -9, started again: until a user's balance is what it was, and until a charge is durable; the system
    has forgotten the files. Then once with the files in memory, and once until charges run as fast as they will."""
    balances, charges, rates, cached = {}, {}, {}, {}
    for server, users, tail, former in bench.large():
        connection = server.connect()
        available = fields(connection.ask("CREDIT", "BALANCE", name(7)))["available"]
        connection.close()

        def again(drops_caches):
            server.kill()
            if drops_caches:
                forget(server.data)
            began = time.monotonic()
            server.start()
            connection = server.connect()
            found = fields(loaded(connection, "CREDIT", "BALANCE", name(7)))["available"]
            if found != available:
                raise Trouble(f"{name(7)} has {found} after a restart, and had {available}")
            return began, time.monotonic() - began, connection

        for number in range(bench.count):
            began, seconds, connection = again(drops_caches=True)
            balances.setdefault(server.name, []).append(seconds)
            connection.ask("CREDIT", "CHARGE", name((number + 1) * 7919 % users), "0.000001", "api")
            charges.setdefault(server.name, []).append(time.monotonic() - began)
            connection.close()
        _, cached[server.name], connection = again(drops_caches=False)
        connection.close()
        bench.resident_again[server.name] = at_rest(server)
        began, _, connection = again(drops_caches=True)
        connection.close()
        rates[server.name] = [regained(bench, server, former) - began]

    note = f"{users:,} users with e-mail, name, lot and passport, {tail:,} charges behind a snapshot, caches dropped; "
    note += f"{cached['florin']:.2f} s with the files cached"
    found = [
        Line("restart until a balance", balances, "s", most=1.5, note=note),
        Line("restart until a charge is durable", charges, "s", most=2),
        Line("restart until 0.9 of its rate", rates, "s", most=5, note="of before; seconds of charges, one by one"),
    ]
    if users < 1_000_000:
        for each in found:
            each.hint = True
    return found


def loaded(connection, *words):
    """The answer, once the server has loaded."""
    while True:
        try:
            return connection.ask(*words)
        except Refused as refused:
            if "LOADING" not in str(refused):
                raise
            time.sleep(0.005)


def forget(directory):
    """The system drops what it has in memory of these files: a start reads them from the disk."""
    for path in directory.rglob("*"):
        if path.is_file():
            file = os.open(path, os.O_RDONLY)
            os.fsync(file)
            os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(file)


def seconds_of_charges(bench, server, count):
    """Seconds of charges at full rate, one after the other: when each run began, and its rate."""
    began, rates = [], []
    for _ in range(count):
        began.append(time.monotonic())
        rates.append(bench.measure(server, "charge", *FULL, 1)["rate"])
    return began, rates


def regained(bench, server, former):
    """When the first second began that was at nine tenths of the rate of before, behind its warm-up."""
    began, rates = seconds_of_charges(bench, server, 4 if bench.options.quick else 12)
    found = [start for start, rate in zip(began, rates) if rate >= 0.9 * former]
    if not found:
        raise Trouble(f"{max(rates):,.0f} charges/s at most after a restart, {former:,.0f} before it")
    return found[0] + WARM_UP


def resident(bench):
    """Bytes of memory that a user takes, and that a charge leaves behind."""
    users, charges = {}, {}
    for server, count, *_ in bench.large():
        users[server.name] = [bench.large_bytes[server.name] / count]
        # The first run brings every buffer to its size, and so few users that all of them have charges from then on:
        # what a user's first one takes is the user's.
        few = {"users": 10_000, "seconds": bench.seconds * 2}
        bench.measure(server, "charge", *FULL, **few)
        before = at_rest(server)
        runs = [bench.measure(server, "charge", *FULL, **few)["commands"] for _ in range(2)]
        charges[server.name] = [(at_rest(server) - before) / sum(runs)]
    note = "memory of the whole server less that of an empty one"
    if bench.resident_again:
        note += f"; {(bench.resident_again['florin'] - bench.empty_bytes['florin']) / count:,.0f} after a restart"
    return [
        Line("resident bytes a user", users, "B", most=560, note=note),
        # Less than a byte is what the system's own pages come and go by.
        Line("resident bytes a further charge", charges, "B", most=1, note=f"reach 0; of {sum(runs):,} charges"),
    ]


def at_rest(server):
    """Resident bytes once they stay as they are: behind a start, addresses are opened in the background."""
    found = [server.resident()]
    for _ in range(60):
        time.sleep(1)
        found.append(server.resident())
        if max(found[-4:]) - min(found[-4:]) < 1 << 20 and len(found) > 3:
            break
    return found[-1]


def disk(bench):
    """What a charge takes on disk once its file is sealed, beside what the same charge adds to Redis' AOF."""
    size = "16MiB" if bench.seconds > 2 else "8MiB"
    server = bench.florin("florin", "--segment-size", size)
    server.fill(bench.users)
    redis = bench.sides(bench.users)[-1]
    lines = []
    for key, reach in ((False, 0.15), (True, 0.35)):
        ours = sealed(bench, server, key)
        before = redis.journal_bytes()
        run = bench.measure(redis, "charge", *FULL, key=str(key).lower())
        theirs = (redis.journal_bytes() - before) / run["commands"]
        share = ours / theirs
        title = "disk bytes a charge, with KEY" if key else "disk bytes a charge"
        note = f"{share:.3f} of the AOF of the same script, reach ≤ {reach:g}"
        lines.append(
            Line(title, {"florin": [ours], "redis": [theirs]}, "B", most=round(reach * theirs, 1), note=note)
        )
    return lines


def sealed(bench, server, key):
    """Bytes a charge, of sealed segments in which there is nothing else."""
    first = int(server.info("ledger")["last_lsn"]) + 1
    last = None
    for attempt in range(60):
        segments = []
        for file in (server.data / "journal").glob("*.sealed"):
            # The format's own words: LSN of the first event in the header, the next LSN in the footer.
            bytes_ = file.read_bytes()
            start, end = struct.unpack_from("<Q", bytes_, 32)[0], struct.unpack_from("<Q", bytes_, len(bytes_) - 112)[0]
            if bytes_[:4] != b"FSLD" or bytes_[-128:-124] != b"FEND":
                raise Trouble(f"{file.name} has a header or footer that is not known here")
            if start >= first:
                segments.append((end - start, len(bytes_)))
        if len(segments) >= 2:
            return sum(size for _, size in segments) / sum(events for events, _ in segments)
        if attempt % 3 == 0:
            run = bench.measure(server, "charge", *FULL, key=str(key).lower())
            lsn = int(server.info("ledger")["last_lsn"])
            if lsn - (last or first - 1) != run["commands"]:
                raise Trouble(f"{run['commands']} charges made {lsn - (last or first - 1)} events")
            last = lsn
        else:
            time.sleep(0.2)  # sealing goes on behind
    raise Trouble("two segments full of charges were not sealed in time")


def users(bench):
    """Users with e-mail, name and passport: an operation is both commands, and counts as one user."""
    servers = [bench.florin(side) for side in bench.binaries]
    rounds = bench.rounds(servers, lambda server, number: bench.measure(server, "users", 64, 32, round=number))
    return [line("users with passports", rounds, least=150_000)]


def imported(bench):
    """Sessions a second of the real log, from the start of `florin import` to its end."""
    trace = subprocess.run([SCRIPTS / "trace", "--path"], capture_output=True, text=True, check=True).stdout.strip()
    if not trace:
        trace = str(bench.home / "generated.swf")
        bench.run([bench.binary, "import", "generate", trace])
    servers = bench.sides(bench.users)[:-1]
    tag = time.monotonic_ns()

    def measured(server, number):
        command = [server.binary, "import", "swf", trace, "--map", SCRIPTS / "import" / "nasa.lua", "--json"]
        command += ["--source", f"bench{tag}-{number}", "--connect", f"127.0.0.1:{server.port}"]
        began = time.monotonic()
        run = bench.run(command, env=os.environ | {"FLORIN_PASSPORT": server.passport})
        seconds = time.monotonic() - began
        found = re.search(r'"sessions":(\d+),"users"', run.stdout)
        if run.returncode != 0 or not found:
            raise Trouble(f"import: {run.stderr.strip() or run.stdout[-200:]}")
        return int(found.group(1)) / seconds

    rounds = bench.rounds(servers, measured)
    return [Line(f"import, {pathlib.Path(trace).name}", rounds, least=120_000)]
