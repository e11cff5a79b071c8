"""Settings: defaults, good and bad values, every fault named, no secret shown."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest

from svc.handler.known import MOST_JOBS
from svc.settings.documents import env_example, help_text, readme_table, with_table
from svc.settings.environment import Settings, SettingsError, load_settings
from svc.settings.table import REQUIRED, SETTINGS

ROOT = Path(__file__).parent.parent
TOKEN = "123456:ABC-def_1234567890abcdefghij"
MINIMUM = {"BOT_TOKEN": TOKEN, "DATABASE_URL": "postgresql://svc:pa%40ss@db/svc", "WEBHOOK_SECRET": "hook-secret"}


def load(**values: str) -> Settings:
    return load_settings({**MINIMUM, **values}, dotenv=None)


def faults(**values: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load(**values)
    assert str(caught.value) == "; ".join(caught.value.faults)
    assert all(len(fault.splitlines()) == 1 for fault in caught.value.faults)
    return caught.value.faults


def test_the_required_settings_are_enough() -> None:
    """Everything else has its documented default."""
    settings = load()
    assert settings.bot_token == TOKEN
    assert settings.bot_id == 123456
    assert settings.database_url == settings.leader_database_url == MINIMUM["DATABASE_URL"]
    assert settings.webhook_secret == "hook-secret"
    assert (settings.webhook_url, settings.host, settings.port, settings.log_format) == (None, None, None, None)
    assert settings.telegram_api_root == "https://api.telegram.org"
    assert (settings.workers, settings.passive_hold, settings.drain_timeout) == (16, 30, 20)
    assert (settings.lease, settings.linger) == (3, 0)
    assert (settings.in_doubt, settings.in_doubt_fallback, settings.log_level) == ("verify", "resend", "info")


def test_what_cannot_be_told_follows_a_policy_of_its_own() -> None:
    """IN_DOUBT_FALLBACK where it is looked for first; without looking IN_DOUBT itself says it."""
    assert load(IN_DOUBT_FALLBACK="skip").fallback == "skip"
    assert load(IN_DOUBT="resend", IN_DOUBT_FALLBACK="skip").fallback == "resend"
    assert load(IN_DOUBT="skip").fallback == "skip"


def test_every_process_gets_a_label_of_its_own() -> None:
    """INSTANCE_ID has a default that differs from one start to the next."""
    assert load().instance_id != load().instance_id
    assert load(INSTANCE_ID="one").instance_id == "one"


GOOD: list[tuple[str, str, str, Any]] = [
    ("BOT_TOKEN", f"  {TOKEN}\n", "bot_token", TOKEN),
    ("DATABASE_URL", "postgres://a:1,b:2/db?target_session_attrs=any", "database_url", None),
    ("LEADER_DATABASE_URL", "postgresql://direct/db", "leader_database_url", None),
    ("WEBHOOK_SECRET", "A-z_0" * 51, "webhook_secret", None),
    ("WEBHOOK_URL", "https://bot.example/webhook", "webhook_url", None),
    *(("WEBHOOK_URL", f"https://bot.example:{port}/webhook", "webhook_url", None) for port in (443, 80, 88, 8443)),
    ("TELEGRAM_API_ROOT", "http://127.0.0.1:8081/", "telegram_api_root", "http://127.0.0.1:8081"),
    ("HOST", "127.0.0.1", "host", "127.0.0.1"),
    ("HOST", "::1", "host", "::1"),
    ("HOST", "[::1]", "host", "::1"),
    ("HOST", "::", "host", "::"),
    ("HOST", "localhost", "host", "localhost"),
    ("HOST", "Pod-7.svc.cluster.local", "host", None),
    ("PORT", "1", "port", 1),
    ("PORT", "65535", "port", 65535),
    ("WORKERS", "1", "workers", 1),
    ("WORKERS", "1000", "workers", 1000),
    ("PASSIVE_HOLD", "0", "passive_hold", 0.0),
    ("PASSIVE_HOLD", "2.5", "passive_hold", 2.5),
    ("DRAIN_TIMEOUT", "3600", "drain_timeout", 3600.0),
    ("LEASE", "1", "lease", 1.0),
    ("LEASE", "60", "lease", 60.0),
    ("LINGER", "10", "linger", 10.0),
    ("IN_DOUBT", "SKIP", "in_doubt", "skip"),
    ("IN_DOUBT", "resend", "in_doubt", "resend"),
    ("IN_DOUBT", "verify", "in_doubt", "verify"),
    ("IN_DOUBT_FALLBACK", "skip", "in_doubt_fallback", "skip"),
    ("LOG_FORMAT", "Console", "log_format", "console"),
    ("LOG_FORMAT", "json", "log_format", "json"),
    ("LOG_LEVEL", "DEBUG", "log_level", "debug"),
    ("LOG_LEVEL", "error", "log_level", "error"),
    ("INSTANCE_ID", "pod-7 (blue)", "instance_id", None),
    ("INTAKE", "Polling", "intake", "polling"),
    ("DATABASE_URL", "postgresql:///svc?host=/run/postgresql", "database_url", None),
    ("DATABASE_URL", "postgresql://svc:p%2Fw%23@[::1]:5432,db.example,10.0.0.1:6432/svc", "database_url", None),
    ("DATABASE_URL", "postgresql://s.azure.com:5432/db?user=admin@srv&password=p@ss", "database_url", None),
    ("DATABASE_URL", "postgresql://admin%40srv:pw@s.azure.com/db?application_name=svc@prod", "database_url", None),
    ("DATABASE_URL", "postgresql://u:p@%2Fcloudsql%2F" + "x" * 70 + "%3Ae%3Adb/db", "database_url", None),
    ("TELEGRAM_API_ROOT", "HTTPS://api.telegram.org", "telegram_api_root", "https://api.telegram.org"),
    ("TELEGRAM_API_ROOT", "HTTP://LocalHost:8081/api/", "telegram_api_root", "http://LocalHost:8081/api"),
    ("WEBHOOK_URL", "HTTPS://Bot.Example/webhook?x=1", "webhook_url", "https://Bot.Example/webhook?x=1"),
    ("WEBHOOK_URL", "https://8.8.8.8:8443/webhook", "webhook_url", None),
    ("WEBHOOK_URL", "https://xn--80aswg.xn--p1ai/", "webhook_url", None),
    ("KIE_API_KEY", "0123-abcd", "kie_api_key", None),
    ("KIE_API_ROOT", "http://127.0.0.1:8090/", "kie_api_root", "http://127.0.0.1:8090"),
    ("KIE_WEBHOOK_KEY", "a+b/c==", "kie_webhook_key", None),
    ("PUBLIC_URL", "https://bot.example/prefix/", "public_url", "https://bot.example/prefix"),
    ("JOBS_PER_USER", "0", "jobs_per_user", 0),
    ("JOBS_PER_DAY", str(MOST_JOBS), "jobs_per_day", MOST_JOBS),
    ("KEEP_JOBS", "24", "keep_jobs", 24.0),
]


@pytest.mark.parametrize(("name", "text", "field", "value"), GOOD, ids=lambda value: str(value)[:20])
def test_good_values_are_taken(name: str, text: str, field: str, value: Any) -> None:
    """Spaces around a value do not count, nor does the case of a word."""
    assert getattr(load(**{name: text}), field) == (text if value is None else value)


def test_where_the_service_is_reached_follows_from_its_webhook() -> None:
    """PUBLIC_URL if it is set, else what stands before /webhook, if that holds no secret: providers are told it."""
    assert load().public_url is None
    assert load(WEBHOOK_URL="https://bot.example/webhook").public_url == "https://bot.example"
    assert load(WEBHOOK_URL="https://bot.example:8443/a/webhook").public_url == "https://bot.example:8443/a"
    assert (
        load(WEBHOOK_URL="https://bot.example/webhook", PUBLIC_URL="https://b.example").public_url
        == "https://b.example"
    )
    for url in (
        "https://bot.example/updates",
        "https://bot.example/webhook?x=1",
        f"https://bot.example/{TOKEN}/webhook",
        f"https://bot.example/{TOKEN.replace(':', '%3A')}/webhook",
        "https://bot.example/hook-secret/webhook",
    ):
        assert load(WEBHOOK_URL=url).public_url is None


BAD = [
    ("KIE_API_KEY", "hunter2 with spaces"),
    ("KIE_API_KEY", "ключ-hunter2"),
    ("KIE_WEBHOOK_KEY", "hunter2\x7f"),
    ("KIE_API_ROOT", "kie.example"),
    ("PUBLIC_URL", "bot.example"),
    ("PUBLIC_URL", "https://bot.example/?x=1"),
    ("JOBS_PER_USER", "-1"),
    ("JOBS_PER_USER", str(MOST_JOBS + 1)),
    ("JOBS_PER_DAY", "many"),
    # A bot is not shown more jobs than that, so it could not keep to the limit.
    ("JOBS_PER_DAY", str(MOST_JOBS + 1)),
    ("KEEP_JOBS", "23"),
    ("BOT_TOKEN", "my-token"),
    ("BOT_TOKEN", "654321"),
    ("BOT_TOKEN", "654321:short"),
    ("BOT_TOKEN", TOKEN + "/getMe"),
    ("BOT_TOKEN", "١٢٣:ABC-def_1234567890abcdefghij"),
    ("DATABASE_URL", "mysql://svc:hunter2@db/svc"),
    ("DATABASE_URL", "db.example:5432"),
    ("DATABASE_URL", "postgresql://svc:hunter2@[::1/db"),
    ("DATABASE_URL", "postgresql://svc:hunter2@ℂ℀.example/db"),
    ("LEADER_DATABASE_URL", "http://svc:hunter2@db"),
    *(
        ("DATABASE_URL", f"postgresql://{rest}")
        for rest in (
            "svc:hunter2/x@db/svc",
            "svc:hunter2#x@db/svc",
            "svc:hunter2?x@db/svc",
            "svc:12/hunter2@db/svc",
            "svc:hunter2@word@db/svc",
            "admin@srv:hunter2@db/svc",
            "svc:hunter2@db:port/svc",
            "svc:hunter2@db:99999/svc",
            "svc:hunter2@a..b/svc",
            "svc:hunter2@db,db:x/svc",
        )
    ),
    ("WEBHOOK_SECRET", "hunter2 with spaces"),
    ("WEBHOOK_SECRET", "h" * 257),
    ("WEBHOOK_SECRET", "пароль-hunter2"),
    ("WEBHOOK_URL", "http://bot.example/webhook"),
    ("WEBHOOK_URL", "https://"),
    ("WEBHOOK_URL", "https://[bot/webhook"),
    ("WEBHOOK_URL", "bot.example"),
    ("WEBHOOK_URL", "https://bot.example:8080/webhook"),
    ("WEBHOOK_URL", "https://bot.example:port/webhook"),
    ("WEBHOOK_URL", "https://bot.example/web hook"),
    ("WEBHOOK_URL", "https://bot.example/вебхук"),
    *(
        ("WEBHOOK_URL", f"https://{host}/webhook")
        for host in (
            "127.0.0.1",
            "10.0.0.5:8443",
            "192.168.1.7",
            "169.254.1.1",
            "[::1]",
            "[2001:4860:4860::8888]",
            "999.1.1.1",
            "localhost",
            "bot",
            "bot.local",
            "svc.internal",
            ".example",
            "a..b",
            "-.example",
            "bot.example\\x",
        )
    ),
    ("TELEGRAM_API_ROOT", "api.telegram.org"),
    ("TELEGRAM_API_ROOT", "ftp://api.telegram.org"),
    ("TELEGRAM_API_ROOT", "http://"),
    ("TELEGRAM_API_ROOT", "http://api.telegram.org"),
    ("TELEGRAM_API_ROOT", "http://a..b"),
    ("TELEGRAM_API_ROOT", "http://256.1.1.1:8081"),
    ("TELEGRAM_API_ROOT", "http://" + "a" * 64),
    ("TELEGRAM_API_ROOT", "http://127.0.0.1\x01"),
    ("TELEGRAM_API_ROOT", "https://api.example/?x=1"),
    ("TELEGRAM_API_ROOT", "https://api.example/#x"),
    ("HOST", "256.1.1.1"),
    ("HOST", "127.0.0.1:8080"),
    ("HOST", "[::1]:8080"),
    ("HOST", "http://localhost"),
    ("HOST", "a..b"),
    ("HOST", "-a"),
    ("HOST", "a b"),
    ("HOST", "a." * 126 + "abc"),
    ("PORT", "0"),
    ("PORT", "65536"),
    ("PORT", "80.5"),
    ("PORT", "http"),
    ("WORKERS", "0"),
    ("WORKERS", "1001"),
    ("WORKERS", "-1"),
    ("WORKERS", "1e2"),
    ("PASSIVE_HOLD", "-1"),
    ("PASSIVE_HOLD", "nan"),
    ("PASSIVE_HOLD", "inf"),
    ("PASSIVE_HOLD", "3601"),
    ("DRAIN_TIMEOUT", "soon"),
    ("LEASE", "0.9"),
    ("LEASE", "61"),
    ("LINGER", "601"),
    ("IN_DOUBT", "maybe"),
    ("IN_DOUBT_FALLBACK", "verify"),
    ("LOG_FORMAT", "xml"),
    ("LOG_LEVEL", "loud"),
    ("LOG_LEVEL", "critical"),
    ("INSTANCE_ID", "x" * 101),
    ("INSTANCE_ID", "a\tb"),
    ("INTAKE", "pigeon"),
]


@pytest.mark.parametrize(("name", "text"), BAD)
def test_a_bad_value_is_named(name: str, text: str) -> None:
    """One line that begins with the setting's name; a secret's own text is not in it."""
    (fault,) = faults(**{name: text})
    assert fault.startswith(f"{name} ")
    if name in {"BOT_TOKEN", "DATABASE_URL", "LEADER_DATABASE_URL", "WEBHOOK_SECRET"}:
        assert text not in fault
        assert "hunter2" not in fault


def test_a_server_of_ones_own_delivers_to_any_port() -> None:
    """With another TELEGRAM_API_ROOT than Telegram's, http and any port will do; what is no address still will not."""
    local = {"TELEGRAM_API_ROOT": "http://127.0.0.1:8081"}
    assert load(**local, WEBHOOK_URL="http://127.0.0.1:8080/webhook").webhook_url == "http://127.0.0.1:8080/webhook"
    (fault,) = faults(**local, WEBHOOK_URL="ftp://127.0.0.1/")
    assert fault.startswith("WEBHOOK_URL ")


