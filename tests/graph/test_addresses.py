"""Addresses of teachers are written into files and errors: one with a key in it is refused, without telling it."""

import pytest

from evokd.agents.llm.teacher_settings import TeacherSettings
from evokd.graph.setup.config_layers import ConfigSource, build_settings
from evokd.messages import InputError

SECRET = "sk-0123456789"


@pytest.mark.parametrize(
    "address",
    [
        f"http://user:{SECRET}@127.0.0.1:8000/v1",
        f"http://{SECRET}@127.0.0.1:8000/v1",
        f"http://127.0.0.1:8000/v1?api_key={SECRET}",
        f"http://127.0.0.1:8000/v1?x=1&KEY={SECRET}",
        f"http://127.0.0.1:8000/v1?access-token={SECRET}",
        f"http://127.0.0.1:8000/v1#token={SECRET}",
        f"http://127.0.0.1:8000/v1?{SECRET}\x1b[31m",
        f"http://[{SECRET}/v1?a",
    ],
)
@pytest.mark.parametrize("role", [False, True])
def test_an_address_with_a_key_is_refused_without_telling_it(address: str, role: bool) -> None:
    section = {"roles": {"labeler": {"base_url": address}}} if role else {"base_url": address}
    with pytest.raises(InputError) as caught:
        build_settings([ConfigSource("--base-url", {"teacher": section})])
    assert "base_url: " in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("address", ["http://127.0.0.1:8000/v1", "http://[::1]/v1"])
def test_other_addresses_are_taken(address: str) -> None:
    assert TeacherSettings(base_url=address).base_url == address
