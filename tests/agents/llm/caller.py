"""Another process that asks for leave to call: holds each call for a while, and prints when it began.

python -m tests.agents.llm.caller '{"address": {...}, "most", "limits", "calls", "seconds", "overloaded"}'
"""

import asyncio
import json
import sys
import time
from typing import Any

from evokd.agents.llm.limiter_client import LimiterClient, SharedLimiter
from evokd.agents.llm.limiter_wire import LimiterAddress
from evokd.agents.llm.teacher_settings import LimitSettings

URL = "http://127.0.0.1:9/v1"


def say(**line: Any) -> None:
    print(json.dumps(line), flush=True)


async def hold(limiter: SharedLimiter, seconds: float) -> None:
    async with limiter.slot(0):
        began = time.monotonic()
        say(began=began)
        await asyncio.sleep(seconds)
        say(call=[began, time.monotonic()])


async def main(order: dict[str, Any]) -> None:
    client = LimiterClient(LimiterAddress(**order["address"]), lambda event, message: say(lost=message))
    limiter = client.limit(URL, order["most"], LimitSettings.model_validate(order.get("limits", {})))
    if order.get("overloaded"):
        async with limiter.slot(0):
            limiter.overloaded(None)
    await asyncio.gather(*(hold(limiter, order["seconds"]) for _ in range(order["calls"])))
    await client.close()


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