def test_polling_needs_no_secret_but_setting_the_webhook_does() -> None:
    """INTAKE=polling lets nobody in at /webhook; `svc webhook set` would set one that anybody may send to."""
    values = {**MINIMUM, "INTAKE": "polling", "WEBHOOK_SECRET": "", "WEBHOOK_URL": "https://bot.example/"}
    assert load_settings(values, dotenv=None).intake == "polling"
    with pytest.raises(SettingsError) as caught:
        load_settings(values, dotenv=None, required=("BOT_TOKEN", "WEBHOOK_URL", "WEBHOOK_SECRET"))
    assert caught.value.faults == ["WEBHOOK_SECRET is not set"]


def test_every_fault_is_named_at_once() -> None:
    """An operator learns of all that is wrong from one start."""
    found = faults(BOT_TOKEN="x", PORT="x", WORKERS="x", LOG_LEVEL="x", WEBHOOK_SECRET="")
    assert [fault.split()[0] for fault in found] == ["BOT_TOKEN", "WEBHOOK_SECRET", "PORT", "WORKERS", "LOG_LEVEL"]


@pytest.mark.parametrize("name", REQUIRED)
@pytest.mark.parametrize("value", ["", "   "])
def test_an_empty_required_setting_is_missing(name: str, value: str) -> None:
    """Set to nothing is not set."""
    assert faults(**{name: value}) == [f"{name} is not set"]


