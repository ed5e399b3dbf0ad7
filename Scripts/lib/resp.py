"""A connection to a server that speaks RESP2, for scripts with nothing but Python."""
import socket


class Refused(Exception):
    """An error that the server answered."""


def request(*words):
    parts = [b"*%d\r\n" % len(words)]
    for word in words:
        word = word if isinstance(word, bytes) else str(word).encode()
        parts.append(b"$%d\r\n%s\r\n" % (len(word), word))
    return b"".join(parts)


def fields(flat):
    """A map, as RESP2 answers it."""
    return dict(zip(flat[::2], flat[1::2]))


class Connection:
    def __init__(self, port, passport=None, timeout=None):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        if passport:
            self.ask("HELLO", "2", "AUTH", "default", passport)

    def close(self):
        self.socket.close()

    def more(self):
        chunk = self.socket.recv(1 << 18)
        if not chunk:
            raise ConnectionError("the server closed the connection")
        self.buffer += chunk

    def line(self):
        while b"\r\n" not in self.buffer:
            self.more()
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line

    def value(self):
        """The next answer; an error is not raised but returned."""
        line = self.line()
        kind, rest = line[:1], line[1:]
        if kind == b"*":
            return [self.value() for _ in range(int(rest))] if int(rest) >= 0 else None
        if kind == b"$":
            size = int(rest)
            if size < 0:
                return None
            while len(self.buffer) < size + 2:
                self.more()
            text, self.buffer = self.buffer[:size], self.buffer[size + 2 :]
            return text.decode()
        if kind == b"-":
            return Refused(rest.decode())
        return int(rest) if kind == b":" else rest.decode()

    def ask(self, *words):
        self.socket.sendall(request(*words))
        answer = self.value()
        if isinstance(answer, Refused):
            raise Refused(f"{' '.join(str(word) for word in words[:2])}: {answer}")
        return answer
