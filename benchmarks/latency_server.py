"""A chat-completions server that answers every Labeler request after a fixed time, and counts what it was asked.

python -m benchmarks.latency_server --latency 0.25

It does as little as it can, so that what a client costs is what is measured. The first line it prints is its port.
`GET /stats` gives {"requests", "answers", "repeated", "most", "first", "wall"}: requests that came, answers that were
sent whole, answers beyond the first to one and the same body, most requests in flight at once, seconds since 1970 of
the first request, and seconds from it to the last answer. `POST /reset` forgets all that.
"""

import argparse
import asyncio
import json
import re
import sys
import time
from collections import Counter
from hashlib import blake2b

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


async def serve(latency: float) -> None:
    """Serve on a free port of the loopback interface until the process is ended."""
    book = Book()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal book
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                verb, path, _ = head.split(b" ", 2)
                found = re.search(rb"(?i)content-length: (\d+)", head)
                body = await reader.readexactly(int(found.group(1))) if found else b""
                if verb == b"POST" and path.endswith(b"/completions"):
                    answer = await _complete(book, body, latency)
                elif path == b"/reset":
                    book, answer = Book(), b"{}"
                else:
                    answer = json.dumps(book.tell()).encode()
                writer.write(
                    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(answer)
                )
                writer.write(answer)
                await writer.drain()
                if path.endswith(b"/completions"):
                    book.answers += 1
                    book.last = time.time()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, backlog=1024)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


async def _complete(book: Book, body: bytes, latency: float) -> bytes:
    began = time.time()
    book.first = book.first or began
    book.requests += 1
    book.flying += 1
    book.most = max(book.most, book.flying)
    book.bodies[blake2b(body, digest_size=16).digest()] += 1
    answer = make_answer(body)
    await asyncio.sleep(latency - (time.time() - began))
    book.flying -= 1
    return answer


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--latency", type=float, default=0.25, help="seconds from a request to its answer")
    asyncio.run(serve(parser.parse_args().latency))
