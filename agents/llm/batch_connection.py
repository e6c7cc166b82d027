"""One request by batch: a reply, or a failure that says what went wrong and whether a repeat may help."""

import time
from dataclasses import replace
from typing import Any

from evokd.agents.llm.attempt import Call, Failure, ModelConnection, Reply
from evokd.agents.llm.batch_queue import BatchQueue
from evokd.agents.llm.compatibility import Quirks
from evokd.messages import BY_BATCH


async def send_by_batch(
    connection: ModelConnection,
    batches: BatchQueue,
    call: Call,
    form: dict[str, Any] | None,
    output_mode: str,
    quirks: Quirks,
) -> Reply | Failure | None:
    """Try once, with the next batch; None if the batch was never processed, so that the try does not count.

    Args:
        connection: writes the request and reads the response.
        batches: collects, sends and waits.
        call: what to send.
        form: the `response_format`, None for plain text.
        output_mode: the structured-output mode of `form`.
        quirks: what the endpoint does not accept.

    Raises:
        TeacherError: the address, or the whole batch, cannot be used.
    """
    began = time.monotonic()
    outcome = await batches.answer(call.key, connection.write_row(call, form, quirks), call.by_batch)
    seconds = time.monotonic() - began
    if outcome is None:
        return None
    if outcome.status is None:
        message = f"not answered by the batch: {outcome.text}"
        answer: Reply | Failure = Failure(output_mode, "passing", message, outcome.text, seconds)
    elif outcome.status == 200:
        answer = connection.read(outcome.text, output_mode, seconds)
    else:
        answer = connection.fail_with_status(outcome.status, outcome.text, None, output_mode, seconds)
    return replace(answer, flags=(*answer.flags, BY_BATCH))
