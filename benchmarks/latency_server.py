"""A chat-completions server that answers every Labeler request after a fixed time, and counts what it was asked.

python -m benchmarks.latency_server --latency 0.25

It does as little as possible, so that a measurement shows the cost of the client. It prints its port as its first
line. `GET /stats` gives {"requests", "answers", "repeated", "most", "first", "wall"}: requests received, answers sent
completely, answers beyond the first to the same body, most requests in flight at once, Unix time of the first request
in seconds, and seconds from it to the last answer. `POST /reset` resets these counts.
"""

import argparse
import asyncio
import json
import re
import sys
import time
from collections import Counter
from collections.abc import Callable
from hashlib import blake2b

_LENGTH = re.compile(rb"(?i)content-length: (\d+)")
_IDS = re.compile(rb'\\"id\\": \\"(t\d+)\\"')


class Book:
    """What the server has seen."""

    def __init__(self) -> None:
        self.requests = self.answers = self.flying = self.most = 0
        self.first = self.last = 0.0
        self.bodies: Counter[bytes] = Counter()

    def tell(self) -> dict[str, float]:
        """Give the counts as JSON."""
        return {
            "requests": self.requests,
            "answers": self.answers,
            "repeated": sum(count - 1 for count in self.bodies.values()),
            "most": self.most,
            "first": self.first,
            "wall": self.last - self.first,
        }


def make_answer(body: bytes) -> bytes:
    """Answer a Labeler's request: the first label for every draft."""
    verdicts = [
        {"id": name.decode(), "labels": ["first"], "confidence": 0.9} for name in dict.fromkeys(_IDS.findall(body))
    ]
    message = {"role": "assistant", "content": json.dumps({"verdicts": verdicts})}
    usage = {"prompt_tokens": len(body) // 4, "completion_tokens": 20, "total_tokens": len(body) // 4 + 20}
    choice = {"index": 0, "finish_reason": "stop", "message": message}
    completion = {"id": "c", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}
    return json.dumps({**completion, "usage": usage}).encode()


class Connection(asyncio.Protocol):
    """One connection: requests come one after the other, each is answered after its time."""

    def __init__(self, server: "Server") -> None:
        self._server = server
        self._received = b""
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Take in what comes; a request that is whole is answered."""
        self._received += data
        head, gap, rest = self._received.partition(b"\r\n\r\n")
        if not gap:
            return
        found = _LENGTH.search(head)
        length = int(found.group(1)) if found else 0
        if len(rest) < length:
            return
        self._received = rest[length:]
        path = head.split(b" ", 2)[1]
        if path.endswith(b"/completions"):
            self._server.complete(rest[:length], self._answer)
        elif path == b"/reset":
            self._server.book = Book()
            self._answer(b"{}")
        else:
            self._answer(json.dumps(self._server.book.tell()).encode())

    def _answer(self, body: bytes) -> bool:
        """Send an answer; says whether there was still somebody to send it to."""
        assert self._transport is not None
        if self._transport.is_closing():
            return False
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
        self._transport.write(head + body)
        return True


class Server:
    """Answers completions after a fixed time."""

    def __init__(self, latency: float) -> None:
        self.book = Book()
        self._latency = latency

    def complete(self, body: bytes, answer: Callable[[bytes], bool]) -> None:
        """Note a request, and answer it in time."""
        book = self.book
        book.first = book.first or time.time()
        book.requests += 1
        book.flying += 1
        book.most = max(book.most, book.flying)
        book.bodies[blake2b(body, digest_size=16).digest()] += 1
        asyncio.get_running_loop().call_later(self._latency, self._send, book, make_answer(body), answer)

    @staticmethod
    def _send(book: Book, body: bytes, answer: Callable[[bytes], bool]) -> None:
        book.flying -= 1
        if answer(body):
            book.answers += 1
            book.last = time.time()


async def serve(latency: float) -> None:
    """Serve on a free port of the loopback interface until the process is ended."""
    place = Server(latency)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(place), "127.0.0.1", 0, backlog=1024)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--latency", type=float, default=0.25, help="seconds from a request to its answer")
    asyncio.run(serve(parser.parse_args().latency))
