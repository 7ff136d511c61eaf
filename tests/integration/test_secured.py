"""The whole product over encrypted lines, each worker as a user with the rights of `adrwatch rights` alone; and who is refused.

One Kafka, one Redis and one Triton serve all tests of this file.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from kafka import KafkaAdminClient
from kafka.admin import UserScramCredentialUpsertion
from kafka.admin._users import ScramMechanism
from pydantic import SecretStr
from typer.testing import CliRunner

from deploy.demo import sample
from deploy.local.processes import Context, Process, choose_port
from deploy.local.stack import Stack
from deploy.local.workers import environment
from services.alerting.link import RedisLink
from services.cli import build
from services.dashboard.operations.checks import of_redis, of_triton
from services.dashboard.view.mentions import Place
from services.dashboard.view.records import Records
from services.models.server import connected
from services.pipeline.inference import check_models
from shared import metrics, rights
from shared.broker import TopicReader, admin, committed
from shared.errors import AccessRefused, AdrwatchError, DependencyAway
from shared.latest_alerts import latest_alerts
from shared.models.repository import read_active
from shared.settings import PACKAGE_ROOT, Settings, load
from shared.stream import BatchResult, Output, Record
from shared.stream.batches import BatchRunner
from shared.topics import ALERTS, MENTIONS, OUTCOMES, POSTS, TOPICS
from shared.triton_security import TritonAddress
from shared.writer import Writer
from tests import topics
from tests.integration import secure_kafka, secure_redis
from tests.integration.certificates import Authority, Pair
from tests.integration.kafka_acls import run_script
from tests.integration.secure_kafka import SecureKafka
from tests.integration.secure_redis import SecureRedis
from tests.integration.secure_triton import SecureTriton

PREFIX = "adr"
WORKERS = ("pipeline", "alerting", "cases", "dashboard")
TRUTH = sample.load()
PATIENCE = 420.0
# What the page of operations says when Redis, Triton and Kafka answer.
WELL = ("noeviction", "ready: adr_classifier", "What each group of workers has not read yet")


def password(worker: str) -> str:
    return f"the-password-of-{worker}-and-of-nobody-else"


@dataclass
class Secured:
    """What runs, and where its files are."""

    folder: Path
    authority: Authority
    kafka: SecureKafka
    redis: SecureRedis
    triton: SecureTriton
    client: Pair
    port: int

    def settings(self, worker: str | None = None, **more: Any) -> Settings:
        """Those of a worker's user, or of the operator."""
        values: dict[str, Any] = {
            "kafka_bootstrap": self.kafka.address, "kafka_security": "SASL_SSL", "kafka_ca_file": self.authority.file,
            "kafka_username": secure_kafka.OPERATOR, "kafka_password": secure_kafka.PASSWORD, "kafka_sasl_mechanism": "PLAIN",
            "redis_url": self.redis.address, "redis_ca_file": self.authority.file,
            "redis_username": secure_redis.OPERATOR, "redis_password": secure_redis.PASSWORD,
            "triton_url": self.triton.address.replace("127.0.0.1", "localhost"), "triton_security": "SSL",
            "triton_ca_file": self.authority.file, "triton_cert_file": self.client.cert, "triton_key_file": self.client.key,
            "data_dir": self.folder / "data", "evaluate_every": 0.2, "author_secret": "a secret of the authors",
        }  # fmt: skip
        if worker is not None:
            own = {"username": rights.user(worker), "password": password(worker)}
            values |= {f"{server}_{name}": value for server in ("kafka", "redis") for name, value in own.items()}
            values["kafka_sasl_mechanism"] = "SCRAM-SHA-512"
        return load(**values | more)

    def environment(self, settings: Settings) -> dict[str, str]:
        """For a process; its passwords lie in files."""
        variables = {name: value for name, value in os.environ.items() if not name.startswith("ADRWATCH_")}
        variables |= environment(settings, {})
        for name in ("KAFKA_PASSWORD", "REDIS_PASSWORD", "AUTHOR_SECRET"):
            path = self.folder / f"{name}-{settings.kafka_username}"
            path.write_text(variables.pop(f"ADRWATCH_{name}") + "\n")
            path.chmod(0o600)
            variables[f"ADRWATCH_{name}_FILE"] = str(path)
        return variables


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    folder = tmp_path_factory.mktemp("secured")
    authority = Authority(folder / "authority")
    client = authority.client("adrwatch")
    passwords = folder / "passwords"
    passwords.mkdir()
    for worker in rights.WORKERS:
        (passwords / worker).write_text(password(worker))
        (passwords / worker).chmod(0o600)
    users = printed("rights", "redis", "--passwords", str(passwords))
    context = Context(folder, load().cache_dir, usual_ports=False)
    made = Secured(
        folder, authority, SecureKafka(context, authority), SecureRedis(context, authority, users),
        SecureTriton(context, PACKAGE_ROOT / "triton_models", authority, client), client,
        choose_port(context, "dashboard", None),
    )  # fmt: skip
    servers = (made.kafka, made.redis, made.triton)
    try:
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda server: server.start(), servers))
        topics.apply(made.settings())
        with admin(made.settings()) as asked:
            give_users(asked)
        made.kafka.command_config(folder / "operator.properties")
        run_script(printed("rights", "kafka"), made.kafka.address, folder / "operator.properties")
        yield made
    finally:
        for server in servers:
            server.stop()


