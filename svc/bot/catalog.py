"""The models that the bot offers and what each takes, read once from the two files beside this one."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from importlib import resources
from typing import Literal, TypeVar, get_args

FieldKind = Literal[
    "text", "image", "images", "video", "videos", "audio", "audios", "choice", "flag", "integer", "number", "string"
]
JsonType = Literal["string", "integer", "number", "boolean", "array"]
Part = Literal["prompt", "image", "video", "audio"]
Value = str | int | float | bool

KEY_LENGTH = 8

_T = TypeVar("_T")
_Word = TypeVar("_Word", bound=str)

# What a model makes its result of (the column `inputs`), by the kinds of fields that can take it.
_PARTS: Mapping[Part, tuple[FieldKind, ...]] = {
    "image": ("image", "images"),
    "video": ("video", "videos"),
    "audio": ("audio", "audios"),
    "prompt": ("text",),
}
_MEDIA: Mapping[FieldKind, Part] = {kind: part for part, kinds in _PARTS.items() if part != "prompt" for kind in kinds}
_SEVERAL = frozenset[FieldKind]({"images", "videos", "audios"})
_MODEL_COLUMNS = ("model_id", "title", "vendor", "category", "task", "inputs")
_TRUTHS = {"true": True, "false": False}


class CatalogError(Exception):
    """The catalog cannot be used; the message says which line of which file and why."""


@dataclass(frozen=True)
class Field:
    """One thing that a model takes.

    `choices` are all that it accepts, in its JSON type (empty: anything). `default` is what it takes if it is not
    told. `limit` counts characters of a text and files of a list. A media kind in the plural takes a list.
    """

    name: str
    kind: FieldKind
    json_type: JsonType
    required: bool = False
    choices: tuple[Value, ...] = ()
    default: Value | None = None
    limit: int | None = None
    minimum: float | None = None
    maximum: float | None = None

    @property
    def media(self) -> Part | None:
        """What kind of file it takes; None if it takes no files."""
        return _MEDIA.get(self.kind)

    @property
    def several(self) -> bool:
        """Whether it takes a list of files."""
        return self.kind in _SEVERAL

    @property
    def preset(self) -> Value | None:
        """What it has until somebody chooses: its default, or something sensible where the model must be told.

        A seed is left to the model: with the same one for all, nobody would ever get a second picture.
        """
        if self.name == "seed":
            return None
        if self.default is not None or not self.required:
            return self.default
        if self.choices:
            return "16:9" if "16:9" in self.choices else self.choices[0]
        return False if self.kind == "flag" else None


@dataclass(frozen=True)
class Model:
    """One model: where it comes from, its category ("image", "video", ...) and what it makes of what."""

    model_id: str
    title: str
    vendor: str
    category: str
    task: str
    inputs: str
    fields: tuple[Field, ...] = ()

    @cached_property
    def key(self) -> str:
        """A short name for buttons and links, that stays the same whatever else becomes of the catalog."""
        return hashlib.sha256(self.model_id.encode()).hexdigest()[:KEY_LENGTH]

    @cached_property
    def needed(self) -> tuple[Field, ...]:
        """What a person has to give: a field for each of `inputs`, files first, the text last."""
        parts = self.inputs.split("+")
        found = (_first_of(self.fields, kinds) for part, kinds in _PARTS.items() if part in parts)
        return tuple(field for field in found if field is not None)

    @cached_property
    def options(self) -> tuple[Field, ...]:
        """All that a person may choose besides."""
        return tuple(field for field in self.fields if field not in self.needed)

    @property
    def prompt(self) -> Field | None:
        """The field for what a person writes, if it takes a text."""
        return next((field for field in self.needed if field.kind == "text"), None)

    def field(self, name: str) -> Field | None:
        """The field of this name."""
        return next((field for field in self.fields if field.name == name), None)


@dataclass(frozen=True, eq=False)
class Catalog:
    """All models, in the order of the file. One is equal to itself only, which makes it cheap to look up."""

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

    @cached_property
    def _by_key(self) -> Mapping[str, Model]:
        return {model.key: model for model in self.models}

    def in_category(self, category: str) -> tuple[Model, ...]:
        """The models of one category."""
        return tuple(model for model in self.models if model.category == category)

    def by_vendor(self, vendor: str) -> tuple[Model, ...]:
        """The models of one vendor."""
        return tuple(model for model in self.models if model.vendor == vendor)

    def by_key(self, key: str) -> Model | None:
        """The model with this `Model.key`, or None if it is not offered (any more)."""
        return self._by_key.get(key)


def load_catalog() -> Catalog:
    """Read models.csv and model_fields.csv; raises CatalogError."""
    files = resources.files("svc.bot")
    return parse_catalog(
        files.joinpath("models.csv").read_text("utf-8"), files.joinpath("model_fields.csv").read_text("utf-8")
    )


def parse_catalog(models_csv: str, fields_csv: str | None = None) -> Catalog:
    """The catalog in two texts (CSV with a header line); raises CatalogError.

    Without the second the models take nothing: they can be shown, and not used.
    """
    models = _parse_models(models_csv)
    if not models:
        raise CatalogError("models.csv holds no model")
    if len({model.key for model, _ in models.values()}) < len(models):
        raise CatalogError("models.csv: two models have the same key")
    if fields_csv is None:
        return Catalog(tuple(model for model, _ in models.values()))
    fields = _parse_fields(fields_csv, models)
    return Catalog(
        tuple(_usable(replace(model, fields=fields.get(model.model_id, ())), line) for model, line in models.values())
    )


def _parse_models(text: str) -> dict[str, tuple[Model, int]]:
    models: dict[str, tuple[Model, int]] = {}
    for number, row in _rows(text):
        try:
            model_id, title, vendor, category, task, inputs = (row.pop(name).strip() for name in _MODEL_COLUMNS)
        except (KeyError, AttributeError) as error:
            raise CatalogError(f"models.csv line {number}: its columns are not those of a model") from error
        if row:
            raise CatalogError(f"models.csv line {number}: its columns are not those of a model")
        model = Model(model_id, title, vendor, category, task, inputs)
        if not all((model.model_id, model.title, model.vendor, model.category)):
            raise CatalogError(f"models.csv line {number}: an empty field")
        if model.model_id in models:
            raise CatalogError(f"models.csv line {number}: {model.model_id} comes twice")
        models[model.model_id] = model, number
    return models


def _usable(model: Model, line: int) -> Model:
    """The model, if everything that it must be told can be asked for."""
    for part in model.inputs.split("+"):
        kinds = next((kinds for name, kinds in _PARTS.items() if name == part), None)
        if kinds is None:
            raise CatalogError(f"models.csv line {line}: {part!r} is no input")
        if _first_of(model.fields, kinds) is None:
            raise CatalogError(f"models.csv line {line}: model_fields.csv has no field for the {part}")
    for field in model.options:
        if field.required and field.preset is None:
            raise CatalogError(
                f"models.csv line {line}: its field {field.name} is required, and nobody is asked for it"
            )
    return model


def _parse_fields(text: str, models: Mapping[str, object]) -> dict[str, tuple[Field, ...]]:
    """The fields of each model, by its id."""
    fields: dict[str, tuple[Field, ...]] = {}
    for number, row in _rows(text):
        try:
            model_id = row.pop("model_id").strip()
            field = _parse_field({name: value.strip() for name, value in row.items()})
        except (AttributeError, KeyError) as error:
            raise CatalogError(f"model_fields.csv line {number}: its columns are not those of a field") from error
        except ValueError as error:
            raise CatalogError(f"model_fields.csv line {number}: {error}") from error
        if model_id not in models:
            raise CatalogError(f"model_fields.csv line {number}: there is no model {model_id}")
        present = fields.get(model_id, ())
        if any(other.name == field.name for other in present):
            raise CatalogError(f"model_fields.csv line {number}: {field.name} comes twice")
        if not _says_the_same(field, present):
            fields[model_id] = (*present, field)
    return fields


def _parse_field(row: Mapping[str, str]) -> Field:
    """One row; raises ValueError with what is wrong, KeyError where a column is missing."""
    if not row["field"]:
        raise ValueError("an empty name")
    json_type: JsonType = _one_of(get_args(JsonType), row["json_type"])
    choices = row["choices"]
    field = Field(
        name=row["field"],
        kind=_one_of(get_args(FieldKind), row["kind"]),
        json_type=json_type,
        required=_one_of(("yes", ""), row["required"]) == "yes",
        choices=tuple(to_json_type(choice, json_type) for choice in choices.split("|")) if choices else (),
        default=_optional(row["default"], lambda text: to_json_type(text, json_type)),
        limit=_optional(row["limit"], int),
        minimum=_optional(row["minimum"], float),
        maximum=_optional(row["maximum"], float),
    )
    if (field.json_type == "array") is not field.several:
        raise ValueError(f"the kind {field.kind} is not of the type {field.json_type}")
    if (field.json_type == "boolean") is not (field.kind == "flag"):
        raise ValueError(f"the kind {field.kind} is not of the type {field.json_type}")
    if field.choices and field.default is not None and field.default not in field.choices:
        raise ValueError(f"the default {field.default} is none of the choices")
    return field


def to_json_type(text: str, json_type: JsonType) -> Value:
    """What `text` stands for; raises ValueError if it stands for nothing of this type."""
    match json_type:
        case "integer":
            return int(text)
        case "number":
            number = float(text)
            return int(number) if number.is_integer() else number
        case "boolean":
            return _TRUTHS[_one_of(tuple(_TRUTHS), text)]
        case "string":
            return text
        case "array":
            raise ValueError("a list has neither choices nor a default")


def _says_the_same(field: Field, present: Iterable[Field]) -> bool:
    """Whether an optional choice repeats another under a second name: only one of them may be told to the model."""
    return not field.required and bool(field.choices) and any(other.choices == field.choices for other in present)


def _first_of(fields: Iterable[Field], kinds: tuple[FieldKind, ...]) -> Field | None:
    """The first field of one of these kinds, those first that are required."""
    fitting = sorted((field for field in fields if field.kind in kinds), key=lambda field: not field.required)
    return fitting[0] if fitting else None


def _rows(text: str) -> Iterable[tuple[int, dict[str, str]]]:
    return enumerate(csv.DictReader(text.splitlines()), start=2)


def _optional(text: str, parse: Callable[[str], _T]) -> _T | None:
    return parse(text) if text else None


def _one_of(allowed: tuple[_Word, ...], text: str) -> _Word:
    for each in allowed:
        if each == text:
            return each
    raise ValueError(f"{text!r} is none of {', '.join(repr(each) for each in allowed)}")