def test_an_empty_optional_setting_has_its_default() -> None:
    """Compose files set what they leave open to nothing."""
    assert load(PORT="", WORKERS=" ", WEBHOOK_URL="").workers == 16


def test_a_command_names_what_it_needs() -> None:
    """`required` is the whole of what must be set; what is set is checked all the same."""
    settings = load_settings({"DATABASE_URL": "postgresql://db"}, dotenv=None, required=("DATABASE_URL",))
    assert (settings.bot_token, settings.webhook_secret) == ("", "")
    assert load_settings({}, dotenv=None, required=()).database_url == ""
    with pytest.raises(SettingsError) as caught:
        load_settings({"BOT_TOKEN": "x"}, dotenv=None, required=("DATABASE_URL",))
    assert [fault.split()[0] for fault in caught.value.faults] == ["BOT_TOKEN", "DATABASE_URL"]


def test_the_environment_beats_the_file(tmp_path: Path) -> None:
    """.env fills in what the environment leaves open."""
    file = tmp_path / ".env"
    file.write_text("# ours\nWORKERS=3\nLEASE=5\nIN_DOUBT='skip'\nEMPTY\n")
    settings = load_settings({**MINIMUM, "WORKERS": "4"}, dotenv=str(file))
    assert (settings.workers, settings.lease, settings.in_doubt) == (4, 5, "skip")