def give_users(asked: KafkaAdminClient) -> None:
    asked.alter_user_scram_credentials([
        UserScramCredentialUpsertion(rights.user(worker), ScramMechanism.SCRAM_SHA_512, password(worker))
        for worker in rights.WORKERS
    ])  # fmt: skip


def printed(*words: str) -> str:
    done = CliRunner().invoke(build(), words)
    assert done.exit_code == 0, done.output
    return done.stdout


def until(holds: Callable[[], object], processes: Mapping[str, Process]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        for process in processes.values():
            assert process.poll() is None, process.output()
        assert time.monotonic() < deadline, {name: one.output()[-800:] for name, one in processes.items()}
        time.sleep(0.2)


@pytest.fixture(scope="module")
def replayed(secured: Secured) -> list[Path]:
    """The sample went through pipeline and alerting; gives the logs. Every process was looked at for secrets meanwhile."""
    processes: dict[str, Process] = {}
    lines: list[str] = []
    try:
        for worker in WORKERS:
            own = {
                "dashboard_access": "development",
                "dashboard_port": secured.port,
                "data_dir": secured.folder / worker,
            }
            environment = secured.environment(secured.settings(worker, **own))
            command = [sys.executable, "-m", "services.cli", "worker", worker]
            processes[worker] = Process(worker, command, secured.folder / f"{worker}.log", environment)
        replay = [
            sys.executable,
            "-m",
            "services.cli",
            "ingest",
            "replay",
            str(sample.POSTS),
            "--source-name",
            sample.SOURCE,
        ]
        done = subprocess.run(
            replay, env=secured.environment(secured.settings()), capture_output=True, text=True, timeout=PATIENCE
        )
        (secured.folder / "replay.log").write_text(done.stdout + done.stderr)
        assert done.returncode == 0, done.stderr

        def found() -> bool:
            lines.extend(command_lines(processes))
            verdict = sample.compare(TRUTH, latest_alerts(secured.settings()).all())
            return verdict.single_report_found and not verdict.missing

        until(found, processes)
        pages = f"http://127.0.0.1:{secured.port}"
        until(lambda: len(alerts_of(pages)) == len(latest_alerts(secured.settings()).all()), processes)
        until(lambda: all(words in httpx.get(f"{pages}/operations").text for words in WELL), processes)
        (secured.folder / "processes.log").write_text("\n".join(dict.fromkeys(lines)))
    finally:
        for process in processes.values():
            process.stop(30)
    return [*secured.folder.glob("*.log"), *(secured.folder / "logs").glob("*.log")]


def alerts_of(pages: str) -> list[Any]:
    try:
        answer = httpx.get(f"{pages}/api/v1/alerts", params={"limit": 500})
        return list(answer.json()["items"]) if answer.status_code == 200 else []
    except httpx.TransportError:
        return []


def command_lines(processes: Mapping[str, Process]) -> list[str]:
    found = []
    for process in processes.values():
        for one in (psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)):
            found.append(" ".join(one.cmdline()))
    return found


