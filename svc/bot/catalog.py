"""The models that the bot offers, read once from the file beside this one."""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass
from functools import cached_property
from importlib import resources


class CatalogError(Exception):
    """The catalog cannot be used; the message says which row and why."""


@dataclass(frozen=True)
class Model:
    """One model: where it comes from, its category ("image", "video", ...) and what it makes of what."""

    model_id: str
    title: str
    vendor: str
    category: str
    task: str
    inputs: str

    @cached_property
    def key(self) -> str:
        """Stands for the model in buttons and deep links: the same for as long as its id is."""
        return hashlib.sha256(self.model_id.encode()).hexdigest()[:8]


@dataclass(frozen=True)
class Catalog:
    """All models, in the order of the file."""

    models: tuple[Model, ...]

    def __len__(self) -> int:
        return len(self.models)

    @cached_property
    def categories(self) -> tuple[str, ...]:
        """The categories present, in the order in which they first appear."""
        return tuple(dict.fromkeys(model.category for model in self.models))

    @cached_property
    def vendors(self) -> tuple[str, ...]:
        """The vendors, by alphabet."""
        return tuple(sorted({model.vendor for model in self.models}, key=str.casefold))

    def by_key(self, key: str) -> Model | None:
        """The model with that key, or None if there is none (any more)."""
        return self._by_key.get(key)

    @cached_property
    def _by_key(self) -> dict[str, Model]:
        return {model.key: model for model in self.models}

    def in_category(self, category: str) -> tuple[Model, ...]:
        """The models of one category."""
        return tuple(model for model in self.models if model.category == category)

    def by_vendor(self, vendor: str) -> tuple[Model, ...]:
        """The models of one vendor."""
        return tuple(model for model in self.models if model.vendor == vendor)


def load_catalog() -> Catalog:
    """Read models.csv; raises CatalogError if a row is incomplete or an id comes twice."""
    text = resources.files("svc.bot").joinpath("models.csv").read_text("utf-8")
    return parse_catalog(text)


def parse_catalog(text: str) -> Catalog:
    """The catalog in `text` (CSV with a header line); raises CatalogError."""
    models: dict[str, Model] = {}
    for number, row in enumerate(csv.DictReader(text.splitlines()), start=2):
        try:
            model = Model(**{str(name): value.strip() for name, value in row.items()})
        except (TypeError, AttributeError) as error:
            raise CatalogError(f"models.csv line {number}: its columns are not those of a model") from error
        if not all((model.model_id, model.title, model.vendor, model.category)):
            raise CatalogError(f"models.csv line {number}: an empty field")
        if model.model_id in models:
            raise CatalogError(f"models.csv line {number}: {model.model_id} comes twice")
        models[model.model_id] = model
    if not models:
        raise CatalogError("models.csv holds no model")
    return Catalog(tuple(models.values()))
