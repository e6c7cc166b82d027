"""Settings of the teacher: the `teacher` section of the configuration."""

from collections.abc import Collection
from typing import Annotated
from urllib.parse import parse_qsl, urlsplit

from pydantic import AfterValidator, Field

from evokd.messages import ClosedModel

REHEARSAL = "rehearsal"
RECORDED = "recorded"
OPENAI_URL = "https://api.openai.com/v1"


_SECRETS = ("key", "token", "secret", "password", "passwd", "auth", "sig", "credential")


def _check_address(value: str | None) -> str | None:
    """Refuse a malformed address, and one with a key: addresses are written into config.yaml, events and errors."""
    if value is None:
        return None
    if not value.startswith(("http://", "https://")) or not value.isprintable() or " " in value:
        raise ValueError("write the whole address, such as http://127.0.0.1:8000/v1")
    parts = urlsplit(value)
    names = [name.lower() for name, _ in parse_qsl(f"{parts.query}&{parts.fragment}", keep_blank_values=True)]
    if "@" in parts.netloc or any(secret in name for name in names for secret in _SECRETS):
        raise ValueError("keys come from the environment (see api_key_env); take the key out of the address")
    is_azure = (parts.hostname or "").endswith(".azure.com")
    if is_azure and ("/deployments/" in parts.path or parts.query):
        address = f"{parts.scheme}://{parts.netloc}/openai/v1"
        raise ValueError(f"of Azure, only the v1 API is called: write {address}, and the deployment as the model")
    if parts.query or parts.fragment:
        raise ValueError("calls go to paths below the address, so it cannot end in ?... or #...: leave that out")
    return value


Address = Annotated[str | None, AfterValidator(_check_address)]


class Prices(ClosedModel):
    """The user's own price of a model; wins over the price table."""

    input: float = Field(ge=0, description="US dollars per million input tokens")
    output: float = Field(ge=0, description="US dollars per million output tokens")


class RoleSettings(ClosedModel):
    """Overrides for one role; unset values fall back to the teacher's."""

    model: str | None = Field(default=None, description="model name as the endpoint knows it")
    base_url: Address = Field(default=None, description="address of an OpenAI-compatible endpoint, up to /v1")
    api_key_env: str | None = Field(default=None, description="environment variable that holds the key")
    temperature: float | None = Field(default=None, ge=0, le=2, description="sampling temperature, 0 to 2")
    max_tokens: int | None = Field(default=None, ge=1, description="output tokens per reply at most")
    prices: Prices | None = Field(default=None, description="price of this role's model")
    batch: bool | None = Field(default=None, description="whether this role's calls are sent as batches")


class RolesSettings(ClosedModel):
    """Overrides per role."""

    analyst: RoleSettings = Field(default=RoleSettings(), description="overrides for the Analyst")
    generator: RoleSettings = Field(default=RoleSettings(), description="overrides for the Generator")
    labeler: RoleSettings = Field(default=RoleSettings(), description="overrides for the Labeler")


class LimitSettings(ClosedModel):
    """Quotas of an endpoint, and how long the run waits while it fails."""

    requests_per_minute: float | None = Field(default=None, gt=0, description="calls a minute at most, per address")
    tokens_per_minute: float | None = Field(
        default=None, gt=0, description="tokens a minute at most, read and written together, per address"
    )
    patience: float = Field(
        default=600.0,
        ge=0,
        description="seconds without any answer from an address that has worked before, until the run is parked",
    )


class TeacherSettings(ClosedModel):
    """The teacher: which model, where, and how hard to push it."""

    model: str = Field(
        default=REHEARSAL,
        description="model name, or an embedded teacher: 'rehearsal' (answers from a"
        " labelled corpus), 'recorded' (hands out what a language model once wrote)",
    )
    base_url: Address = Field(default=None, description="OpenAI-compatible endpoint up to /v1; none = OpenAI itself")
    api_key_env: str = Field(default="OPENAI_API_KEY", description="environment variable that holds the key")
    temperature: float | None = Field(default=None, ge=0, le=2, description="sampling temperature; none = the server's")
    max_tokens: int | None = Field(
        default=None, ge=1, description="output tokens per reply at most; none = the server's"
    )
    roles: RolesSettings = Field(default=RolesSettings(), description="overrides per role")
    concurrency: int = Field(
        default=8, ge=1, le=1024, description="calls in flight to one address at most, all roles together; falls on 429"
    )
    timeout: float = Field(
        default=300.0,
        gt=0,
        description="seconds until a whole reply must be there; each repeat of a late call gets twice as long, up to"
        " four times this",
    )
    retries: int = Field(
        default=4,
        ge=0,
        le=20,
        description="repeats of a call on 429, 5xx, time-out or broken connection, where the address has never answered"
        " or answers other calls meanwhile; else limits.patience decides",
    )
    limits: LimitSettings = Field(default=LimitSettings(), description="what the endpoint allows; patience with it")
    max_reprompts: int = Field(
        default=2, ge=0, le=10, description="times an unusable reply is asked again with the error"
    )
    prices: Prices | None = Field(default=None, description="price of the model; none = the price table, else unknown")
    batch: bool = Field(
        default=False,
        description="collect calls, upload them as batches and wait for the replies (24 hours at most), for a lower"
        " price; for addresses with /files and /batches",
    )
    batch_discount: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="price of a reply by batch as a share of its usual price; none = the price table's, else 0.5",
    )
    batch_tries: int = Field(
        default=2,
        ge=1,
        le=10,
        description="batches that a call enters if it fails in them; after that it is made directly, at the full price",
    )
    batch_poll: float = Field(
        default=15.0,
        ge=0.01,
        description="seconds until a batch is looked at again; each wait is half as long again as the last, up to five"
        " minutes",
    )

    def role(self, name: str) -> "RoleSettings":
        """The settings of one role, fallbacks filled in."""
        override: RoleSettings = getattr(self.roles, name)
        return RoleSettings(
            model=override.model or self.model,
            base_url=override.base_url or self.base_url,
            api_key_env=override.api_key_env or self.api_key_env,
            temperature=override.temperature if override.temperature is not None else self.temperature,
            max_tokens=override.max_tokens or self.max_tokens,
            prices=override.prices or (self.prices if override.model is None else None),
            batch=self.batch if override.batch is None else override.batch,
        )

    def batch_roles(self) -> tuple[str, ...]:
        """The roles whose calls are sent as batches."""
        return tuple(name for name in RolesSettings.model_fields if self.role(name).batch)

    def batch_keys(self, roles: Collection[str] | None = None) -> tuple[str, ...]:
        """The settings that send calls as batches: to turn these off is to make all calls directly.

        Args:
            roles: only what concerns these roles; None: all.
        """
        asked = [name for name in self.batch_roles() if roles is None or name in roles]
        own = [name for name in asked if getattr(self.roles, name).batch]
        shared = ["teacher.batch"] if len(own) < len(asked) else []
        return (*shared, *(f"teacher.roles.{name}.batch" for name in own))

    def tell_without_batches(self, roles: Collection[str] | None = None) -> str:
        """Write the options that turn batches off, for these roles or for all."""
        return " ".join(f"--set {key}=false" for key in self.batch_keys(roles))

    def is_rehearsal(self) -> bool:
        """Whether the rehearsal teacher answers, in process."""
        return self.model == REHEARSAL and self.base_url is None

    def is_recorded(self) -> bool:
        """Whether a recorded language model answers, in process."""
        return self.model == RECORDED and self.base_url is None

    def is_embedded(self) -> bool:
        """Whether no language model is called: one of the two above answers."""
        return self.is_rehearsal() or self.is_recorded()
