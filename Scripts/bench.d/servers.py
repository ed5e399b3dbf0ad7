"""The servers that Scripts/bench measures, and `florin load`, which drives them all."""
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import subprocess
import time

import resp
from resp import Refused, request

HERE = pathlib.Path(__file__).resolve().parent
SCRIPTS = HERE.parent
# So many secrets fit into a command line, which is how `florin load` is told them: 64 bytes each, 6 MiB at most.
PASSPORTS = 90_000
WARM_UP = 0.5  # seconds of a run before those that count
REFUSED = re.compile(rb"(?:^|\r\n)-([^\r]*)\r\n")


class Trouble(Exception):
    """A row cannot be measured: one sentence for people."""


class Connection(resp.Connection):
    def __init__(self, port, passport=None):
        super().__init__(port, passport, timeout=120)

    def bulk(self, commands, found=None):
        """Sends many commands, some thousand at a time; one that is refused ends it. Returns what `found`, a pattern,
        matches in their answers, which nobody parses: an ECHO behind each part says where they end."""
        matches = []
        part = []
        for command in commands:
            part.append(request(*command))
            if len(part) == 2000:
                matches += self.part(part, found)
                part = []
        return matches + self.part(part, found)

    def part(self, requests, found):
        end = b"$9\r\nbench-end\r\n"
        self.socket.sendall(b"".join(requests) + request("ECHO", "bench-end"))
        chunks = []
        last = b""
        while not last.endswith(end):
            chunk = self.socket.recv(1 << 20)
            if not chunk:
                raise Trouble("the server closed the connection")
            chunks.append(chunk)
            last = (last + chunk)[-len(end) :]
        answers = b"".join(chunks)
        refused = REFUSED.search(answers)
        if refused:
            raise Trouble(f"a command of the set-up was refused: {refused.group(1).decode()}")
        return found.findall(answers) if found else []


