"""The catalogue: fifty models, what each takes, and what is said about a file that cannot be used."""

from __future__ import annotations

import pytest

from svc.bot.catalog import KEY_LENGTH, CatalogError, Field, Model, load_catalog, parse_catalog
from svc.bot.create.draft import Draft, input_of, missing
from svc.bot.create.values import Unfit, check_input, check_value, offered, read_value
from svc.bot.texts import ENGLISH, RUSSIAN, Texts

CATALOG = load_catalog()
MODELS = "model_id,title,vendor,category,task,inputs"
FIELDS = "model_id,field,kind,json_type,required,choices,default,limit,minimum,maximum"
ONE = f"{MODELS}\na,A,V,image,text-to-image,prompt"


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([], "no model"),
        (["a,A,V,image,t"], "line 2: its columns"),
        (["a,A,V,image,t,p,more"], "line 2: its columns"),
        (["a,A,V,image,t,p", ",B,V,image,t,p"], "line 3: an empty field"),
        (["a, ,V,image,t,p"], "line 2: an empty field"),
        (["a,A,,image,t,p"], "line 2: an empty field"),
        (["a,A,V,,t,p"], "line 2: an empty field"),
        (["a,A,V,image,t,p", "b,B,V,image,t,p", "a,C,V,image,t,p"], "line 4: a comes twice"),
    ],
)
def test_a_bad_row_is_named(rows: list[str], reason: str) -> None:
    """CatalogError says which line and why."""
    with pytest.raises(CatalogError, match=reason):
        parse_catalog("\n".join([MODELS, *rows]))


def test_another_header_is_refused() -> None:
    """A file of other columns is no catalogue, of models or of fields."""
    with pytest.raises(CatalogError, match="columns"):
        parse_catalog("id,name\na,b")
    with pytest.raises(CatalogError, match="columns"):
        parse_catalog(ONE, "model_id,name\na,b")


def test_a_good_row_is_trimmed() -> None:
    """Spaces around a field do not count."""
    (model,) = parse_catalog(f'{MODELS}\n a ,"A, B" , V ,image,t,p').models
    assert (model.model_id, model.title, model.vendor) == ("a", "A, B", "V")


def test_every_model_is_in_one_category_and_with_one_maker() -> None:
    """Both ways of looking lead to all of them."""
    by_category = [model for name in CATALOG.categories for model in CATALOG.in_category(name)]
    by_vendor = [model for name in CATALOG.vendors for model in CATALOG.by_vendor(name)]
    assert len(by_category) == len(by_vendor) == 50
    assert set(by_category) == set(by_vendor) == set(CATALOG.models)
    assert CATALOG.categories == ("image", "video", "audio", "enhance", "avatar")
    assert list(CATALOG.vendors) == sorted(CATALOG.vendors, key=str.casefold)


def parse_fields(*rows: str) -> Field:
    """The last of the fields in `rows`, of the one model "a"."""
    return parse_catalog(ONE, "\n".join([FIELDS, *rows])).models[0].fields[-1]


def test_there_are_fifty_models_with_keys_of_their_own() -> None:
    """The number that the greeting names; the keys fit into buttons and links."""
    assert len(CATALOG) == len({model.key for model in CATALOG.models}) == 50
    for model in CATALOG.models:
        assert len(model.key) == KEY_LENGTH
        assert model.key.isalnum()
        assert CATALOG.by_key(model.key) is model
    assert CATALOG.by_key("nobody") is None


def test_a_key_depends_on_the_id_alone() -> None:
    """Buttons of today still work when the catalogue has become another one."""
    other = parse_catalog(f"{MODELS}\nz-image,Other,Else,video,x,y")
    assert other.models[0].key == next(m for m in CATALOG.models if m.model_id == "z-image").key == "7ac6429f"


@pytest.mark.parametrize("model", CATALOG.models, ids=lambda model: model.model_id)
def test_what_a_model_needs_makes_a_valid_input(model: Model) -> None:
    """Of every model: give what is asked for, and the presets do the rest."""
    draft = Draft(1, model.key)
    assert model.needed
    while (field := missing(model, draft)) is not None:
        file = {"file_id": "f"}
        value = "a fox" if field.media is None else [file] if field.several else file
        draft = Draft(1, model.key, {**draft.given, field.name: value})
    given = input_of(model, draft)
    check_input(model, given)
    types = {"string": str, "integer": int, "number": int | float, "boolean": bool, "array": list}
    for name, value in given.items():
        field = model.field(name)
        assert field is not None
        if field.media is None:
            assert isinstance(value, types[field.json_type])
            assert isinstance(value, bool) is (field.json_type == "boolean")
    assert {field.name for field in model.fields if field.required} <= given.keys()
    assert "seed" not in given