def test_the_process_environment_is_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without arguments: os.environ, and .env in the working folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text(f"BOT_TOKEN={TOKEN}\nWEBHOOK_SECRET=from-file\n")
    monkeypatch.delenv("BOT_TOKEN", raising=False)
    monkeypatch.setenv("DATABASE_URL", "postgresql://db")
    monkeypatch.setenv("WEBHOOK_SECRET", "from-environment")
    settings = load_settings()
    assert (settings.bot_token, settings.webhook_secret) == (TOKEN, "from-environment")


def test_a_missing_file_is_no_fault(tmp_path: Path) -> None:
    """.env need not be there."""
    assert load_settings(MINIMUM, dotenv=str(tmp_path / "none")).workers == 16


def test_a_file_that_cannot_be_read_is_a_fault(tmp_path: Path) -> None:
    """A .env that is no text is one line, not a traceback."""
    file = tmp_path / ".env"
    file.write_bytes(b"BOT_TOKEN=\xff\xfe")
    with pytest.raises(SettingsError) as caught:
        load_settings(MINIMUM, dotenv=str(file))
    assert caught.value.faults == [f"{file} cannot be read: UnicodeDecodeError"]


def test_no_secret_is_in_the_repr() -> None:
    """Settings can be printed: tokens, secrets and addresses with passwords are left out."""
    leader = "postgresql://svc:hunter2@direct/svc"
    keys = {"KIE_API_KEY": "kie-key", "KIE_WEBHOOK_KEY": "kie-hook"}
    shown = repr(load(LEADER_DATABASE_URL=leader, WEBHOOK_URL=f"https://bot.example/{TOKEN}", **keys))
    assert "workers=16" in shown
    for secret in (TOKEN, "hook-secret", "pa%40ss", "pa@ss", "hunter2", *keys.values()):
        assert secret not in shown