def test_what_was_planted_comes_out_over_encrypted_lines_and_no_worker_may_more_than_it_needs(
    secured: Secured, replayed: list[Path]
) -> None:
    verdict = sample.compare(TRUTH, latest_alerts(secured.settings()).all())
    assert verdict.as_expected
    for worker in WORKERS:
        assert "dependency away" not in (secured.folder / f"{worker}.log").read_text()
    with pytest.raises(AccessRefused, match="TopicAuthorizationFailedError") as refused:
        write(secured.settings("pipeline"), Output(ALERTS, "an alert", b"{}"))
    assert "adrwatch rights kafka" in refused.value.fix
    with pytest.raises(AdrwatchError, match=r"may not read adr\.posts"), TopicReader(secured.settings("notify"), POSTS):
        pass
    with pytest.raises(AccessRefused, match="no right to eval"):
        asyncio.run(on_redis(secured.settings("dashboard"), lambda pipe: pipe.eval("return 1", 1, "adrwatch:a")))
    with pytest.raises(AccessRefused, match="this user has no"):
        asyncio.run(on_redis(secured.settings("alerting"), lambda pipe: pipe.set("another:key", "1")))


def write(settings: Settings, *outputs: Output) -> None:
    with Writer(settings, 10.0) as writer:
        writer.write(outputs)


async def on_redis(settings: Settings, stage: Callable[[Any], None]) -> Any:
    link = RedisLink.of(settings)
    try:
        return await link.run(stage)
    finally:
        await link.close()


def test_every_client_goes_by_the_same_settings(secured: Secured, replayed: list[Path], tmp_path: Path) -> None:
    settings = secured.settings("dashboard")
    assert not of_redis(settings).wrong
    assert not of_triton(settings).wrong
    records = Records(settings, MENTIONS.name(PREFIX))
    try:
        with TopicReader(settings, MENTIONS) as reader:
            partition = max(reader.ends(), key=reader.ends().__getitem__)
        place = Place(partition, 0)
        assert records.at([place], time.monotonic() + 20)[place].value
    finally:
        records.close()
    assert sum(committed(secured.settings(), "adr.pipeline", POSTS).values()) == TRUTH.rows
    # The launcher takes servers that are given by address, with their users.
    with Stack(secured.settings(data_dir=tmp_path)) as stack:
        assert {row.part for row in stack.rows()} == {"kafka", "redis", "triton"}
    done = subprocess.run(
        [sys.executable, "-m", "services.cli", "reconcile", str(sample.POSTS), "--source-name", sample.SOURCE, "--json"],
        env=secured.environment(secured.settings()), capture_output=True, text=True, timeout=PATIENCE,
    )  # fmt: skip
    assert json.loads(done.stdout)["lost"] == 0, done.stderr