@pytest.mark.parametrize("model", CATALOG.models, ids=lambda model: model.model_id)
def test_every_value_on_a_button_is_one_that_the_model_takes(model: Model) -> None:
    """Choices, flags and steps of numbers; each typed in words is read as the same value."""
    for field in model.options:
        if field.media is None and field.preset is not None:
            check_value(field, field.preset)
        for value in offered(field):
            check_value(field, value)
            if field.kind != "flag":
                read = read_value(field, str(value))
                assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize("texts", [ENGLISH, RUSSIAN], ids=["en", "ru"])
def test_everything_has_a_name_in_both_languages(texts: Texts) -> None:
    """Fields, and choices that are words."""
    for model in CATALOG.models:
        for field in model.fields:
            assert field.name in texts.creating.fields
            for choice in field.choices:
                plain = str(choice)[0].isdigit() or field.name == "output_format"
                assert plain or choice in texts.creating.values


def test_an_option_under_two_names_is_offered_once() -> None:
    """One model takes its aspect ratio under a second name as well: telling both would contradict."""
    edit = next(model for model in CATALOG.models if model.model_id == "google/nano-banana-edit")
    assert edit.field("aspect_ratio") is not None
    assert edit.field("image_size") is None
    assert sum(len(model.fields) for model in CATALOG.models) == 232


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ("a,prompt,text,string,yes,,,100,,", Field("prompt", "text", "string", True, limit=100)),
        ("a,p,text,string,yes,,,,,\na,n,choice,integer,,1|2,2,,,", Field("n", "choice", "integer", False, (1, 2), 2)),
        (
            "a,p,text,string,yes,,,,,\na,n,choice,string,,1|2,2,,,",
            Field("n", "choice", "string", False, ("1", "2"), "2"),
        ),
        ("a,p,text,string,yes,,,,,\na,n,flag,boolean,,,true,,,", Field("n", "flag", "boolean", False, (), True)),
        (
            "a,p,text,string,yes,,,,,\na,n,number,number,,,0.5,,0,1",
            Field("n", "number", "number", False, (), 0.5, None, 0.0, 1.0),
        ),
    ],
)
def test_a_field_is_read_in_its_json_type(row: str, field: Field) -> None:
    """A duration is a string for one model and a number for another."""
    assert parse_fields(row) == field


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([], "models.csv line 2: model_fields.csv has no field for the prompt"),
        (["b,prompt,text,string,yes,,,,,"], "line 2: there is no model b"),
        (["a,,text,string,yes,,,,,"], "line 2: an empty name"),
        (["a,prompt,text,string"], "line 2: its columns"),
        (["a,prompt,text,string,yes,,,,,,more"], "line 2: its columns"),
        (["a,prompt,words,string,yes,,,,,"], "line 2: 'words' is none of"),
        (["a,prompt,text,letters,yes,,,,,"], "line 2: 'letters' is none of"),
        (["a,prompt,text,string,maybe,,,,,"], "line 2: 'maybe' is none of"),
        (["a,prompt,text,string,yes,,,many,,"], "line 2: invalid literal"),
        (["a,n,choice,integer,,1|two,,,,"], "line 2: invalid literal"),
        (["a,n,choice,string,,1|2,3,,,"], "line 2: the default 3 is none"),
        (["a,n,flag,boolean,,,perhaps,,,"], "line 2: 'perhaps' is none of"),
        (["a,n,flag,string,,,,,,"], "line 2: the kind flag is not of the type string"),
        (["a,n,images,string,,,,,,"], "line 2: the kind images is not of the type string"),
        (["a,p,text,string,,,,,,", "a,p,text,string,,,,,,"], "line 3: p comes twice"),
        (["a,p,text,string,,,,,,", "a,n,integer,integer,yes,,,,,"], "models.csv line 2: its field n is required"),
    ],
)
def test_a_field_that_cannot_be_used_is_named(rows: list[str], reason: str) -> None:
    """CatalogError says which line and why: at the start, not when somebody presses Create."""
    with pytest.raises(CatalogError, match=reason):
        parse_catalog(ONE, "\n".join([FIELDS, *rows]))


