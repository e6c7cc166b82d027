"""The endpoints that a run would call, asked for their lists of models, which is free."""

import os
from dataclasses import dataclass, replace

from evokd.agents.llm.attempt import TeacherRefused, TeacherUnreachable
from evokd.agents.llm.client import resolve_key
from evokd.agents.llm.ping import EndpointState, probe
from evokd.agents.llm.teacher_settings import OPENAI_URL, RoleSettings, TeacherSettings
from evokd.messages import InputError
from evokd.prompts.loader import ROLES


@dataclass(frozen=True)
class Endpoint:
    """A model at an address, the roles that use it, and what the address answered."""

    settings: RoleSettings
    roles: tuple[str, ...]
    state: EndpointState

    @property
    def address(self) -> str:
        """The address, up to /v1."""
        return self.settings.base_url or OPENAI_URL


def probe_endpoints(teacher: TeacherSettings) -> list[Endpoint]:
    """Ask each address once per model; none where the teacher is no language model."""
    if teacher.is_embedded():
        return []
    users: dict[tuple[str | None, str | None], list[str]] = {}
    for role in ROLES:
        settings = teacher.role(role)
        users.setdefault((settings.model, settings.base_url), []).append(role)
    endpoints = []
    for roles in users.values():
        settings = teacher.role(roles[0])
        # batches are looked for if one of the roles uses them
        settings = settings.model_copy(update={"batch": any(teacher.role(role).batch for role in roles)})
        state = _ask(settings)
        if state.fault == "no_batches":
            state = replace(state, mend=f"{state.mend}: {teacher.tell_without_batches(roles)}")
        endpoints.append(Endpoint(settings, tuple(roles), state))
    return endpoints


def _ask(settings: RoleSettings) -> EndpointState:
    try:
        key = resolve_key(settings, os.environ)
    except InputError as exc:
        said, _, mend = str(exc).partition("; ")
        return EndpointState(said.removeprefix(f"teacher {settings.model!r}: "), "no_key", mend)
    return probe(settings, key)


def refuse_hopeless(teacher: TeacherSettings, is_new: bool = False) -> list[Endpoint]:
    """Refuse a run whose calls cannot succeed, before it trains: a dead address, a key that is refused.

    A server that does not list its models, or not this one, is given the benefit of the doubt.

    Args:
        teacher: who is asked.
        is_new: whether nothing was asked yet: an address that lists its models only under /v1 is refused then. A run
            whose calls such a server has answered may go on.

    Returns:
        What the addresses answered.

    Raises:
        TeacherUnreachable: nobody answers at an address.
        TeacherRefused: a key is refused, or the address lacks its /v1.
        InputError: batches are asked for, and an address has none.
    """
    endpoints = probe_endpoints(teacher)
    for endpoint in endpoints:
        state = endpoint.state
        if state.fault == "no_batches":
            key = teacher.batch_keys(endpoint.roles)[0]
            raise InputError(f"{key}: {endpoint.settings.model!r}: {state.said}; {state.mend}")
        if state.is_hopeless or (is_new and state.fault == "wrong_address"):
            kind = TeacherUnreachable if state.fault == "no_answer" else TeacherRefused  # a plan has its keys
            raise kind(f"teacher {endpoint.settings.model!r} at {endpoint.address}: {state.said}; {state.mend}")
    return endpoints