def test_no_secret_is_in_a_log_a_command_line_or_an_answer_of_a_command(secured: Secured, replayed: list[Path]) -> None:
    settings = subprocess.run(
        [sys.executable, "-m", "services.cli", "settings"], env=secured.environment(secured.settings("alerting")),
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert "set" in settings
    secrets = {
        secure_kafka.PASSWORD, secure_redis.PASSWORD, "a secret of the authors", *map(password, rights.WORKERS),
        secured.client.key.read_text().splitlines()[1],
    }  # fmt: skip
    assert {path.name for path in replayed} >= {
        "pipeline.log",
        "alerting.log",
        "replay.log",
        "processes.log",
        "kafka.log",
        "triton.log",
    }
    told = {path.name: path.read_text(errors="replace") for path in replayed} | {"settings": settings}
    # Redis's own operator stands in its file of users, which is no log.
    assert [(name, secret) for name, text in told.items() for secret in secrets if secret in text] == []


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.broker._CONNECT_MS", 5_000)
    monkeypatch.setattr("deploy.local.kafka.BOOTSTRAP_MS", 2_000)


def ask_kafka(settings: Settings) -> None:
    with admin(settings) as client:
        client.describe_cluster()


def ask_redis(settings: Settings) -> None:
    asyncio.run(on_redis(settings, lambda pipe: pipe.get("adrwatch:changes")))


def ask_triton(settings: Settings) -> None:
    asyncio.run(check_models(TritonAddress.of(settings), read_active(settings.model_repository).version, ()))
    with connected(TritonAddress.of(settings)) as server:
        server.loaded("adr_ner")


@pytest.mark.parametrize(
    ("wrong", "ask", "said", "fix"),
    [
        (
            {"kafka_password": "hush hush"},
            ask_kafka,
            "does not know the user adrwatch-alerting",
            "ADRWATCH_KAFKA_PASSWORD",
        ),
        ({"redis_password": "hush hush"}, ask_redis, "does not know this user", "ADRWATCH_REDIS_PASSWORD"),
        (
            {"redis_username": "default", "redis_password": "hush hush"},
            ask_redis,
            "does not know this user",
            "ADRWATCH_REDIS_USERNAME",
        ),
    ],
)
def test_a_wrong_password_is_said_with_the_setting_and_is_not_repeated(
    secured: Secured, quick: None, wrong: dict[str, str], ask: Callable[[Settings], None], said: str, fix: str
) -> None:
    with pytest.raises(AccessRefused, match=said) as refused:
        ask(secured.settings("alerting", **wrong))
    assert fix in refused.value.fix
    assert "hush" not in str(refused.value)
    assert not re.search(r"password-of", str(refused.value))


@pytest.mark.parametrize(("server", "ask"), [("kafka", ask_kafka), ("redis", ask_redis), ("triton", ask_triton)])
def test_a_server_of_a_foreign_authority_is_not_believed(
    secured: Secured, quick: None, server: str, ask: Callable[[Settings], None], tmp_path: Path
) -> None:
    foreign = Authority.foreign(tmp_path)
    settings = secured.settings("alerting").model_copy(update={f"{server}_ca_file": foreign.file})
    with pytest.raises(AccessRefused, match=f"certificate is not accepted .*ADRWATCH_{server.upper()}_CA_FILE"):
        ask(settings)


def test_a_certificate_that_has_run_out_is_said_to_have(secured: Secured, tmp_path: Path) -> None:
    context = Context(tmp_path, load().cache_dir, usual_ports=False)
    late = SecureRedis(context, secured.authority, "")
    late._keys = secured.authority.server("late", expired=True)
    late.probe = lambda: None  # type: ignore[method-assign]
    late.start()
    try:
        with pytest.raises(AccessRefused, match="certificate has expired"):
            ask_until_it_listens(secured.settings(redis_url=late.address))
    finally:
        late.stop()


def ask_until_it_listens(settings: Settings) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            ask_redis(settings)
        except AccessRefused:
            raise
        except DependencyAway:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_a_triton_that_wants_a_certificate_gets_none_from_who_has_none(secured: Secured) -> None:
    settings = secured.settings().model_copy(update={"triton_cert_file": None, "triton_key_file": None})
    with pytest.raises(AccessRefused, match="ADRWATCH_TRITON_CERT_FILE"):
        ask_triton(settings)


def test_a_broker_knows_a_client_by_its_certificate(secured: Secured, quick: None) -> None:
    shown = secured.settings().model_copy(
        update={
            "kafka_bootstrap": secured.kafka.shown, "kafka_security": "SSL", "kafka_username": None, "kafka_password": None,
            "kafka_cert_file": secured.client.cert, "kafka_key_file": secured.client.key,
        }
    )  # fmt: skip
    # It is let in, and has no rights.
    with pytest.raises(AdrwatchError, match=r"may not read adr\.outcomes"), TopicReader(shown, OUTCOMES):
        pass
    bare = shown.model_copy(update={"kafka_cert_file": None, "kafka_key_file": None})
    with pytest.raises(AccessRefused, match="ADRWATCH_KAFKA_CERT_FILE"):
        ask_kafka(bare)


@pytest.mark.parametrize(
    ("worker", "wrong", "said"),
    [
        (
            "alerting", {"kafka_username": "adrwatch-notify", "kafka_password": password("notify")},
            "adrwatch rights kafka",
        ),
        ("alerting", {"redis_password": "hush hush"}, "ADRWATCH_REDIS_PASSWORD"),
        ("pipeline", {"triton_ca_file": None}, "ADRWATCH_TRITON_CA_FILE"),
    ],
)  # fmt: skip
def test_a_worker_that_is_refused_ends_with_what_to_mend(
    secured: Secured, worker: str, wrong: dict[str, Any], said: str
) -> None:
    settings = secured.settings(worker).model_copy(
        update={name: replace_secret(value) if name.endswith("password") else value for name, value in wrong.items()}
    )
    done = subprocess.run(
        [sys.executable, "-m", "services.cli", "worker", worker], env=secured.environment(settings), capture_output=True,
        text=True, timeout=PATIENCE,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert "the-password-of" not in done.stdout + done.stderr


def replace_secret(value: str) -> Any:
    return SecretStr(value)


def test_every_worker_has_all_rights_that_it_looks_for_as_it_starts(secured: Secured) -> None:
    for worker in rights.WORKERS:
        rights.check(secured.settings(worker), worker)


def test_rights_are_given_for_every_topic_that_exists() -> None:
    read = {topic for one in rights.WORKERS.values() for topic in one.reads}
    written = {topic for one in rights.WORKERS.values() for topic in one.writes}
    assert read >= set(TOPICS)
    assert written >= set(TOPICS) - {next(topic for topic in TOPICS if topic.suffix == "drug-names")}


async def test_a_right_that_is_taken_away_makes_a_worker_wait_and_costs_no_record(secured: Secured) -> None:
    link, sent = RedisLink.of(secured.settings("alerting")), list[Output]()

    async def handle(_records: list[Record]) -> BatchResult:
        await link.run(lambda pipe: pipe.set("adrwatch:a-key-of-this-test", "1"))
        return BatchResult()

    async def send(outputs: Sequence[Output]) -> None:
        sent.extend(outputs)

    runner = BatchRunner("a-stage-of-this-test", handle, send, retry_first=0.05, retry_most=0.1)
    operator = RedisLink.of(secured.settings())
    user = rights.user("alerting")
    await operator.run(lambda pipe: pipe.execute_command("ACL", "SETUSER", user, "-set"))
    waiting = asyncio.create_task(runner.run([Record("adr.outcomes", 0, number, b"k", b"{}") for number in range(3)]))
    try:
        retries = metrics.RETRIES.labels(runner.stage)
        async with asyncio.timeout(30):
            while retries._value.get() < 3:  # noqa: ASYNC110 - a counter tells nobody
                await asyncio.sleep(0.05)
        assert not waiting.done()
    finally:
        await operator.run(lambda pipe: pipe.execute_command("ACL", "SETUSER", user, "+set"))
    async with asyncio.timeout(30):
        await waiting
    assert sent == []
    await link.close()
    await operator.close()