def test_what_must_never_be_printed_is_listed() -> None:
    """Token, webhook secret, the provider's keys and every password, as written and as meant."""
    leader = "postgresql://direct/svc?user=svc&password=hunter%2b"
    settings = load(LEADER_DATABASE_URL=leader, KIE_API_KEY="kie-key", KIE_WEBHOOK_KEY="kie-hook")
    ours = {TOKEN, TOKEN[7:], "hook-secret", "kie-key", "kie-hook"}
    assert set(settings.secrets) == ours | {"pa%40ss", "pa@ss", "hunter%2b", "hunter+"}
    assert load_settings({}, dotenv=None, required=()).secrets == ()


# The table and what is made from it

REMEDY = "run `python -m svc.settings.documents`"


def test_every_setting_is_a_field_of_the_settings() -> None:
    """The table and the dataclass name the same things, in the same order."""
    assert [field.name for field in dataclasses.fields(Settings)] == [setting.name.lower() for setting in SETTINGS]
    assert len(SETTINGS) > 20


def test_every_default_is_a_value_that_can_be_set() -> None:
    """Written out, a default is what it is without."""
    for setting in SETTINGS:
        if setting.default not in (None, "", ()):
            assert setting.parse(str(setting.default)) == setting.default, setting.name


def test_the_readme_has_the_table() -> None:
    """Every row of the README's table of settings is the table's."""
    readme = (ROOT / "README.md").read_text("utf-8")
    assert readme_table() in readme, REMEDY
    assert len(re.findall(r"^\| `[A-Z_]+` \|", readme, re.MULTILINE)) == len(SETTINGS), REMEDY


def test_an_old_table_is_replaced() -> None:
    """Whatever rows it had; what stands around it stays."""
    old = "before\n\n| name | default | |\n|---|---|---|\n| `WORKERS` | 3 | x |\n| `OLD` | 1 | |\n\nafter | x |\n"
    assert with_table(old) == f"before\n\n{readme_table()}\nafter | x |\n"


def test_the_example_of_a_env_file_is_up_to_date() -> None:
    """`.env.example` is what the table makes of it."""
    assert (ROOT / ".env.example").read_text("utf-8") == env_example(), REMEDY


def test_the_example_waits_for_what_is_required_and_nothing_else(tmp_path: Path) -> None:
    """Unedited, each required setting is named as missing; filled in, all defaults are as without the file."""
    example = tmp_path / ".env"
    example.write_text(env_example())
    with pytest.raises(SettingsError) as caught:
        load_settings({}, dotenv=str(example))
    assert caught.value.faults == [f"{name} is not set" for name in REQUIRED]
    same = {**MINIMUM, "INSTANCE_ID": "one"}
    assert load_settings(same, dotenv=str(example)) == load_settings(same, dotenv=None)


def test_the_examples_comments_are_the_defaults(tmp_path: Path) -> None:
    """With every comment sign in front of a setting removed nothing changes."""
    example = tmp_path / ".env"
    example.write_text(re.sub(r"^#([A-Z_]+=)", r"\1", env_example(), flags=re.MULTILINE))
    assert "\nWORKERS=16\n" in example.read_text()
    same = {**MINIMUM, "INSTANCE_ID": "one"}
    assert load_settings(same, dotenv=str(example)) == load_settings(same, dotenv=None)


def test_the_help_explains_every_setting() -> None:
    """`svc run --help`: the name with its default, its text in plain words, no line too long for a terminal."""
    text = help_text()
    for setting in SETTINGS:
        assert f"\n  {setting.name} (" in text
    assert "WORKERS (default: 16)" in text
    assert "`" not in text
    assert max(map(len, text.splitlines())) <= 100
