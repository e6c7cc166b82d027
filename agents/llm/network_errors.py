"""What a failed connection says: its cause, and whether the request may have reached the server."""


def list_causes(exc: BaseException | None) -> list[BaseException]:
    """An error and what caused it, down to the first cause."""
    causes: list[BaseException] = []
    while exc is not None:
        causes.append(exc)
        exc = exc.__cause__
    return causes


def root_cause(exc: BaseException) -> str:
    """The first cause of an error, in words."""
    root = list_causes(exc)[-1]
    return f"{type(root).__name__}: {root}" if str(root) else type(root).__name__


def is_late(exc: BaseException) -> bool:
    """Whether a time limit was exceeded after the request had been sent."""
    import httpx2

    return any(isinstance(cause, TimeoutError | httpx2.ReadTimeout) for cause in list_causes(exc)) and was_sent(exc)


def was_sent(exc: BaseException) -> bool:
    """Whether the request may have reached the server, that is, whether a connection was ever made."""
    import httpx2

    early = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.UnsupportedProtocol)
    return not any(isinstance(cause, early) for cause in list_causes(exc))