class Server:
    """A child process that listens on loopback, with a directory of its own."""

    passport = None
    environment = {}  # what it has besides

    def __init__(self, name, directory):
        self.name = name
        self.home = directory
        self.process = None
        self.port = None

    def spawn(self, command):
        # In a session of its own: Ctrl-C is for the bench alone, which ends what it started.
        with open(self.home / "log", "ab") as log:
            self.process = subprocess.Popen(
                command,
                env=os.environ | self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def compile(self, source, *options):
        """A C program of bench.d; returns where it lies."""
        compiler = next((found for found in map(shutil.which, ("cc", "clang", "gcc")) if found), None)
        if not compiler:
            raise Trouble(f"{source} needs a C compiler")
        target = self.home / source.removesuffix(".c")
        subprocess.run([compiler, "-O2", *options, "-o", target, HERE / source], check=True)
        return target

    def check(self):
        if self.process.poll() is not None:
            tail = (self.home / "log").read_text(errors="replace")[-400:].strip()
            raise Trouble(f"{self.name} ended: {tail}")

    def connect(self):
        return Connection(self.port, self.passport)

    def ask(self, *words):
        connection = self.connect()
        try:
            return connection.ask(*words)
        finally:
            connection.close()

    def bulk(self, commands, found=None):
        connection = self.connect()
        try:
            return connection.bulk(commands, found)
        finally:
            connection.close()

    def info(self, section):
        lines = self.ask("INFO", section).split("\r\n")
        return dict(line.rsplit(":", 1) if section == "books" else line.split(":", 1) for line in lines if ":" in line)

    def cpu(self):
        """Seconds of all threads so far."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) * 1024

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def close(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.kill()
        shutil.rmtree(self.home, ignore_errors=True)


class Florin(Server):
    kind = "florin"

    def __init__(self, name, directory, binary, *options, ahead=0):
        """`ahead`: so many seconds later than here it is there."""
        super().__init__(name, directory)
        self.binary = binary
        self.options = list(options)
        self.data = directory / "ledger"
        if ahead:
            wall = self.compile("wall.c", "-shared", "-fPIC", "-ldl")
            self.environment = {"LD_PRELOAD": str(wall), "WALL_AHEAD": str(ahead)}

    def start(self):
        """Returns when clients can connect."""
        port = self.home / "port"
        port.unlink(missing_ok=True)
        serve = [self.binary, "serve", "--data", self.data, "--port", "0", "--port-file", port]
        self.spawn(serve + ["--log-level", "warning"] + self.options)
        end = time.monotonic() + 120
        while not port.exists() or not port.read_text().endswith("\n"):
            self.check()
            if time.monotonic() > end:
                raise Trouble(f"{self.name} did not start within two minutes")
            time.sleep(0.002)
        self.port = int(port.read_text())
        self.passport = (self.data / "admin-passport").read_text().strip()
        return self

    def fill(self, users, *more):
        """`more`: words for every USER CREATE."""
        self.bulk(
            command
            for user in map(name, range(users))
            for command in (
                ("USER", "CREATE", f"{user}@bench.example", "ID", user, "TYPE", "pro", *more),
                ("CREDIT", "GRANT", user, "10000", "REASON", "bench"),
            )
        )
        self.ask("LIMIT", "SET", "pro", "requests_per_hour", "none")
        self.ask("LIMIT", "SET", "pro", "sessions", "none")

    def unsealed(self):
        """Files of the journal that are not sealed: the one that is written, and what sealing has not come to yet."""
        return sum(1 for _ in (self.data / "journal").glob("[0-9]*.segment"))

    def quiet(self):
        """Waits until no snapshot is made."""
        wait(60, f"the snapshot of {self.name}", lambda: self.info("persistence")["snapshot_in_progress"] == "0")

    def snapshot(self):
        """Returns when one of what is there now is made."""
        self.quiet()
        before = self.info("persistence")["last_snapshot_lsn"]
        self.ask("SNAPSHOT")
        made = lambda: self.info("persistence")["last_snapshot_lsn"] != before
        wait(120, f"a snapshot of {self.name}", made)

    def secrets(self, users):
        issue = (("PASSPORT", "CREATE", name(user), "bench", "read,write") for user in range(users))
        secrets = self.bulk(issue, re.compile(rb"\r\n(fl_\w+)\r\n"))
        if len(secrets) != users:
            raise Trouble(f"{len(secrets)} secrets of {users} passports were found")
        return [secret.decode() for secret in secrets]


class Redis(Server):
    kind = "redis"

    def start(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", self.home, "--save", ""]
        command += ["--appendonly", "yes", "--appendfsync", "no", "--auto-aof-rewrite-percentage", "0"]
        self.spawn(command + ["--daemonize", "no"])
        while True:
            self.check()
            try:
                # Ours, not one that took the port meanwhile: it knows its own pid.
                if self.info("server").get("process_id") == str(self.process.pid):
                    return self
            except (OSError, Refused):
                pass
            time.sleep(0.02)

    def fill(self, users):
        self.bulk(
            command
            for user in map(name, range(users))
            for command in (
                ("HSET", f"u:{user}", "bal", "1000000000000000", "held", "0", "type", "pro"),
                ("SET", f"p:{user}", user),
            )
        )
        # What is measured is on disk when it is answered, as on the other side.
        self.ask("CONFIG", "SET", "appendfsync", "always")
        if self.ask("CONFIG", "GET", "appendfsync") != ["appendfsync", "always"]:
            raise Trouble("redis does not sync every write")

    def journal_bytes(self):
        return sum(file.stat().st_size for file in (self.home / "appendonlydir").iterdir())


class Floor(Server):
    """One echo over TCP and one synced 4 KiB overwrite: bench.d/floor.c."""

    kind = "floor"

    def start(self):
        self.spawn([self.compile("floor.c"), self.home / "pages"])
        log = self.home / "log"
        while not log.read_text().endswith("\n"):
            self.check()
            time.sleep(0.01)
        self.port = int(log.read_text())
        return self


def name(user):
    return f"u{user:012d}"


def wait(seconds, what, condition):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise Trouble(f"{what} was not done within {seconds} s")
        time.sleep(0.05)


def long_command_line():
    """A quarter of the stack's limit may be words."""
    _, hard = resource.getrlimit(resource.RLIMIT_STACK)
    resource.setrlimit(resource.RLIMIT_STACK, (64 << 20 if hard == resource.RLIM_INFINITY else hard, hard))


class Load:
    """One run of `florin load`; `figures` has what it said."""

    def __init__(self, driver, server, connections, pipeline, seconds, secrets, parameters, warmup=WARM_UP):
        command = [driver, "load", HERE / "work.lua", "--connect", f"127.0.0.1:{server.port}", "--json"]
        command += ["--connections", str(connections), "--pipeline", str(pipeline)]
        command += ["--duration", f"{round(seconds * 1000)}ms", "--warmup", f"{round(warmup * 1000)}ms"]
        # A scenario has at most 1 MiB, and a word of a command line 128 KiB: so they come in parts.
        parts = [" ".join(secrets[first : first + 2000]) for first in range(0, len(secrets), 2000)]
        parameters = parameters | {f"secrets{number}": part for number, part in enumerate(parts, 1)}
        for parameter, value in parameters.items():
            command += ["--set", f"{parameter}={value}"]
        environment = {key: value for key, value in os.environ.items() if key != "FLORIN_PASSPORT"}
        if server.passport:
            environment["FLORIN_PASSPORT"] = server.passport
        self.server = server
        self.before = server.cpu()
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=pipe,
            stderr=pipe,
            start_new_session=True,
            preexec_fn=long_command_line if secrets else None,
        )

    @property
    def runs(self):
        return self.process.poll() is None

    def kill(self):
        if self.runs:
            self.process.kill()
            self.process.wait()

    def end(self):
        try:
            out, error = self.process.communicate()
        finally:
            self.kill()
        if self.process.returncode != 0:
            raise Trouble(f"florin load against {self.server.name}: {error.decode().strip() or out.decode()[-200:]}")
        report = json.loads(out)
        run = report["run"]
        if run["errors"] or run["unfinished"] or not run["completed"]:
            raise Trouble(
                f"{self.server.name}: {run['completed']} answered, {run['unfinished']} never, errors {run['errors']}"
            )
        times = run["response"]
        return {
            "rate": run["rate"],
            "p99": times["p99"] / 1e6,
            "p99.9": times["p99.9"] / 1e6,
            "max": times["max"] / 1e6,
            "commands": run["commands"],
            # Of the server, over the whole run: what warms up costs as much as what is measured.
            "cpu": (self.server.cpu() - self.before) * 1e6 / run["commands"],
            "client": run["client_load"],
        }
