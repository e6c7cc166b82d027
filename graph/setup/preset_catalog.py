"""The shipped presets: where each loop was published, and where its settings differ from the defaults."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evokd.graph.setup.config_layers import PRESETS, build_settings, load_preset, read_yaml
from evokd.graph.setup.resume_check import flatten


@dataclass(frozen=True)
class Preset:
    """A published loop as it is shipped."""

    name: str
    source: str
    description: str
    differs: Mapping[str, tuple[Any, Any]]
    """Dotted key -> default and the preset's value."""

    def tell(self) -> dict[str, Any]:
        """Return it as JSON."""
        differs = {key: {"default": default, "preset": own} for key, (default, own) in self.differs.items()}
        return {"name": self.name, "source": self.source, "description": self.description, "differs": differs}


def list_presets() -> list[Preset]:
    """All presets, the default first, then by name."""
    default = flatten(build_settings([]).model_dump(mode="json"))
    names = sorted((path.stem for path in PRESETS.glob("*.yaml")), key=lambda name: (name != "evokd", name))
    return [_read(name, default) for name in names]


def _read(name: str, default: Mapping[str, Any]) -> Preset:
    head = read_yaml(PRESETS / f"{name}.yaml")
    own = flatten(build_settings([load_preset(name)]).model_dump(mode="json"))
    differs = {key: (default.get(key), value) for key, value in own.items() if value != default.get(key)}
    return Preset(name, head["source"], " ".join(head["description"].split()), differs)