def test_an_input_that_nobody_knows_is_named() -> None:
    """What a model makes its results of has to be something that people can send."""
    with pytest.raises(CatalogError, match=r"models\.csv line 2: 'smell' is no input"):
        parse_catalog(f"{MODELS}\na,A,V,image,t,smell", FIELDS)


@pytest.mark.parametrize(
    ("field", "text", "value"),
    [
        (Field("duration", "string", "string"), "5", "5"),
        (Field("duration", "string", "string"), " 7.0 ", "7"),
        (Field("n", "integer", "integer"), "3", 3),
        (Field("cfg_scale", "number", "number", minimum=0, maximum=1), "0,5", 0.5),
        (Field("cfg_scale", "number", "number", minimum=0, maximum=1), "1", 1),
        (Field("style", "choice", "string", choices=("AUTO", "DESIGN")), "design", "DESIGN"),
        (Field("duration", "choice", "integer", choices=(4, 5)), "5", 5),
        (Field("prompt", "text", "string"), "  a fox  ", "a fox"),
    ],
)
def test_what_is_typed_becomes_the_fields_value(field: Field, text: str, value: object) -> None:
    """In its JSON type, with a comma or a point, in capitals or not."""
    read = read_value(field, text)
    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize(
    ("field", "text", "reason"),
    [
        (Field("duration", "string", "string"), "long", "no_number"),
        (Field("duration", "string", "string"), "5.5", "no_number"),
        (Field("duration", "string", "string"), "1000", "out_of_range"),
        (Field("n", "integer", "integer"), "nan", "out_of_range"),
        (Field("n", "integer", "integer"), "1e300", "out_of_range"),
        (Field("seed", "integer", "integer"), "-1", "out_of_range"),
        (Field("cfg_scale", "number", "number", minimum=0, maximum=1), "1.1", "out_of_range"),
        (Field("style", "choice", "string", choices=("AUTO",)), "baroque", "no_choice"),
        (Field("prompt", "text", "string", limit=3), "four", "too_long"),
        (Field("language_code", "string", "string"), "x" * 501, "too_long"),
        (Field("prompt", "text", "string"), "   ", "missing"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_reason(field: Field, text: str, reason: str) -> None:
    """The reason is what the person is told."""
    with pytest.raises(Unfit) as refused:
        read_value(field, text)
    assert refused.value.reason == reason


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({}, "missing"),
        ({"prompt": "a", "resolution": "720p"}, "missing"),
        ({"prompt": "a", "image_url": "http://x"}, "wrong_kind"),
        ({"prompt": "a", "image_url": {"file_id": "f", "url": "u"}}, "wrong_kind"),
        ({"prompt": "a", "image_url": {"file_id": "f"}, "resolution": "8K"}, "no_choice"),
        ({"prompt": "a", "image_url": {"file_id": "f"}, "resolution": True}, "no_choice"),
        ({"prompt": 5, "image_url": {"file_id": "f"}}, "wrong_kind"),
        ({"prompt": "a", "image_url": {"file_id": "f"}, "colour": "red"}, "unknown"),
    ],
)
def test_an_input_that_the_model_does_not_take_is_found(given: dict[str, object], reason: str) -> None:
    """Before anything is sent to a provider."""
    model = next(m for m in CATALOG.models if m.model_id == "bytedance/v1-pro-fast-image-to-video")
    with pytest.raises(Unfit) as refused:
        check_input(model, given)
    assert refused.value.reason == reason


def test_a_list_of_files_has_its_limit() -> None:
    """As many as the field takes, and at least one."""
    model = next(m for m in CATALOG.models if m.model_id == "kling-2.6/image-to-video")
    field = model.field("image_urls")
    assert field is not None
    check_value(field, [{"file_id": "f"}])
    for value, reason in (([], "missing"), ([{"file_id": "f"}] * 2, "too_many"), ({"file_id": "f"}, "missing")):
        with pytest.raises(Unfit) as refused:
            check_value(field, value)
        assert refused.value.reason == reason
